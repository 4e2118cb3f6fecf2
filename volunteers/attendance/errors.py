"""Refusals about places in shifts, check-ins and hours."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid, NotFound


class ShiftFull(Conflict):
    code = "shift_full"
    title = _("All places of this shift are taken.")


class TooYoung(Conflict):
    code = "too_young"
    title = _("You are too young for this activity.")


class AgeUnknown(Conflict):
    code = "age_unknown"
    title = _("This activity asks for an age, so your birthday has to be known first.")


class CapacityTooSmall(Conflict):
    code = "capacity_too_small"
    title = _("More places of this shift are taken already.")


class ActivityAttended(Conflict):
    code = "activity_attended"
    title = _("Somebody has checked in to this activity, so its category stays.")


class ShiftAttended(Conflict):
    code = "shift_attended"
    title = _("Somebody has checked in to this shift, so its times stay.")


class ShiftVerified(Conflict):
    code = "shift_verified"
    title = _("Hours of this shift are verified, so it cannot be cancelled.")


class CheckInTooEarly(Conflict):
    code = "check_in_too_early"
    title = _("Check-in opens 30 minutes before the shift begins.")


class CheckInTooLate(Conflict):
    code = "check_in_too_late"
    title = _("This shift can no longer be checked in to.")


class CheckInByLeader(Conflict):
    code = "check_in_by_leader"
    title = _("Whoever leads this activity marks who was there.")


class NotSignedUp(Conflict):
    code = "not_signed_up"
    title = _("This shift is for those who signed up.")


class CodeForged(Invalid):
    code = "code_forged"
    title = _("This is none of our codes for checking in.")


class PresenceCodeExpired(Conflict):
    code = "presence_code_expired"
    title = _("This code is no longer shown; please scan the present one.")


class CodeOfAnotherShift(Conflict):
    code = "code_of_another_shift"
    title = _("This code belongs to another shift.")


class AttendanceUnknown(NotFound):
    code = "attendance_unknown"
    title = _("There is no such attendance of yours.")


class GateClosed(Conflict):
    code = "gate_closed"
    title = _("The shift is over or cancelled, so no page shows its code.")


class TimeInTheFuture(Invalid):
    code = "time_in_the_future"
    title = _("That time has not come yet.")


class NonceReused(Conflict):
    code = "nonce_reused"
    title = _("This nonce belongs to another check-in.")


class AttendanceStatusWrong(Conflict):
    code = "attendance_status_wrong"
    title = _("This is not possible in the attendance's present state.")


class AlreadyElsewhere(Conflict):
    code = "already_elsewhere"
    title = _("There is another attendance at that time.")


class CheckedOutBeforeIn(Invalid):
    code = "checked_out_before_in"
    title = _("A check-out comes after its check-in.")


class OwnHours(Forbidden):
    code = "own_hours"
    title = _("Nobody verifies, corrects or voids hours of their own.")


class OwnRecord(Forbidden):
    code = "own_record"
    title = _("Somebody else than who marked or corrected this has to decide on it.")


class OwnVerification(Forbidden):
    code = "own_verification"
    title = _("Somebody else than who decided on this has to look at it again.")


class FiguresTooFine(Forbidden):
    """Months of a team or an estate might tell of single people."""

    code = "figures_too_fine"
    title = _("The months of a team or an estate are shown to its staff and leaders.")


class CallOutReachesNobody(Conflict):
    code = "call_out_reaches_nobody"
    title = _("Nobody whom this would call could come to this shift.")


class OwnObjection(Forbidden):
    code = "own_objection"
    title = _("Somebody else than who objected has to decide on it.")


class AppealedAlready(Conflict):
    code = "appealed_already"
    title = _("This record has been appealed already, and is so once.")


class ObjectionDecided(Conflict):
    code = "objection_decided"
    title = _("Somebody has decided on this objection already.")


class EvaluatedAlready(Conflict):
    code = "evaluated_already"
    title = _("This record has been evaluated already.")
