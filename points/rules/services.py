"""Rules: what one may contain, publishing a version, and the arithmetic of hours.

The arithmetic is that of the scenarios' README: ``points = floor(points_per_hour ×
Σ(minutes × multiplier_bp) ÷ (60 × 10000))`` for one record, then the daily cap.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from django.db import transaction

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.locks import lock_by_id
from backend.registries import sealed
from backend.text import is_tidy
from points.kinds import Unit
from points.rules.errors import CashNotAllowedForHours, RuleBackdated, RuleInvalid
from points.rules.models import Rule, RuleVersion

ONE = 10_000  # a multiplier of 1, in basis points
MOST = 100_000  # no number in a rule is larger: a day's award still fits its column
LONGEST_CATEGORY = LONGEST_FUND = 40  # characters
LONGEST_NAME = 20  # of a colour or a group
MOST_RATES = 60
RECORDED = ("number", "parameters", "valid_from", "valid_to")  # of a version, in the trail
_HOUR = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The part of every rule beside its tariff, checked: its unit, who pays, and its limits.

    Points are issued; fen come out of the ``fund`` of that name and of the year of the day.
    """

    unit: Unit = Unit.POINTS
    fund: str = ""
    daily_cap: int | None = None  # in the unit, per volunteer, rule and local day
    earns_during_activity: bool = False  # beside the hours of the activity


@dataclass(frozen=True, kw_only=True)
class HoursRule(Limits):
    """The parameters of a rule for hours, checked. Windows are minutes of the local day."""

    points_per_hour: int
    backfilled: bool = True  # whether hours recorded afterwards, from paper, earn as well
    peak_windows: tuple[tuple[int, int], ...] = ()
    peak_multiplier_bp: int = ONE

    @classmethod
    def read(cls, parameters: dict[str, Any]) -> Self:
        """Read a rule's JSON. Raises RuleInvalid, which names the parameter at fault.

        Raises CashNotAllowedForHours if the rule pays fen: volunteering is unpaid by law.
        """
        known = {
            *("points_per_hour", "daily_cap_points", "backfilled"),
            *("peak_windows", "peak_multiplier_bp"),
        }
        if cash := sorted(name for name in set(parameters) - known if name.endswith("_fen")):
            raise CashNotAllowedForHours(parameter=cash[0])
        _refuse_unknown(parameters, known)
        windows = parameters.get("peak_windows", [])
        if not isinstance(windows, list):
            raise RuleInvalid(parameter="peak_windows")
        if not windows and "peak_multiplier_bp" in parameters:
            raise RuleInvalid(parameter="peak_multiplier_bp")  # of which minutes?
        return cls(
            points_per_hour=_number(parameters, "points_per_hour"),
            backfilled=_flag(parameters, "backfilled", default=True),
            daily_cap=_cap(parameters, Unit.POINTS),
            peak_windows=_merged([_window(window) for window in windows]),
            peak_multiplier_bp=_number(parameters, "peak_multiplier_bp") if windows else ONE,
        )


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A reward for reports of a colour, of reporters in a group, or both; empty: of any."""

    colour: str = ""
    group: str = ""
    reward: int

    @property
    def narrowness(self) -> int:
        return bool(self.colour) + bool(self.group)


@dataclass(frozen=True, kw_only=True)
class ReportRule(Limits):
    """The parameters of a rule for reports, checked: what a closed one earns, by its rate.

    ``confirmer_share_bp`` is what each confirmer gets of it on top, in basis points.
    """

    reward: int
    rates: tuple[Rate, ...] = ()
    confirmer_share_bp: int = 0

    @classmethod
    def read(cls, parameters: dict[str, Any]) -> Self:
        """Read a rule's JSON. Raises RuleInvalid, which names the parameter at fault."""
        unit = Unit.FEN if "reward_fen" in parameters else Unit.POINTS
        known = {"rates", "confirmer_share_bp", "earns_during_activity"}
        known |= {f"reward_{unit}", f"daily_cap_{unit}"}
        known |= {"fund"} if unit == Unit.FEN else set()
        _refuse_unknown(parameters, known)
        share = {"confirmer_share_bp": 0} | parameters
        return cls(
            unit=unit,
            fund=_text(parameters, "fund", LONGEST_FUND) if unit == Unit.FEN else "",
            reward=_number(parameters, f"reward_{unit}"),
            rates=_rates(parameters.get("rates", []), unit),
            confirmer_share_bp=_number(share, "confirmer_share_bp", most=ONE),
            daily_cap=_cap(parameters, unit),
            earns_during_activity=_flag(parameters, "earns_during_activity", default=False),
        )

    def reward_for(self, *, colour: str, group: str) -> int:
        """Return the reward by the narrowest rate that fits, the first of several; or the base."""
        for rate in sorted(self.rates, key=lambda rate: -rate.narrowness):
            if rate.colour in ("", colour) and rate.group in ("", group):
                return rate.reward
        return self.reward


READERS: dict[Rule.Subject, Callable[[dict[str, Any]], HoursRule | ReportRule]] = {
    Rule.Subject.HOURS: HoursRule.read,
    Rule.Subject.REPORT: ReportRule.read,
}


def of(version: RuleVersion) -> HoursRule | ReportRule:
    """Return what a version says, read. Raises RuleInvalid."""
    return READERS[Rule.Subject(version.rule.subject)](version.parameters)


def read(
    *, subject: Rule.Subject, category: str, parameters: dict[str, Any]
) -> HoursRule | ReportRule:
    """Read and check the parameters of a rule for ``category``. Raises RuleInvalid."""
    if not isinstance(parameters, dict):
        raise RuleInvalid
    rule = READERS[subject](parameters)
    if not is_tidy(category) or len(category) > LONGEST_CATEGORY:
        raise RuleInvalid(parameter="category")
    return rule


@transaction.atomic
def publish(
    *,
    community: Community,
    subject: Rule.Subject,
    category: str,
    parameters: dict[str, Any],
    valid_from: date,
    valid_to: date | None = None,
    published_by: User | None = None,
) -> RuleVersion:
    """Publish the next version of the rule for ``category``, which is never changed.

    Idempotent: answers with the latest version if it says the same already. ``published_by`` is
    None for a command. Raises RuleInvalid.
    """
    read(subject=subject, category=category, parameters=parameters)
    if valid_to is not None and valid_to < valid_from:
        raise RuleInvalid(parameter="valid_to")
    # Rules are made and versions numbered in turn. Where every node has a copy of a table, whoever
    # changes a row of it waits for all who are inserting: nobody may insert first and queue then.
    lock_by_id(community.pk)
    rule, _ = Rule.objects.get_or_create(community=community, subject=subject, category=category)
    latest = rule.versions.order_by("number").last()
    wording = (parameters, valid_from, valid_to)
    if latest and (latest.parameters, latest.valid_from, latest.valid_to) == wording:
        return latest
    version = RuleVersion.objects.create(
        community=community,
        rule=rule,
        number=latest.number + 1 if latest else 1,
        parameters=parameters,
        valid_from=valid_from,
        valid_to=valid_to,
    )
    sealed.mark("rule_version", version)
    trail.record(
        "rule.publish",
        actor=published_by,
        community=community,
        target=rule,
        before=trail.facts_of(latest, *RECORDED),
        after=trail.facts_of(version, *RECORDED),
    )
    return version


def announce(*, community: Community, valid_from: date, **rule: Any) -> RuleVersion:
    """Publish while the community is at work: what was earned keeps the rule it was earned under.

    Takes and raises what ``publish`` does, and RuleBackdated if ``valid_from`` is before the
    community's today.
    """
    refuse_backdated(community, valid_from)
    return publish(community=community, valid_from=valid_from, **rule)


def refuse_backdated(community: Community, day: date) -> None:
    """Raise RuleBackdated if ``day`` is before the community's today."""
    if day < (today := community.today):
        raise RuleBackdated(today=today.isoformat())


SECTIONS = {"service": Rule.Subject.HOURS, "reports": Rule.Subject.REPORT}


@transaction.atomic
def publish_all(*, community: Community, written: Any, valid_from: date) -> list[RuleVersion]:
    """Publish all rules of the sections ``service`` and ``reports``, by category as in rules.json.

    All or none. Raises RuleInvalid, which names the section, category and parameter at fault.
    """
    versions = []
    for section, subject in SECTIONS.items():
        rules = written.get(section, {}) if isinstance(written, dict) else None
        if not isinstance(rules, dict):
            raise RuleInvalid(section=section)
        for category, parameters in rules.items():
            try:
                versions.append(
                    publish(
                        community=community,
                        subject=subject,
                        category=category,
                        parameters=parameters,
                        valid_from=valid_from,
                    )
                )
            except RuleInvalid as error:
                raise type(error)(section=section, category=category, **error.facts) from error
    return versions


def to_the_minute(moment: datetime) -> datetime:
    """Return the moment in UTC without its seconds: times count to the minute, as people read them.

    In UTC differences are real minutes, even if the clocks change between.
    """
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def minutes_between(start: datetime, end: datetime) -> int:
    """Count the whole minutes from ``start`` to ``end``, each without its seconds."""
    return int((to_the_minute(end) - to_the_minute(start)) / timedelta(minutes=1))


def peak_minutes(rule: HoursRule, start: datetime, end: datetime, clock: ZoneInfo) -> int:
    """Count the minutes from ``start`` to ``end`` inside the rule's windows, by ``clock``."""
    start, end = to_the_minute(start), to_the_minute(end)
    day, last = start.astimezone(clock).date(), end.astimezone(clock).date()
    total = 0
    while day <= last:
        for opens, closes in rule.peak_windows:
            since = max(start, _moment(day, opens, clock))
            until = min(end, _moment(day, closes, clock))
            total += max(0, minutes_between(since, until))
        day += timedelta(days=1)
    return total


def hours_to_points(
    rule: HoursRule, start: datetime, end: datetime, clock: ZoneInfo, *, is_backfilled: bool = False
) -> tuple[int, dict[str, Any]]:
    """Return what ``start`` to ``end`` earns without limits, with every step of the arithmetic."""
    minutes = minutes_between(start, end)
    peak = peak_minutes(rule, start, end, clock)
    weighted = (minutes - peak) * ONE + peak * rule.peak_multiplier_bp
    steps = {
        "minutes": minutes,
        "peak_minutes": peak,
        "peak_multiplier_bp": rule.peak_multiplier_bp,
        "weighted_minutes_bp": weighted,
        "points_per_hour": rule.points_per_hour,
    }
    if is_backfilled:
        steps["backfilled"] = rule.backfilled
        if not rule.backfilled:
            return 0, steps
    return rule.points_per_hour * weighted // (60 * ONE), steps


def limited(
    rule: Limits,
    earned: int,
    steps: dict[str, Any],
    *,
    awarded_that_day: int,
    during: str = "",
) -> tuple[int, dict[str, Any]]:
    """Return what the rule's limits leave of the amount ``earned``, with ``steps`` and theirs.

    ``awarded_that_day`` is what the rule has already brought the volunteer for that day, in its
    unit. ``during`` is the source of the activity that the record was made in: the hours are its
    reward, unless the rule says otherwise.
    """
    amount = earned
    if during:
        steps = steps | {"earns_during_activity": rule.earns_during_activity}
        amount = earned if rule.earns_during_activity else 0
    if rule.daily_cap is not None:
        steps = steps | {
            f"{rule.unit}_before_cap": amount,
            f"daily_cap_{rule.unit}": rule.daily_cap,
            "awarded_that_day": awarded_that_day,
        }
        amount = min(amount, max(0, rule.daily_cap - awarded_that_day))
    return amount, steps | {rule.unit.value: amount}


@dataclass(frozen=True)
class Example:
    """An amount that a draft would give for one record on a day without others, and its steps."""

    unit: Unit
    amount: int
    steps: dict[str, Any]


def example(
    *,
    community: Community,
    subject: Rule.Subject,
    category: str,
    parameters: dict[str, Any],
    minutes: int = 180,
    from_time: time = time(9),
    colour: str = "",
    group: str = "",
) -> Example:
    """Work out what a draft would give for ``minutes`` of service today, or for one report.

    For a community without a past to try the draft on. ``from_time`` is by its clock. Raises
    RuleInvalid.
    """
    draft = read(subject=subject, category=category, parameters=parameters)
    if isinstance(draft, HoursRule):
        start = datetime.combine(community.today, from_time, tzinfo=community.clock)
        end = start.astimezone(UTC) + timedelta(minutes=minutes)
        earned, steps = hours_to_points(draft, start, end, community.clock)
    else:
        earned = draft.reward_for(colour=colour, group=group)
        steps = {"reward": earned}
    amount, steps = limited(draft, earned, steps, awarded_that_day=0)
    return Example(draft.unit, amount, steps)


def _refuse_unknown(parameters: dict[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(parameters) - known):
        raise RuleInvalid(parameter=unknown[0])


def _number(parameters: dict[str, Any], name: str, most: int = MOST) -> int:
    value = parameters.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise RuleInvalid(parameter=name)
    return value


def _flag(parameters: dict[str, Any], name: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise RuleInvalid(parameter=name)
    return value


def _cap(parameters: dict[str, Any], unit: Unit) -> int | None:
    name = f"daily_cap_{unit}"
    return None if parameters.get(name) is None else _number(parameters, name)


def _text(parameters: dict[str, Any], name: str, longest: int) -> str:
    value = parameters.get(name)
    if not isinstance(value, str) or not is_tidy(value) or not 0 < len(value) <= longest:
        raise RuleInvalid(parameter=name)
    return value


def _rates(written: Any, unit: Unit) -> tuple[Rate, ...]:
    """Read the rates, of which no two are for the same reports. Raises RuleInvalid."""
    if not isinstance(written, list) or len(written) > MOST_RATES:
        raise RuleInvalid(parameter="rates")
    rates = []
    for one in written:
        if not isinstance(one, dict):
            raise RuleInvalid(parameter="rates")
        _refuse_unknown(one, {"colour", "group", f"reward_{unit}"})
        of = {name: _text(one, name, LONGEST_NAME) for name in ("colour", "group") if name in one}
        rates.append(Rate(reward=_number(one, f"reward_{unit}"), **of))
    if len({(rate.colour, rate.group) for rate in rates} - {("", "")}) < len(rates):
        raise RuleInvalid(parameter="rates")
    return tuple(rates)


def _window(window: Any) -> tuple[int, int]:
    """Return ``["07:00", "09:00"]`` as minutes of the day. One over midnight is written as two."""
    if (
        not isinstance(window, list)
        or len(window) != 2
        or not all(isinstance(hour, str) and _HOUR.fullmatch(hour) for hour in window)
    ):
        raise RuleInvalid(parameter="peak_windows")
    opens, closes = (int(hour[:2]) * 60 + int(hour[3:]) for hour in window)
    if opens >= closes:
        raise RuleInvalid(parameter="peak_windows")
    return opens, closes


def _merged(windows: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Merge windows that touch: a minute counts once, however many windows contain it."""
    merged: list[tuple[int, int]] = []
    for opens, closes in sorted(windows):
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], closes))
        else:
            merged.append((opens, closes))
    return tuple(merged)


def _moment(day: date, minute: int, clock: ZoneInfo) -> datetime:
    if minute == 24 * 60:
        day, minute = day + timedelta(days=1), 0
    return datetime.combine(day, time(minute // 60, minute % 60), tzinfo=clock)
