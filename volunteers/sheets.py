"""The spreadsheets staff keep of volunteers and of hours."""

from collections.abc import Sequence
from dataclasses import replace

from django.utils.translation import gettext as _

from backend.accounts.errors import PhoneBelongsToAnother, PhoneWithdrawn
from backend.accounts.models import User
from backend.accounts.phones import digest
from backend.accounts.selectors import numbers_withdrawn
from backend.communities.models import Community
from backend.errors import Refusal
from backend.imports import cells
from backend.imports.reader import Column, Row, RowError, excerpt
from backend.imports.run import BatchOutcome
from backend.imports.sheet import Sheet
from backend.names import is_one_person, of_person, of_thing
from points.errors import RuleMissing
from volunteers import selectors
from volunteers.errors import CategoryUnknown, VolunteerDiffers, VolunteerLeft
from volunteers.models import Attendance, Volunteer
from volunteers.services import hours, timesheets
from volunteers.services.people import enrol_from_list

KINDS = {
    "居民": Volunteer.Kind.RESIDENT,
    "快递员": Volunteer.Kind.COURIER,
    "外卖骑手": Volunteer.Kind.RIDER,
    "网约车司机": Volunteer.Kind.DRIVER,
}
NAME = Column(header="姓名", name="name", parse=cells.name(max_length=60))
PHONE = Column(header="手机号", name="phone", parse=cells.phone)


class VolunteersSheet(Sheet):
    """姓名, 手机号, 身份, 小区 (may be missing): one volunteer a row, one row a phone.

    Rows about people who have done something about it since are named and left alone.
    """

    columns = (
        NAME,
        PHONE,
        Column(header="身份", name="kind", parse=cells.choice(KINDS)),
        Column(header="小区", name="estate", parse=cells.name(max_length=60), required=False),
    )

    def __init__(self, community: Community) -> None:
        super().__init__(community)
        self._rows: dict[str, Row] = {}  # phone → the row that has it

    def take(self, rows: list[Row]) -> BatchOutcome:
        created, unchanged = 0, 0
        errors: list[RowError] = []
        for row in rows:
            first = self._rows.setdefault(row.values["phone"], row)
            if first is not row:
                if _says(first) == _says(row):
                    unchanged += 1
                else:
                    reason = _("The phone number stands in line %(line)d already.")
                    errors.append(
                        _phone_error(row, "phone_duplicate", reason % {"line": first.line})
                    )
                continue
            try:
                _volunteer, is_new = enrol_from_list(
                    community=self.community,
                    name=row.values["name"],
                    phone=row.values["phone"],
                    kind=row.values["kind"],
                    estate_name=row.values["estate"] or "",
                )
            except Refusal as refusal:
                errors.append(_left_alone(row, refusal))
                continue
            created, unchanged = created + is_new, unchanged + (not is_new)
        return created, unchanged, errors


def _says(row: Row) -> tuple[str, str, str]:
    """What a row says of a phone's owner, as it is compared."""
    estate = of_thing(row.values["estate"] or "")
    return of_person(row.values["name"]), row.values["kind"], estate


class HoursSheet(Sheet):
    """活动, 类别, 姓名, 手机号, 签到, 签退: one attended shift a row.

    With a ``verifier`` the hours are verified as well and earn their points, in the order of
    check-out, then phone.
    """

    def __init__(self, community: Community, verifier: User | None = None) -> None:
        super().__init__(community)
        self._verifier = verifier

    @property
    def columns(self) -> Sequence[Column]:
        moment = cells.local_datetime(self.community.timezone)
        return (
            Column(header="活动", name="activity", parse=cells.text(max_length=80)),
            Column(header="类别", name="category", parse=cells.text(max_length=40)),
            NAME,
            PHONE,
            Column(header="签到", name="checked_in_at", parse=moment),
            Column(header="签退", name="checked_out_at", parse=moment),
        )

    def take(self, rows: list[Row]) -> BatchOutcome:
        digests = [digest(row.values["phone"]) for row in rows]
        known = {
            volunteer.user.phone_digest: volunteer
            for volunteer in Volunteer.objects.filter(
                community=self.community, user__phone_digest__in=set(digests)
            ).select_related("user")
        }
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
                errors.append(_left_alone(row, PhoneWithdrawn()))
            elif volunteer is None:
                errors.append(self._stranger(row, others.get(phone_digest)))
            elif not is_one_person(volunteer.user.name, row.values["name"]):
                errors.append(_left_alone(row, PhoneBelongsToAnother()))
            elif volunteer.left_at is not None and volunteer.left_at < until:
                errors.append(_left_alone(row, VolunteerLeft()))
            else:
                good.append(row)
                entries.append(
                    timesheets.PaperHours(
                        volunteer_id=volunteer.user_id,
                        activity=row.values["activity"],
                        category=row.values["category"],
                        checked_in_at=row.values["checked_in_at"],
                        checked_out_at=until,
                    )
                )
        recorded = timesheets.record_many(community=self.community, entries=entries)
        kept = []
        for row, answer in zip(good, recorded, strict=True):
            if answer.refusal:
                errors.append(_hours_error(row, answer.refusal))
            else:
                kept.append((row, answer))
        if self._verifier:
            kept, unverified = _verified(kept, self._verifier)
            errors.extend(unverified)
        created = sum(answer.is_new for _row, answer in kept)
        return created, len(kept) - created, errors

    def _stranger(self, row: Row, user: User | None) -> RowError:
        """Why nobody volunteers here who is called so; ``user`` is whose the number is."""
        if user and not is_one_person(user.name, row.values["name"]):
            return _left_alone(row, PhoneBelongsToAnother())
        if user and selectors.stays_away(user, self.community):
            return _left_alone(row, VolunteerLeft())
        reason = _("Nobody with this phone number volunteers here.")
        return _phone_error(row, "volunteer_unknown", reason)


def _verified(
    kept: list[tuple[Row, timesheets.Recorded]], verifier: User
) -> tuple[list[tuple[Row, timesheets.Recorded]], list[RowError]]:
    """Verify in order; what is refused is taken off the record again."""
    verified, errors, refused = [], [], []
    for row, answer in sorted(
        kept, key=lambda one: (one[0].values["checked_out_at"], one[0].values["phone"])
    ):
        attendance = Attendance(pk=answer.attendance_id)
        try:
            hours.verify(attendance=attendance, verifier=verifier)
        except Refusal as refusal:
            errors.append(_hours_error(row, refusal))
            if answer.is_new:
                refused.append(answer)
        else:
            verified.append((row, answer))
    # Only now: the same row may stand in the file twice.
    timesheets.take_back(refused)
    return verified, errors


def _hours_error(row: Row, refusal: Refusal) -> RowError:
    column = "类别" if isinstance(refusal, CategoryUnknown | RuleMissing) else "签到"
    return RowError(row.line, column, refusal.code, str(refusal.title))


def _who(row: Row) -> tuple[str, str]:
    return row.values["phone"], row.values["name"]


def _left_alone(row: Row, refusal: Refusal) -> RowError:
    """What somebody did since counts: the row is named, and spoils no list."""
    if isinstance(refusal, VolunteerDiffers):
        return RowError(row.line, "身份", refusal.code, str(refusal.title), is_left=True)
    return replace(_phone_error(row, refusal.code, str(refusal.title)), is_left=True)


def _phone_error(row: Row, code: str, reason: str) -> RowError:
    shown = excerpt(row.values["phone"], personal=True)
    return RowError(row.line, PHONE.header, code, reason, shown)
