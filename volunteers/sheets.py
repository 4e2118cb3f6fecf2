"""The spreadsheets staff keep of volunteers and of hours."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from backend.accounts.errors import PhoneBelongsToAnother
from backend.accounts.models import User
from backend.accounts.phones import digest
from backend.accounts.services.people import put_on_record
from backend.communities.models import Community
from backend.errors import Refusal
from backend.imports import cells
from backend.imports.reader import Column, Row, RowError, excerpt
from backend.imports.run import BatchOutcome
from backend.imports.sheet import Sheet
from points.errors import RuleMissing
from volunteers.errors import CategoryUnknown
from volunteers.models import Attendance, Volunteer
from volunteers.services import hours, timesheets
from volunteers.services.people import enrol

KINDS = {
    "居民": Volunteer.Kind.RESIDENT,
    "快递员": Volunteer.Kind.COURIER,
    "外卖骑手": Volunteer.Kind.RIDER,
    "网约车司机": Volunteer.Kind.DRIVER,
}
NAME = Column(header="姓名", name="name", parse=cells.text(max_length=60))
PHONE = Column(header="手机号", name="phone", parse=cells.phone)


class VolunteersSheet(Sheet):
    """姓名, 手机号, 身份, 小区 (may be missing): one volunteer a row, one row a phone."""

    columns = (
        NAME,
        PHONE,
        Column(header="身份", name="kind", parse=cells.choice(KINDS)),
        Column(header="小区", name="estate", parse=cells.text(max_length=60), required=False),
    )

    def __init__(self, community: Community) -> None:
        super().__init__(community)
        self._line_of: dict[str, int] = {}  # phone → the line that has it

    def take(self, rows: list[Row]) -> BatchOutcome:
        created, unchanged = 0, 0
        errors: list[RowError] = []
        for row in rows:
            phone, name = row.values["phone"], row.values["name"]
            if phone in self._line_of:
                reason = _("The phone number stands in line %(line)d already.")
                errors.append(
                    _phone_error(row, "phone_duplicate", reason % {"line": self._line_of[phone]})
                )
                continue
            self._line_of[phone] = row.line
            try:
                user = put_on_record(name=name, phone=phone)
            except PhoneBelongsToAnother as refusal:
                errors.append(_phone_error(row, refusal.code, str(refusal.title)))
                continue
            _volunteer, is_new = enrol(
                user=user,
                community=self.community,
                kind=row.values["kind"],
                estate_name=row.values["estate"] or "",
            )
            created, unchanged = created + is_new, unchanged + (not is_new)
        return created, unchanged, errors


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
            phone_digest: (user_id, name)
            for phone_digest, user_id, name in Volunteer.objects.filter(
                community=self.community, user__phone_digest__in=set(digests)
            ).values_list("user__phone_digest", "user_id", "user__name")
        }
        errors: list[RowError] = []
        good: list[Row] = []
        entries: list[timesheets.PaperHours] = []
        for row, phone_digest in zip(rows, digests, strict=True):
            user_id, name = known.get(phone_digest, (None, None))
            if user_id is None:
                reason = _("Nobody with this phone number volunteers here.")
                errors.append(_phone_error(row, "volunteer_unknown", reason))
            elif name != row.values["name"]:
                refusal = PhoneBelongsToAnother
                errors.append(_phone_error(row, refusal.code, str(refusal.title)))
            else:
                good.append(row)
                entries.append(
                    timesheets.PaperHours(
                        volunteer_id=user_id,
                        activity=row.values["activity"],
                        category=row.values["category"],
                        checked_in_at=row.values["checked_in_at"],
                        checked_out_at=row.values["checked_out_at"],
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


def _phone_error(row: Row, code: str, reason: str) -> RowError:
    shown = excerpt(row.values["phone"], personal=True)
    return RowError(row.line, PHONE.header, code, reason, shown)
