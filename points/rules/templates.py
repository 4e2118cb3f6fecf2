"""Rules that other communities began with, for a manager to take, change, try and publish."""

from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from points.rules.models import Rule


@dataclass(frozen=True, kw_only=True)
class Template:
    """A rule to begin with: its numbers are a suggestion, ``name`` and ``note`` are for people."""

    key: str
    subject: Rule.Subject
    category: str
    name: str | Promise
    note: str | Promise
    parameters: dict[str, Any] = field(default_factory=dict)


def _by_colour(unit: str, red: int, yellow: int, blue: int) -> list[dict[str, Any]]:
    rewards = {"red": red, "yellow": yellow, "blue": blue}
    return [{"colour": colour, f"reward_{unit}": reward} for colour, reward in rewards.items()]


TEMPLATES = (
    Template(
        key="hours",
        subject=Rule.Subject.HOURS,
        category="*",
        name=_("Volunteer hours"),
        note=_("10 points an hour, for every kind of service, at most 80 a day."),
        parameters={"points_per_hour": 10, "daily_cap_points": 80},
    ),
    Template(
        key="hours_at_rush_hour",
        subject=Rule.Subject.HOURS,
        category="交通劝导",
        name=_("Shifts at rush hour"),
        note=_("Half as much again for minutes between 7 and 9 and between 17 and 19 o'clock."),
        parameters={
            "points_per_hour": 10,
            "peak_windows": [["07:00", "09:00"], ["17:00", "19:00"]],
            "peak_multiplier_bp": 15_000,
            "daily_cap_points": 90,
        },
    ),
    Template(
        key="hours_of_emergency",
        subject=Rule.Subject.HOURS,
        category="应急值守",
        name=_("Emergency duty"),
        note=_("15 points an hour for nights, storms and snow, at most 60 a day."),
        parameters={"points_per_hour": 15, "daily_cap_points": 60},
    ),
    Template(
        key="reports",
        subject=Rule.Subject.REPORT,
        category="*",
        name=_("Reports"),
        note=_("5 points for a report that is verified, and a fifth of it for each who confirms."),
        parameters={"reward_points": 5, "confirmer_share_bp": 2_000, "daily_cap_points": 50},
    ),
    Template(
        key="reports_by_colour",
        subject=Rule.Subject.REPORT,
        category="hazard",
        name=_("Hazards by urgency"),
        note=_("30 points for a red one, 20 for a yellow one, 10 for a blue one."),
        parameters={
            "reward_points": 10,
            "rates": _by_colour("points", 30, 20, 10),
            "confirmer_share_bp": 2_000,
        },
    ),
    Template(
        key="reports_for_money",
        subject=Rule.Subject.REPORT,
        category="hazard",
        name=_("Hazards, paid from a fund"),
        note=_("100 yuan for a red one, 50 for a yellow one, 20 for a blue one. Name your fund."),
        parameters={
            "reward_fen": 2_000,
            "fund": "平安基金",
            "rates": _by_colour("fen", 10_000, 5_000, 2_000),
            "daily_cap_fen": 20_000,
        },
    ),
)
