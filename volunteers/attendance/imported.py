"""Hours and sign-ups as something that an import wrote, and may take back."""

from collections import Counter
from uuid import UUID

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from backend.imports.kinds import Taken, Thing, referred_to
from points.awards.selectors import points_by_source
from points.ledger.selectors import available_to
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.services import hours, sign_ups, timesheets

Status = Attendance.Status
# Rejected and voided ones count for nothing, and stay as they are.
AS_WRITTEN = (Status.CHECKED_OUT, Status.VERIFIED, Status.REJECTED, Status.VOIDED)


# --- hours ------------------------------------------------------------------------------------
def _on_hours(taken: Taken) -> dict[UUID, str | Promise]:
    """Tell of hours that were corrected, published or objected to, or whose points are spent."""
    found = referred_to(Attendance, taken)
    rows = {row.pk: row for row in _rows(taken)}
    changed = _("It was changed since.")
    for pk in taken.ids:
        row = rows.get(pk)
        if row is None or row.corrected_by_id is not None or row.status not in AS_WRITTEN:
            found[pk] = changed
        elif row.status == Status.VERIFIED and row.verified_by_id == taken.by.pk:
            found[pk] = _("You verified them; somebody else takes them back.")
        elif row.status == Status.VERIFIED and row.volunteer_id == taken.by.pk:
            found[pk] = _("They are your own; somebody else takes them back.")
    return found | _spent(taken, [row for row in rows.values() if row.status == Status.VERIFIED])


def _spent(taken: Taken, verified: list[Attendance]) -> dict[UUID, str | Promise]:
    """Tell of verified hours of people who no longer have all the points of them."""
    if not verified:
        return {}
    earned = points_by_source([taken.community.pk], [row.award_source for row in verified])
    owed: Counter[UUID] = Counter()
    for row in verified:
        owed[row.volunteer_id] += earned.get(row.award_source, 0)
    have = available_to(taken.community, owed)
    short = {person for person, points in owed.items() if points > have.get(person, 0)}
    told = _("Points of them have been spent.")
    return {row.pk: told for row in verified if row.volunteer_id in short}


def _undo_hours(taken: Taken) -> None:
    before = taken.before
    rows = {row.pk: row for row in _rows(taken)}
    fresh = {pk: before[pk] for pk, row in rows.items() if row.status == Status.CHECKED_OUT}
    timesheets.take_back(taken.community, fresh)
    for row in rows.values():
        if row.status == Status.VERIFIED:
            reason = _("The list was taken back.")
            hours.void(attendance=row, voider=taken.by, reason=reason)


# --- sign-ups ---------------------------------------------------------------------------------
def _on_sign_ups(taken: Taken) -> dict[UUID, str | Promise]:
    """Tell of places whose volunteers have come, or whose shifts are over."""
    now = timezone.now()
    kept = {
        row.pk
        for row in _rows(taken)
        if row.status == Status.CANCELLED
        or (row.status == Status.SIGNED_UP and row.shift.ends_at > now)
    }
    return dict.fromkeys(set(taken.ids) - kept, _("They have come, or the shift is over."))


def _undo_sign_ups(taken: Taken) -> None:
    for row in _rows(taken):
        sign_ups.cancel(attendance=row)


def _rows(taken: Taken) -> list[Attendance]:
    rows = Attendance.objects.filter(community=taken.community, pk__in=taken.ids)
    return list(rows.select_related("shift__activity", "community", "volunteer").order_by("pk"))


HOURS = Thing("hours", _on_hours, _undo_hours)
SIGN_UP = Thing("sign_up", _on_sign_ups, _undo_sign_ups)
