"""The spreadsheet of activities and their shifts that staff keep."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.errors import Refusal
from backend.events.models import Status, Venue
from backend.files import spreadsheets
from backend.files.spreadsheets import Cell
from backend.imports import cells
from backend.imports.reader import Column, Row, RowError
from backend.imports.run import BatchOutcome, Made
from backend.imports.sheet import Sheet
from backend.names import of_thing
from volunteers.activities import services
from volunteers.activities.errors import CategoryUnknown, TeamUnknown
from volunteers.activities.models import Activity, Shift
from volunteers.teams.models import Team

ACTIVITY, CATEGORY, TEAM, VENUE, STARTS = "活动", "类别", "队伍", "场地", "开始"
TITLE = Column(
    header=ACTIVITY,
    name="title",
    parse=cells.text(max_length=80),
    about=gettext_lazy("Name of the activity"),
    example="周末清扫",
)
CATEGORY_COLUMN = Column(
    header=CATEGORY,
    name="category",
    parse=cells.text(max_length=40),
    about=gettext_lazy("Category, as the rules for hours call it"),
    example="环境整治",
)
STARTS_COLUMN = Column(
    header=STARTS,
    name="starts_at",
    parse=cells.local_datetime("UTC"),  # a sheet reads it by its community's clock
    about=gettext_lazy("When it begins, to the minute"),
    example="2026-03-01 07:00",
)


class ActivitiesSheet(Sheet):
    """活动, 类别, 开始, 结束; 队伍, 场地, 地点, 名额, 需要人数, 公开 (optional): a shift a row.

    Rows with one title, category and team are one activity, planned with what its first row says.
    A shift that begins at that time is there already; if it ends at another, the row is refused.
    """

    @property
    def columns(self) -> Sequence[Column]:
        moment = cells.local_datetime(self.community.timezone)
        many = cells.whole_number(minimum=1, maximum=10_000)
        name, place = cells.name(max_length=60), cells.text(max_length=120)
        return (
            TITLE,
            CATEGORY_COLUMN,
            replace(STARTS_COLUMN, parse=moment),
            Column(
                header="结束",
                name="ends_at",
                parse=moment,
                about=gettext_lazy("When it ends, to the minute"),
                example="2026-03-01 09:00",
            ),
            _optional(TEAM, "team", name, gettext_lazy("Team that does it; it must be there"), ""),
            _optional(VENUE, "venue", name, gettext_lazy("Venue; it must be there"), ""),
            _optional(
                "地点", "place", place, gettext_lazy("Where people meet, in words"), "社区门口"
            ),
            _optional("名额", "capacity", many, gettext_lazy("Places, at most 10,000"), "20"),
            _optional("需要人数", "wanted", many, gettext_lazy("How many are needed"), "10"),
            _optional(
                "公开", "is_public", cells.yes_no, gettext_lazy("是 (yes) to show it to all"), "是"
            ),
        )

    def take(self, rows: list[Row]) -> BatchOutcome:
        whose = {"community": self.community}
        teams = {one.name_compared: one for one in Team.objects.filter(**whose, dissolved_at=None)}
        venues = {one.name_compared: one for one in Venue.objects.filter(**whose, closed_at=None)}
        created, unchanged = 0, 0
        errors: list[RowError] = []
        made: list[Made] = []
        for row in rows:
            team = teams.get(of_thing(row.values["team"] or ""))
            venue = venues.get(of_thing(row.values["venue"] or ""))
            wrong: list[RowError] = []
            if row.values["team"] and team is None:
                wrong.append(_error(row, TEAM, TeamUnknown()))
            if row.values["venue"] and venue is None:
                reason = _("This community has no such venue.")
                wrong.append(RowError(row.line, VENUE, "venue_unknown", reason))
            try:
                services.check_times(row.values["starts_at"], row.values["ends_at"])
            except Refusal as refusal:
                wrong.append(_error(row, STARTS, refusal))
            if wrong:
                errors.extend(wrong)
                continue
            try:
                with transaction.atomic():  # an activity whose shift is refused is not planned
                    planned = self._plan(row.values, team, venue)
            except CategoryUnknown as refusal:
                errors.append(_error(row, CATEGORY, refusal))
            except Refusal as refusal:
                errors.append(_error(row, STARTS, refusal))
            else:
                if planned is None:
                    reason = _("The activity has a shift then, which ends at another time.")
                    errors.append(RowError(row.line, STARTS, "shift_differs", reason))
                else:
                    created, unchanged = created + bool(planned), unchanged + (not planned)
                    made.extend(Made(row.line, name_of(one), one.pk) for one in planned)
        return BatchOutcome(created, unchanged, errors, made)

    def _plan(
        self, told: dict[str, Any], team: Team | None, venue: Venue | None
    ) -> list[Activity | Shift] | None:
        """Plan the shift of a row. Returns what is new, None if the known one ends otherwise."""
        activity = self._known(told, team)
        times = {name: told[name] for name in ("starts_at", "ends_at")}
        made: list[Activity | Shift] = []
        places = {name: told[name] for name in ("capacity", "wanted")}
        if activity is not None:
            shifts = Shift.objects.filter(community=self.community, activity=activity)
            known = shifts.filter(starts_at=told["starts_at"], status=Status.PLANNED).first()
            if known is not None:
                return [] if known.ends_at == told["ends_at"] else None
        services.check_wanted(told["wanted"], told["capacity"])
        if activity is None:
            activity = services.plan_activity(
                community=self.community,
                title=told["title"],
                category=told["category"],
                team_id=team and team.pk,
                venue_id=venue and venue.pk,
                place=told["place"] or "",
                is_public=bool(told["is_public"]),
                planned_by=self.by,
            )
            made.append(activity)
        made.append(services.plan_shift(activity=activity, **times, **places))
        return made

    def _known(self, told: dict[str, Any], team: Team | None) -> Activity | None:
        planned = Activity.objects.filter(
            community=self.community,
            title_compared=of_thing(told["title"]),
            team=team,
            status=Status.PLANNED,
        )
        category = of_thing(told["category"])
        alike = (one for one in planned.order_by("pk") if of_thing(one.category) == category)
        return next(alike, None)


def sheet_of(name: str, shifts: Iterable[Shift]) -> spreadsheets.Sheet:
    """Return the shifts as the spreadsheet that ``ActivitiesSheet`` reads, with their status."""
    header = [ACTIVITY, CATEGORY, STARTS, "结束", TEAM, VENUE, "地点", "名额", "需要人数", "公开"]
    return spreadsheets.Sheet(name, [*header, "状态"], _rows(shifts))


def _rows(shifts: Iterable[Shift]) -> Iterator[list[Cell]]:
    for shift in shifts:
        activity, clock = shift.activity, shift.community.clock
        yield [
            activity.title,
            activity.category,
            *(f"{at.astimezone(clock):%Y-%m-%d %H:%M}" for at in (shift.starts_at, shift.ends_at)),
            activity.team.name if activity.team else "",
            activity.venue.name if activity.venue else "",
            activity.place,
            "" if shift.capacity is None else shift.capacity,
            "" if shift.wanted is None else shift.wanted,
            "是" if activity.is_public else "否",
            shift.get_status_display(),
        ]


def _optional(
    header: str, name: str, parse: cells.Parser[Any], about: Promise, example: str
) -> Column:
    return Column(
        header=header, name=name, parse=parse, required=False, about=about, example=example
    )


def name_of(planned: Activity | Shift) -> str:
    """Return the word by which an import knows what it planned."""
    return "activity" if isinstance(planned, Activity) else "shift"


def _error(row: Row, column: str, refusal: Refusal) -> RowError:
    return RowError(row.line, column, refusal.code, str(refusal.title))
