"""Awards for hours and reports that have no record behind them."""

from points.awards.kinds import Facts
from points.awards.services import awards
from volunteers.attendance.awards import HOURS
from volunteers.reports.awards import REPORT


def award_hours(*, category, checked_in_at, checked_out_at, **whose):
    facts = Facts(category=category, counts_from=checked_in_at, occurred_at=checked_out_at)
    return awards.award(HOURS, facts=facts, **whose)


def award_report(*, category, verified_at, during="", **whose):
    facts = Facts(
        category=category,
        counts_from=verified_at,
        occurred_at=verified_at,
        during=during,
        more={"reported_as": category, "colour": "red", "group": "rider"},
    )
    return awards.award(REPORT, facts=facts, **whose)
