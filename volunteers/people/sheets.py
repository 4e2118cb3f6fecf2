"""The spreadsheet of volunteers that staff keep."""

from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.accounts.models import User
from backend.accounts.phones import digest
from backend.communities.models import Community
from backend.errors import Refusal
from backend.imports import cells
from backend.imports.reader import Column, Row, RowError, excerpt
from backend.imports.run import BatchOutcome, Made
from backend.imports.sheet import Sheet
from backend.names import of_person, of_thing
from volunteers.people.errors import VolunteerDiffers
from volunteers.people.models import Volunteer
from volunteers.people.services.people import enrol_from_list

KINDS = {
    "居民": Volunteer.Kind.RESIDENT,
    "快递员": Volunteer.Kind.COURIER,
    "外卖骑手": Volunteer.Kind.RIDER,
    "网约车司机": Volunteer.Kind.DRIVER,
}
NAME = Column(
    header="姓名",
    name="name",
    parse=cells.name(max_length=60),
    about=gettext_lazy("Name, as the person writes it"),
    example="王小明",
)
PHONE = Column(
    header="手机号",
    name="phone",
    parse=cells.phone,
    about=gettext_lazy("Mobile number of 11 digits; it says who the person is"),
    example="19900000001",
)
ESTATE = Column(
    header="小区",
    name="estate",
    parse=cells.name(max_length=60),
    required=False,
    about=gettext_lazy("Estate; a new name founds one"),
    example="一号院",
)


class VolunteersSheet(Sheet):
    """姓名, 手机号, 身份, 小区 (optional): one volunteer a row, one row a phone number.

    A row that contradicts its person's own acts since is reported and skipped.
    """

    columns = (
        NAME,
        PHONE,
        Column(
            header="身份",
            name="kind",
            parse=cells.choice(KINDS),
            about=gettext_lazy(
                "居民 (resident), 快递员 (courier), 外卖骑手 (rider) or 网约车司机 (driver)"
            ),
            example="居民",
        ),
        ESTATE,
    )

    def __init__(self, community: Community, by: User | None = None) -> None:
        super().__init__(community, by)
        self._rows: dict[str, Row] = {}  # phone → the row that has it

    def take(self, rows: list[Row]) -> BatchOutcome:
        created, unchanged = 0, 0
        errors: list[RowError] = []
        made: list[Made] = []
        for row in rows:
            first = self._rows.setdefault(row.values["phone"], row)
            if first is not row:
                if _says(first) == _says(row):
                    unchanged += 1
                else:
                    reason = _("The phone number stands in line %(line)d already.")
                    errors.append(
                        phone_error(row, "phone_duplicate", reason % {"line": first.line})
                    )
                continue
            try:
                volunteer, is_new = enrol_from_list(
                    community=self.community,
                    name=row.values["name"],
                    phone=row.values["phone"],
                    kind=row.values["kind"],
                    estate_name=row.values["estate"] or "",
                    enrolled_by=self.by,
                )
            except Refusal as refusal:
                errors.append(left_alone(row, refusal))
                continue
            created, unchanged = created + is_new, unchanged + (not is_new)
            if is_new:
                made.append(Made(row.line, "volunteer", volunteer.pk))
        return BatchOutcome(created, unchanged, errors, made)


def volunteers_named(community: Community, rows: list[Row]) -> dict[str | None, Volunteer]:
    """Return the volunteers of the community whose phones rows name, by the phone's digest."""
    named = {digest(row.values["phone"]) for row in rows}
    found = Volunteer.objects.filter(community=community, user__phone_digest__in=named)
    return {one.user.phone_digest: one for one in found.select_related("user")}


def _says(row: Row) -> tuple[str, str, str]:
    """Return the facts of a row in the form in which rows are compared."""
    estate = of_thing(row.values["estate"] or "")
    return of_person(row.values["name"]), row.values["kind"], estate


def phone_error(row: Row, code: str, reason: str) -> RowError:
    """Return an error that names the row by its phone number, masked."""
    shown = excerpt(row.values["phone"], personal=True)
    return RowError(row.line, PHONE.header, code, reason, shown)


def left_alone(row: Row, refusal: Refusal) -> RowError:
    """Return the error of a row that is skipped; it stops no import."""
    if isinstance(refusal, VolunteerDiffers):
        return RowError(row.line, "身份", refusal.code, str(refusal.title), is_left=True)
    return replace(phone_error(row, refusal.code, str(refusal.title)), is_left=True)
