"""The spreadsheets of hours and of sign-ups that staff keep, and the roster of a shift."""

from collections.abc import Sequence
from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.accounts.errors import PhoneBelongsToAnother, PhoneWithdrawn
from backend.accounts.models import User
from backend.accounts.phones import digest, mask
from backend.accounts.selectors import numbers_withdrawn
from backend.communities.models import Community
from backend.errors import Refusal
from backend.events.models import Status as Planned
from backend.files import spreadsheets
from backend.files.spreadsheets import Cell
from backend.imports import cells
from backend.imports.reader import Column, Row, RowError
from backend.imports.run import BatchOutcome, Made
from backend.imports.sheet import Sheet
from backend.names import is_one_person, of_thing
from points.rules.errors import RuleMissing
from volunteers.activities.errors import CategoryUnknown
from volunteers.activities.models import Activity, Shift
from volunteers.activities.sheets import CATEGORY_COLUMN, STARTS, STARTS_COLUMN, TITLE, name_of
from volunteers.attendance import selectors
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.services import hours, sign_ups, timesheets
from volunteers.people import selectors as people
from volunteers.people.errors import VolunteerLeft
from volunteers.people.sheets import NAME, PHONE, left_alone, phone_error, volunteers_named
from volunteers.teams.sheets import error_of

FACTS = ("activity", "category", "checked_in_at", "checked_out_at")


class HoursSheet(Sheet):
    """活动, 类别, 姓名, 手机号, 签到, 签退: one attended shift a row.

    With a ``verifier`` the hours are verified as well and earn points, in the order of check-out,
    then phone number. What somebody imports, somebody else verifies.
    """

    def __init__(
        self, community: Community, by: User | None = None, *, verifier: User | None = None
    ) -> None:
        super().__init__(community, by)
        self._verifier = verifier

    @property
    def columns(self) -> Sequence[Column]:
        moment = cells.local_datetime(self.community.timezone)
        return (
            replace(TITLE, name="activity"),
            CATEGORY_COLUMN,
            NAME,
            PHONE,
            Column(
                header="签到",
                name="checked_in_at",
                parse=moment,
                about=gettext_lazy("When they came, to the minute"),
                example="2026-03-01 07:00",
            ),
            Column(
                header="签退",
                name="checked_out_at",
                parse=moment,
                about=gettext_lazy("When they left, to the minute"),
                example="2026-03-01 09:00",
            ),
        )

    def take(self, rows: list[Row]) -> BatchOutcome:
        digests = [digest(row.values["phone"]) for row in rows]
        known = volunteers_named(self.community, rows)
        strangers = {_who(row): d for row, d in zip(rows, digests, strict=True) if d not in known}
        withdrawn = numbers_withdrawn(strangers)
        others = {
            user.phone_digest: user
            for user in User.objects.filter(phone_digest__in=set(strangers.values()))
        }
        errors: list[RowError] = []
        good: list[Row] = []
        entries: list[timesheets.PaperHours] = []
        for row, phone_digest in zip(rows, digests, strict=True):
            volunteer = known.get(phone_digest)
            until = row.values["checked_out_at"]
            if volunteer is None and _who(row) in withdrawn:
                errors.append(left_alone(row, PhoneWithdrawn()))
            elif volunteer is None:
                errors.append(self._stranger(row, others.get(phone_digest)))
            elif not is_one_person(volunteer.user.name, row.values["name"]):
                errors.append(left_alone(row, PhoneBelongsToAnother()))
            elif volunteer.left_at is not None and volunteer.left_at < until:
                errors.append(left_alone(row, VolunteerLeft()))
            else:
                facts = {name: row.values[name] for name in FACTS}
                good.append(row)
                entries.append(timesheets.PaperHours(volunteer.user_id, **facts))
        planned: list[Activity | Shift] = []
        recorded = timesheets.record_many(
            community=self.community, entries=entries, recorded_by=self.by, planned=planned
        )
        kept = []
        for row, answer in zip(good, recorded, strict=True):
            if answer.refusal:
                errors.append(_hours_error(row, answer.refusal))
            else:
                kept.append((row, answer))
        if self._verifier:
            kept, unverified = _verified(self.community, kept, self._verifier)
            errors.extend(unverified)
        new = [(row, answer) for row, answer in kept if answer.is_new]
        made = [Made(new[0][0].line, name_of(one), one.pk) for one in planned if new]
        for row, answer in new:
            assert answer.attendance_id is not None  # a recorded one has it
            made.append(Made(row.line, "hours", answer.attendance_id, answer.status_before))
        return BatchOutcome(len(new), len(kept) - len(new), errors, made)

    def _stranger(self, row: Row, user: User | None) -> RowError:
        """Return the error for a row without a volunteer here; ``user`` has its phone number."""
        if user and not is_one_person(user.name, row.values["name"]):
            return left_alone(row, PhoneBelongsToAnother())
        if user and people.stays_away(user, self.community):
            return left_alone(row, VolunteerLeft())
        reason = _("Nobody with this phone number volunteers here.")
        return phone_error(row, "volunteer_unknown", reason)


class SignUpsSheet(Sheet):
    """活动, 开始, 姓名, 手机号: a volunteer with a place in a planned shift a row.

    Whoever has the place already is left alone; a full shift refuses the row.
    """

    @property
    def columns(self) -> Sequence[Column]:
        moment = cells.local_datetime(self.community.timezone)
        return (
            replace(TITLE, name="activity"),
            replace(STARTS_COLUMN, parse=moment),
            NAME,
            PHONE,
        )

    def take(self, rows: list[Row]) -> BatchOutcome:
        known = volunteers_named(self.community, rows)
        planned = Shift.objects.filter(
            community=self.community,
            starts_at__in={row.values["starts_at"] for row in rows},
            status=Planned.PLANNED,
        ).select_related("activity")
        shifts = {(one.activity.title_compared, one.starts_at): one for one in planned}
        created, unchanged = 0, 0
        errors: list[RowError] = []
        made: list[Made] = []
        for row in rows:
            volunteer = known.get(digest(row.values["phone"]))
            shift = shifts.get((of_thing(row.values["activity"]), row.values["starts_at"]))
            wrong = [error] if (error := error_of(row, volunteer)) else []
            if shift is None:
                reason = _("No shift of this activity begins then.")
                wrong.append(RowError(row.line, STARTS, "shift_unknown", reason))
            errors.extend(wrong)
            if not wrong:
                assert volunteer is not None
                assert shift is not None
                places = Attendance.objects.filter(
                    community=self.community, shift=shift, volunteer=volunteer.user
                )
                is_new = not places.exclude(status=Attendance.Status.CANCELLED).exists()
                try:
                    place = sign_ups.sign_up(shift=shift, volunteer=volunteer.user)
                except Refusal as refusal:
                    reason = str(refusal.title)
                    errors.append(RowError(row.line, STARTS, refusal.code, reason))
                else:
                    created, unchanged = created + is_new, unchanged + (not is_new)
                    if is_new:
                        made.append(Made(row.line, "sign_up", place.pk))
        return BatchOutcome(created, unchanged, errors, made)


def _verified(
    community: Community, kept: list[tuple[Row, timesheets.Recorded]], verifier: User
) -> tuple[list[tuple[Row, timesheets.Recorded]], list[RowError]]:
    """Verify hours in order of check-out, and remove refused new ones from the record."""
    verified, errors, refused = [], [], []
    in_time = sorted(
        kept, key=lambda one: (one[0].values["checked_out_at"], one[0].values["phone"])
    )
    attendances = [
        Attendance(pk=answer.attendance_id, community=community) for _row, answer in in_time
    ]
    outcomes = hours.verify_many(community=community, attendances=attendances, verifier=verifier)
    for (row, answer), outcome in zip(in_time, outcomes, strict=True):
        if isinstance(outcome, Refusal):
            errors.append(_hours_error(row, outcome))
            if answer.is_new:
                refused.append(answer)
        else:
            verified.append((row, answer))
    # Taken back last, because the same row may stand in the file twice.
    timesheets.take_back(
        community, {one.attendance_id: one.status_before for one in refused if one.attendance_id}
    )
    return verified, errors


def _hours_error(row: Row, refusal: Refusal) -> RowError:
    column = "类别" if isinstance(refusal, CategoryUnknown | RuleMissing) else "签到"
    return RowError(row.line, column, refusal.code, str(refusal.title))


def _who(row: Row) -> tuple[str, str]:
    return row.values["phone"], row.values["name"]


def roster(shift: Shift, reader: User) -> spreadsheets.Sheet:
    """Return who signed up for a shift and what became of it, in the order of signing up.

    Phone numbers are masked, and left out for leaders.
    """
    clock = shift.community.clock
    places = list(selectors.attendances_at(shift).order_by("signed_up_at", "id"))
    selectors.hide_phones(reader, places)
    rows: list[list[Cell]] = []
    for place in places:
        person = place.volunteer
        phone = "" if person.is_shown_without_phone or not person.phone else mask(person.phone)
        moments = (place.signed_up_at, place.checked_in_at, place.checked_out_at)
        minutes: Cell = "" if place.worked_minutes is None else place.worked_minutes
        rows.append(
            [
                person.shown_name,
                phone,
                _(str(Attendance.Status(place.status).label)),
                *(moment.astimezone(clock) if moment else "" for moment in moments),
                minutes,
            ]
        )
    header = [
        _("Name"),
        _("Phone"),
        _("Status"),
        _("Signed up at"),
        _("Checked in at"),
        _("Checked out at"),
        _("Minutes"),
    ]
    begins = shift.starts_at.astimezone(clock)
    return spreadsheets.Sheet(f"{shift.activity.title} {begins:%Y-%m-%d %H%M}", header, rows)
