"""The spreadsheet of teams and their members that staff keep."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.accounts import phones
from backend.accounts.errors import PhoneBelongsToAnother
from backend.accounts.phones import digest
from backend.communities.models import Community
from backend.errors import Refusal
from backend.files import spreadsheets
from backend.files.spreadsheets import Cell
from backend.imports import cells
from backend.imports.reader import Column, Row, RowError
from backend.imports.run import BatchOutcome, Made
from backend.imports.sheet import Sheet
from backend.names import is_one_person
from volunteers.people.errors import VolunteerLeft
from volunteers.people.models import Volunteer
from volunteers.people.sheets import ESTATE, NAME, PHONE, left_alone, phone_error, volunteers_named
from volunteers.teams import selectors
from volunteers.teams.errors import TeamDiffers
from volunteers.teams.models import Team
from volunteers.teams.services import add_from_list

KINDS = {
    "服务队": Team.Kind.SERVICE_TEAM,
    "社会组织": Team.Kind.ORGANISATION,
    "兴趣小组": Team.Kind.INTEREST_GROUP,
}
TEAM = Column(
    header="队伍",
    name="team",
    parse=cells.name(max_length=60),
    about=gettext_lazy("Name of the team; a new name founds one"),
    example="红马甲服务队",
)


class TeamsSheet(Sheet):
    """队伍, 类型, 小区 (optional), 姓名, 手机号, 队长 (是 or 否, optional): a member a row.

    A team that is not there is founded; its members are volunteers of the community. A row that
    contradicts what its person did since is reported and skipped.
    """

    @property
    def columns(self) -> Sequence[Column]:
        return (
            TEAM,
            Column(
                header="类型",
                name="kind",
                parse=cells.choice(KINDS),
                about=gettext_lazy(
                    "服务队 (service team), 社会组织 (organisation) or 兴趣小组 (group)"
                ),
                example="服务队",
            ),
            ESTATE,
            NAME,
            PHONE,
            Column(
                header="队长",
                name="is_leader",
                parse=cells.yes_no,
                required=False,
                about=gettext_lazy("是 (yes) for who leads the team"),
                example="否",
            ),
        )

    def take(self, rows: list[Row]) -> BatchOutcome:
        known = volunteers_named(self.community, rows)
        created, unchanged = 0, 0
        errors: list[RowError] = []
        made: list[Made] = []
        for row in rows:
            volunteer = known.get(digest(row.values["phone"]))
            if error := error_of(row, volunteer):
                errors.append(error)
                continue
            assert volunteer is not None
            try:
                entry = add_from_list(
                    community=self.community,
                    name=row.values["team"],
                    kind=row.values["kind"],
                    estate_name=row.values["estate"] or "",
                    volunteer=volunteer.user,
                    is_leader=bool(row.values["is_leader"]),
                    added_by=self.by,
                )
            except TeamDiffers as refusal:
                errors.append(RowError(row.line, TEAM.header, refusal.code, str(refusal.title)))
                continue
            except Refusal as refusal:
                errors.append(left_alone(row, refusal))
                continue
            if entry.founded is not None:
                made.append(Made(row.line, "team", entry.founded.pk))
            if entry.was is None:
                unchanged += 1
            else:
                created += 1
                made.append(Made(row.line, "team_member", entry.member.pk, entry.was))
        return BatchOutcome(created, unchanged, errors, made)


def error_of(row: Row, volunteer: Volunteer | None) -> RowError | None:
    """Return why the row names no volunteer of the community, None if it does."""
    if volunteer is None:
        reason = _("Nobody with this phone number volunteers here.")
        return phone_error(row, "volunteer_unknown", reason)
    if not is_one_person(volunteer.user.name, row.values["name"]):
        return left_alone(row, PhoneBelongsToAnother())
    return left_alone(row, VolunteerLeft()) if volunteer.left_at is not None else None


def teams_and_members(place: Community) -> spreadsheets.Sheet:
    """Return the teams of a place with their members, in the columns of TeamsSheet and one more.

    Phone numbers are masked. A team without members has a row of its own.
    """
    kinds = {kind: label for label, kind in KINDS.items()}
    teams = selectors.teams_in(place).filter(dissolved_at__isnull=True).order_by("name", "id")
    members = selectors.people_in(list(teams))
    rows: list[list[Cell]] = []
    for team in teams:
        told = [team.name, kinds[Team.Kind(team.kind)], team.estate.name if team.estate else ""]
        rows += [
            [
                *told,
                member.volunteer.shown_name,
                phones.mask(member.volunteer.phone) if member.volunteer.phone else "",
                "是" if member.is_leader else "否",
                member.joined_at.astimezone(place.clock) if member.joined_at else "",
            ]
            for member in members.get(team.pk, ())
        ] or [[*told, "", "", "", ""]]
    header = ["队伍", "类型", "小区", "姓名", "手机号", "队长", _("Joined at")]
    name = " ".join((place.name, _("Teams"), str(place.today)))
    return spreadsheets.Sheet(name, header, rows)
