"""Figures of verified hours: minutes, attendances and people, by month, year, team or place.

A person counts once in each group and once in the total. Nothing is stored.

Whoever may not see names learns nothing of fewer than five people, not by subtraction either. For
them the hours of each community and year are divided into cells: by team and estate, or by month.
A cell of fewer people is left out, and if all that is left out is itself of fewer people, the
smallest other cell with it. A community's or street's total holds all of it but the years in which
fewer people served in the community; a group, a team's and an estate's figures hold the cells
alone that stay. Hence whatever is told is a sum of parts, each of five people or more, whichever
addresses are asked. The two divisions are margins of one table, whose inside nobody is told: the
months of a team or an estate are for those who may see names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from django.db import models

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import WATCHES_OVER, places_where
from backend.routing import reading
from volunteers.attendance.errors import FiguresTooFine
from volunteers.people.selectors import FEWEST_TOLD
from volunteers.teams.models import Team
from volunteers.teams.selectors import teams_watched_by


class By(models.TextChoices):
    """Grouping of figures; ``place`` is a street's community or a community's estate."""

    MONTH = "month"
    YEAR = "year"
    TEAM = "team"
    PLACE = "place"


@dataclass(frozen=True, kw_only=True)
class Sum:
    """Verified hours of a group, or in all. ``key`` is a month, a year, or an id; None: no team."""

    key: str | None = None
    name: str = ""
    minutes: int = 0
    backfilled_minutes: int = 0
    attendances: int = 0
    people: int = 0

    @property
    def average_hours(self) -> Decimal:
        """Hours of each person, to one place."""
        hours = Decimal(self.minutes) / 60 / max(self.people, 1)
        return hours.quantize(Decimal("0.1"), ROUND_HALF_UP)


@dataclass(frozen=True)
class Figures:
    """The total and its groups. ``left_out``: hours of few people are not in all of the figures."""

    total: Sum | None  # None: there are hours, of fewer people than may be told of
    groups: list[Sum] = field(default_factory=list)
    left_out: bool = False


def sees_names(reader: User | None, of: Community | Team) -> bool:
    """Tell whether ``reader`` may see who served: as staff, as auditor, or leading the team."""
    if reader is None:
        return False
    if isinstance(of, Team):
        return teams_watched_by(reader).filter(community=of.community_id, pk=of.pk).exists()
    return bool(places_where(reader, WATCHES_OVER).filter(pk=of.pk).exists())


def of_place(
    place: Community, *, sees_names: bool, by: By = By.YEAR, year: int | None = None
) -> Figures:
    """Sum the hours of a street, a community or an estate. Raises FiguresTooFine."""
    communities = [place.whose["community_id"]]
    if place.kind == Community.Kind.STREET:
        communities = list(Community.objects.filter(parent=place).values_list("pk", flat=True))
    estate = place.pk if place.kind == Community.Kind.ESTATE else None
    return _figures(communities, place, by, year, sees_names=sees_names, estate=estate)


def of_team(team: Team, *, sees_names: bool, by: By = By.YEAR, year: int | None = None) -> Figures:
    """Sum the hours of a team's activities. Raises FiguresTooFine."""
    whose = [team.community_id]
    return _figures(whose, team.community, by, year, sees_names=sees_names, team=team.pk)


# Local days, as for all figures of hours, are those of the check-in. A cell that has no estate or
# team has empty text for it, which joins as NULL would not.
_SQL = """
    WITH served AS (
        SELECT attendance.community_id, attendance.volunteer_id, attendance.is_backfilled,
            attendance.worked_minutes, activity.estate_id, activity.team_id,
            timezone(place.timezone, attendance.checked_in_at) AS at
        FROM volunteers_attendance AS attendance
        JOIN volunteers_shift AS shift
            ON shift.community_id = attendance.community_id AND shift.id = attendance.shift_id
        JOIN volunteers_activity AS activity
            ON activity.community_id = shift.community_id AND activity.id = shift.activity_id
        JOIN communities_community AS place ON place.id = attendance.community_id
        WHERE attendance.community_id = ANY (%(communities)s) AND attendance.status = 'verified'
    ), cut AS (
        SELECT *, extract(year FROM at)::int AS year, to_char(at, 'YYYY-MM') AS month,
            CASE WHEN %(by)s = 'month' THEN to_char(at, 'MM')
                ELSE concat(estate_id, '/', team_id) END AS cell
        FROM served
    ), cells AS (
        SELECT community_id, year, cell, count(DISTINCT volunteer_id) AS people
        FROM cut GROUP BY community_id, year, cell
    ), small AS (
        SELECT community_id, year, count(DISTINCT volunteer_id) AS people
        FROM cut JOIN cells USING (community_id, year, cell)
        WHERE cells.people < %(least)s
        GROUP BY community_id, year
    ), years AS (
        SELECT community_id, year, count(DISTINCT volunteer_id) AS people
        FROM cut GROUP BY community_id, year
    ), kept AS (
        SELECT community_id, year, cell, years.people >= %(least)s AS in_total,
            years.people >= %(least)s AND cells.people >= %(least)s
            AND NOT (
                coalesce(small.people < %(least)s, false)
                AND row_number() OVER (
                    PARTITION BY community_id, year, cells.people >= %(least)s
                    ORDER BY cells.people, cell
                ) = 1
            ) AS in_groups
        FROM cells
        JOIN years USING (community_id, year)
        LEFT JOIN small USING (community_id, year)
    ), told AS (
        SELECT cut.*, kept.in_groups, CASE WHEN %(is_whole)s THEN kept.in_total
            ELSE kept.in_groups END AS in_total
        FROM cut JOIN kept USING (community_id, year, cell)
        WHERE (%(year)s::int IS NULL OR year = %(year)s)
            AND (%(estate)s::uuid IS NULL OR estate_id = %(estate)s)
            AND (%(team)s::uuid IS NULL OR team_id = %(team)s)
    )
    SELECT true AS is_total, NULL AS key, {sums}
    FROM told WHERE in_total
    UNION ALL
    SELECT false, {key}, {sums}
    FROM told WHERE {of_groups} GROUP BY {key}
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, count(*), NULL FROM told WHERE NOT (in_total AND {of_groups})
    ORDER BY 1, 2
"""
_SUMS = """coalesce(sum(worked_minutes), 0),
        coalesce(sum(worked_minutes) FILTER (WHERE is_backfilled), 0),
        count(*), count(DISTINCT volunteer_id)"""


def _figures(
    communities: Sequence[UUID | None],
    place: Community,
    by: By,
    year: int | None,
    *,
    sees_names: bool,
    estate: UUID | None = None,
    team: UUID | None = None,
) -> Figures:
    """Read the figures in one statement. Raises FiguresTooFine."""
    is_whole = estate is None and team is None
    if by == By.MONTH and not is_whole and not sees_names:
        raise FiguresTooFine
    is_street = place.kind == Community.Kind.STREET
    key = {
        By.MONTH: "month",
        By.YEAR: "year::text",
        By.TEAM: "team_id::text",
        By.PLACE: "community_id::text" if is_street else "estate_id::text",
    }[by]
    # A year, or a community of a street, is told as a whole like the total.
    are_whole = is_whole and (by == By.YEAR or (by == By.PLACE and is_street))
    statement = _SQL.format(key=key, sums=_SUMS, of_groups="in_total" if are_whole else "in_groups")
    with reading().cursor() as cursor:
        cursor.execute(
            statement,
            {
                "communities": list(communities),
                "by": by.value,
                "least": 1 if sees_names else FEWEST_TOLD,
                "is_whole": is_whole,
                "year": year,
                "estate": estate,
                "team": team,
            },
        )
        rows = cursor.fetchall()
    total: Sum | None = None
    groups: list[tuple[str | None, Any]] = []
    left_out = False
    for is_total, group, *sums in rows:
        if is_total is None:
            left_out = sums[2] > 0
        elif is_total:
            total = _sum(sums)
        else:
            groups.append((group, sums))
    if left_out and total is not None and not total.people:
        total = None
    names = _names(by, [one for one, _ in groups if one], communities)
    told = [_sum(sums, key=one, name=names.get(one, "")) for one, sums in groups]
    return Figures(total, told, left_out)


def _sum(sums: Sequence[int], **named: Any) -> Sum:
    minutes, backfilled, attendances, people = map(int, sums)
    return Sum(
        minutes=minutes,
        backfilled_minutes=backfilled,
        attendances=attendances,
        people=people,
        **named,
    )


def _names(by: By, keys: list[str], communities: Sequence[UUID | None]) -> dict[Any, str]:
    """Return what teams or places are called, by id as text."""
    if by == By.TEAM:
        rows: Any = Team.objects.filter(community__in=communities, pk__in=keys)
    elif by == By.PLACE:
        rows = Community.objects.filter(pk__in=keys)
    else:
        return {}
    return {str(pk): name for pk, name in rows.values_list("pk", "name")}
