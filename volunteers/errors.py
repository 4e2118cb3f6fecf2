"""Refusals about activities, attendance and reports."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid


class ShiftTimesInvalid(Invalid):
    code = "shift_times_invalid"
    title = _("A shift ends after it begins, and lasts 24 hours at most.")


class ShiftFull(Conflict):
    code = "shift_full"
    title = _("All places of this shift are taken.")


class ShiftOver(Conflict):
    code = "shift_over"
    title = _("This shift is over.")


class CheckInTooEarly(Conflict):
    code = "check_in_too_early"
    title = _("Check-in opens 30 minutes before the shift begins.")


class CheckInTooLate(Conflict):
    code = "check_in_too_late"
    title = _("This shift can no longer be checked in to.")


class TimeInTheFuture(Invalid):
    code = "time_in_the_future"
    title = _("That time has not come yet.")


class NonceReused(Conflict):
    code = "nonce_reused"
    title = _("This nonce belongs to another check-in.")


class AttendanceStateWrong(Conflict):
    code = "attendance_state_wrong"
    title = _("This is not possible in the attendance's present state.")


class AlreadyElsewhere(Conflict):
    code = "already_elsewhere"
    title = _("There is another attendance at that time.")


class CheckedOutBeforeIn(Invalid):
    code = "checked_out_before_in"
    title = _("A check-out comes after its check-in.")


class OwnHours(Forbidden):
    code = "own_hours"
    title = _("Nobody verifies hours of their own.")


class OwnReport(Forbidden):
    code = "own_report"
    title = _("Nobody closes a report of their own.")


class ReportStateWrong(Conflict):
    code = "report_state_wrong"
    title = _("This report has been closed.")


class CategoryUnknown(Invalid):
    code = "category_unknown"
    title = _("No rule of this community covers this category.")


class AlreadyAVolunteer(Conflict):
    code = "already_a_volunteer"
    title = _("You are a volunteer of this community already.")


class VolunteerLeft(Conflict):
    """A list does not bring back who left, is about to, or thought better of joining."""

    code = "volunteer_left"
    title = _("They have left, or no longer want to join. They can join again by themselves.")


class VolunteerDiffers(Conflict):
    """A list does not change what somebody is."""

    code = "volunteer_differs"
    title = _("They are on record here as something else, or of another estate.")


class JoinCodeWrong(Invalid):
    code = "join_code_wrong"
    title = _("This is not the code of this community.")


class EstateUnknown(Invalid):
    code = "estate_unknown"
    title = _("There is no such estate in this community.")


class JoinRequestStateWrong(Conflict):
    code = "join_request_state_wrong"
    title = _("This request has been answered.")


class OwnJoinRequest(Forbidden):
    code = "own_join_request"
    title = _("Nobody answers a request of their own.")
