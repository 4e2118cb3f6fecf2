"""Figures of reports for the public: how many of each category, what became of them, how soon.

Of public reports whatever is asked is told: anybody can count them in the list. Of confidential
ones nothing is told but the numbers of ``ConfidentialTold``: of all their categories together, each
of five reports or more and none within another, added once a month by ``tell_confidential``. So no
sum or difference of what is told is about fewer than five of them, whatever period is asked.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import Max, Min, Sum
from django.utils import timezone

from backend.communities.models import Community
from volunteers.people.selectors import FEWEST_TOLD
from volunteers.reports.categories import names_of
from volunteers.reports.models.publicity import ConfidentialTold, ReportTally

DAY, WEEK, MONTH = 24, 168, 720  # hours; steps of volunteers_tally.sql


class By(models.TextChoices):
    """Periods into which the figures of a year are divided."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(kw_only=True)
class Counts:
    """Public reports of a category, or of all of them if ``category`` is None.

    ``fixed`` tells how many were fixed within so many hours, by steps.
    """

    category: str | None = None
    name: str = ""
    by_status: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    fixed: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def reports(self) -> int:
        return sum(self.by_status.values())

    @property
    def fixed_reports(self) -> int:
        return sum(self.fixed.values())

    @property
    def median_within_hours(self) -> int | None:
        """The step within which half of what was fixed was fixed."""
        so_far = 0
        for hours in sorted(self.fixed):
            so_far += self.fixed[hours]
            if so_far * 2 >= self.fixed_reports:
                return hours
        return None

    def within(self, hours: int) -> int:
        return sum(count for step, count in self.fixed.items() if step <= hours)

    def add(self, status: str, within_hours: int | None, count: int) -> None:
        self.by_status[status] += count
        if within_hours is not None:
            self.fixed[within_hours] += count


@dataclass(frozen=True)
class Period:
    """The figures of reports submitted from ``since`` to the day before ``until``."""

    since: date
    until: date
    total: Counts
    categories: list[Counts]


@dataclass(frozen=True)
class Figures:
    """The figures of some periods, and of the confidential reports that are told meanwhile."""

    periods: list[Period]
    confidential: list[ConfidentialTold]


def of_year(community: Community, year: int, by: By = By.MONTH) -> Figures:
    """Return the figures of the reports submitted in a year, newest period first."""
    return between(community, date(year, 1, 1), date(year + 1, 1, 1), by)


def between(community: Community, since: date, until: date, by: By) -> Figures:
    """Return the figures from ``since`` to the day before ``until``, both the first of a month."""
    found = (
        ReportTally.objects.filter(community=community, month__gte=since, month__lt=until)
        .exclude(category="")
        .values_list("month", "category", "status", "within_hours")
        .annotate(Sum("count"))
    )
    periods: dict[date, list[Any]] = defaultdict(list)
    for month, *facts in found:
        periods[begin(month, by)].append(facts)
    names = names_of(community.pk)
    confidential = ConfidentialTold.objects.filter(
        community=community, since__lt=until, until__gt=since
    )
    return Figures(
        [
            _period(starts_on, after(starts_on, by), periods[starts_on], names)
            for starts_on in sorted(periods, reverse=True)
        ],
        list(confidential.order_by("-until")),
    )


def _period(
    since: date, until: date, found: Iterable[tuple[str, str, int | None, int]], names: Any
) -> Period:
    total, categories = Counts(), dict[str, Counts]()
    for category, status, within_hours, count in found:
        if count:
            name = names.get(category, category)
            of_it = categories.setdefault(category, Counts(category=category, name=name))
            for counts in (total, of_it):
                counts.add(status, within_hours, count)
    most_first = sorted(categories.values(), key=lambda one: (-one.reports, one.category))
    return Period(since, until, total, most_first)


def begin(day: date, by: str) -> date:
    """Return the first day of the month, quarter or year of ``day``."""
    month = {By.MONTH: day.month, By.QUARTER: (day.month - 1) // 3 * 3 + 1, By.YEAR: 1}[By(by)]
    return date(day.year, month, 1)


def after(starts_on: date, by: str) -> date:
    """Return the first day after the period that begins on ``starts_on``."""
    months = {By.MONTH: 1, By.QUARTER: 3, By.YEAR: 12}[By(by)]
    return begin(starts_on + timedelta(days=31 * months), By.MONTH)


def told(figures: Figures) -> dict[str, Any]:
    """Return the figures as JSON, as the API and a bulletin tell them."""
    return {
        "periods": [
            {
                "since": period.since.isoformat(),
                "until": period.until.isoformat(),
                "total": _counted(period.total),
                "categories": [
                    {"category": one.category, "name": str(one.name)} | _counted(one)
                    for one in period.categories
                ],
            }
            for period in figures.periods
        ],
        "confidential": [
            {"since": one.since.isoformat(), "until": one.until.isoformat(), "reports": one.count}
            for one in figures.confidential
        ],
    }


def _counted(counts: Counts) -> dict[str, Any]:
    return {
        "reports": counts.reports,
        "by_status": [
            {"status": status, "reports": count}
            for status, count in sorted(counts.by_status.items())
            if count
        ],
        "fixed": counts.fixed_reports,
        "median_within_hours": counts.median_within_hours,
        "fixed_within_a_day": counts.within(DAY),
        "fixed_within_a_week": counts.within(WEEK),
        "fixed_within_30_days": counts.within(MONTH),
    }


# --- kept by the clock ------------------------------------------------------------------------
# A reader sees the rows before or those after, and two at once each put others together.
_COMPACT = """
    WITH gone AS (
        DELETE FROM volunteers_reporttally WHERE community_id = %(community)s
        RETURNING month, category, status, within_hours, count
    )
    INSERT INTO volunteers_reporttally
        (id, community_id, month, category, status, within_hours, count)
    SELECT uuid7(), %(community)s, month, category, status, within_hours, sum(count)
    FROM gone GROUP BY month, category, status, within_hours HAVING sum(count) <> 0
"""


def compact(community_id: UUID) -> None:
    """Put the rows of a community's tally together, one for each number. Idempotent."""
    with connection.cursor() as cursor:
        cursor.execute(_COMPACT, {"community": community_id})


@transaction.atomic
def tell_confidential(community: Community, *, now: datetime | None = None) -> None:
    """Tell how many confidential reports the months that are over have brought, if it is five.

    Fewer wait for a later month. Idempotent; two at once tell it once.
    """
    today = (now or timezone.now()).astimezone(community.clock).date()
    this_month = begin(today, By.MONTH)
    counted = ReportTally.objects.filter(
        community=community, category="", month__lt=this_month
    ).aggregate(count=Sum("count", default=0), since=Min("month"))
    told = ConfidentialTold.objects.filter(community=community).aggregate(
        count=Sum("count", default=0), until=Max("until")
    )
    since, count = told["until"] or counted["since"], counted["count"] - told["count"]
    if count >= FEWEST_TOLD and since < this_month:
        ConfidentialTold.objects.bulk_create(
            [ConfidentialTold(community=community, since=since, until=this_month, count=count)],
            ignore_conflicts=True,
        )
