"""Figures of rounds, by quarter or month of the community's clock. Nothing is stored.

Whoever may not see names is told of a quarter only once it is over, so that nobody can watch single
answers come in, and of no group of fewer than five. There are no totals over groups, from which a
smaller one could be subtracted, and of mediations a rate alone: how many disputes there were is a
confidential category's count.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from backend.communities.models import Community
from backend.routing import reading
from volunteers.people.selectors import FEWEST_TOLD


@dataclass(frozen=True, kw_only=True)
class Mediated:
    """Mediations that ended in a quarter; the counts are None for whoever is told the rate only."""

    quarter: str
    settled_percent: int  # settled ÷ ended
    ended: int | None = None
    settled: int | None = None
    partly_settled: int | None = None
    not_settled: int | None = None
    withdrawn: int | None = None
    referred: int | None = None


_QUARTER = "to_char(timezone(place.timezone, {}), 'YYYY-\"Q\"Q')"
_MEDIATED = f"""
    SELECT {_QUARTER.format("m.ended_at")} AS quarter, count(*),
        count(*) FILTER (WHERE m.status = 'settled'),
        count(*) FILTER (WHERE m.status = 'partly_settled'),
        count(*) FILTER (WHERE m.status = 'not_settled'),
        count(*) FILTER (WHERE m.status = 'withdrawn'),
        count(*) FILTER (WHERE m.status = 'referred')
    FROM volunteers_mediation AS m
    JOIN communities_community AS place ON place.id = m.community_id
    WHERE m.community_id = %(community)s AND m.status <> 'open'
    GROUP BY quarter
    HAVING %(sees_names)s OR count(*) >= %(least)s
    ORDER BY quarter
"""  # noqa: S608  # made of constants


def of_mediations(community: Community, *, sees_names: bool) -> list[Mediated]:
    """Return what became of the mediations that ended, by quarter."""
    found = []
    for quarter, ended, settled, *others in _read(_MEDIATED, community, sees_names=sees_names):
        rate = round(100 * settled / ended)
        if sees_names:
            names = ("partly_settled", "not_settled", "withdrawn", "referred")
            counts = dict(zip(names, others, strict=True)) | {"ended": ended, "settled": settled}
            found.append(Mediated(quarter=quarter, settled_percent=rate, **counts))
        elif quarter < quarter_of(community):
            found.append(Mediated(quarter=quarter, settled_percent=rate))
    return found


@dataclass(frozen=True, kw_only=True)
class Satisfaction:
    """Answers to surveys of a quarter about reports of a category; people count once each."""

    quarter: str
    category: str
    answers: int
    people: int
    average_score: Decimal


_SATISFACTION = f"""
    SELECT {_QUARTER.format("s.answered_at")} AS quarter, r.category, count(*),
        count(DISTINCT s.respondent_id) AS people, round(avg(s.score), 1)
    FROM volunteers_survey AS s
    JOIN volunteers_report AS r ON r.community_id = s.community_id AND r.id = s.report_id
    JOIN communities_community AS place ON place.id = s.community_id
    WHERE s.community_id = %(community)s AND s.answered_at IS NOT NULL
        AND (%(sees_names)s OR NOT r.is_confidential)
    GROUP BY quarter, r.category
    HAVING %(sees_names)s OR count(DISTINCT s.respondent_id) >= %(least)s
    ORDER BY quarter, r.category
"""  # noqa: S608  # made of constants


def of_surveys(community: Community, *, sees_names: bool) -> list[Satisfaction]:
    """Return how people found that reports were dealt with, by quarter and category.

    The public is told nothing of confidential categories.
    """
    names = ("quarter", "category", "answers", "people", "average_score")
    return [
        Satisfaction(**dict(zip(names, row, strict=True)))
        for row in _read(_SATISFACTION, community, sees_names=sees_names)
        if sees_names or row[0] < quarter_of(community)
    ]


@dataclass(frozen=True, kw_only=True)
class Counted:
    """The outcomes of a kind that patrols counted in a month, such as ``2024-03``."""

    month: str
    code: str
    name: str
    count: int
    patrols: int


_COUNTED = """
    SELECT to_char(timezone(place.timezone, p.ended_at), 'YYYY-MM') AS month, o.code, o.name,
        sum(c.count), count(*)
    FROM volunteers_patrolcount AS c
    JOIN volunteers_patrol AS p ON p.community_id = c.community_id AND p.id = c.patrol_id
    JOIN volunteers_patroloutcome AS o ON o.community_id = c.community_id AND o.id = c.outcome_id
    JOIN communities_community AS place ON place.id = c.community_id
    WHERE c.community_id = %(community)s
    GROUP BY month, o.code, o.name
    ORDER BY month, o.code
"""


def of_patrols(community: Community) -> list[Counted]:
    """Return what patrols counted, by month and kind. It tells of things, so everybody is told."""
    names = ("month", "code", "name", "count", "patrols")
    return [
        Counted(**dict(zip(names, row, strict=True)))
        for row in _read(_COUNTED, community, sees_names=False)
    ]


def quarter_of(community: Community) -> str:
    """Return the community's present quarter, such as ``2024-Q1``."""
    return f"{community.today.year}-Q{(community.today.month + 2) // 3}"


def _read(statement: str, community: Community, *, sees_names: bool) -> list[Any]:
    with reading().cursor() as cursor:
        told = {"community": community.pk, "sees_names": sees_names, "least": FEWEST_TOLD}
        cursor.execute(statement, told)
        rows: list[Any] = cursor.fetchall()
    return rows
