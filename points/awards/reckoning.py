"""The arithmetic of an award in sentences, for people who check it with a pencil.

Steps are those of an award's explanation (points/rules/services.py). What a kind of awards knows
of its own stands in its inputs and has no sentence.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from points.rules.services import ONE

MINUTES_AN_HOUR = 60
FEN_A_YUAN = 100


def in_words(steps: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each step of an award's arithmetic, in their order; none for none."""
    return list(_sentences(steps))


def _sentences(steps: Mapping[str, Any]) -> Iterator[str]:
    unit = "fen" if "fen" in steps else "points"
    if "minutes" in steps:
        yield from _hours(steps)
    if "reward" in steps:
        yield _("The rule rewards it with {amount}.").format(amount=_amount(steps["reward"], unit))
    if "confirmer_share_bp" in steps:
        percent = _number(steps["confirmer_share_bp"] * 100, ONE)
        yield _("Who confirms gets {share} of that.").format(share=f"{percent}%")
    if "earns_during_activity" in steps:
        yield (
            _("It was made during an activity, and the rule rewards it beside the hours.")
            if steps["earns_during_activity"]
            else _("It was made during an activity, whose hours are its reward.")
        )
    if f"daily_cap_{unit}" in steps:
        cap, before = steps[f"daily_cap_{unit}"], steps["awarded_that_day"]
        yield _(
            "The rule brings at most {cap} a day; {before} had been brought that day,"
            " so {left} were left."
        ).format(
            cap=_amount(cap, unit),
            before=_amount(before, unit),
            left=_amount(max(0, cap - before), unit),
        )
    if unit in steps:
        yield _("It brings {amount}.").format(amount=_amount(steps[unit], unit))


def _hours(steps: Mapping[str, Any]) -> Iterator[str]:
    minutes, peak, each = (steps[name] for name in ("minutes", "peak_minutes", "points_per_hour"))
    weighted = steps["weighted_minutes_bp"]
    yield _("Minutes served: {count}.").format(count=minutes)
    if peak:
        yield _(
            "{peak} of them, at rush hour, count {times} times: {weighted} minutes count in all."
        ).format(
            peak=peak,
            times=_number(steps["peak_multiplier_bp"], ONE),
            weighted=_number(weighted, ONE),
        )
    if steps.get("backfilled") is False:
        yield _("Hours recorded afterwards earn nothing under this rule.")
        return
    yield _("{each} an hour: {each} × {weighted} ÷ 60 = {exact}, rounded down to {points}.").format(
        each=each,
        weighted=_number(weighted, ONE),
        exact=_number(each * weighted, MINUTES_AN_HOUR * ONE),
        points=each * weighted // (MINUTES_AN_HOUR * ONE),
    )


def _amount(amount: int, unit: str) -> str:
    if unit == "fen":
        return _("{yuan} yuan").format(yuan=_number(amount, FEN_A_YUAN, places=2))
    return _("{count} points").format(count=amount)


def _number(whole: int, per: int, places: int = 0) -> str:
    """Return ``whole`` parts of ``per`` as a decimal with at least ``places`` places."""
    text = f"{whole / per:.4f}".rstrip("0")
    decimals = max(places, len(text.partition(".")[2]))
    return number_format(whole / per, decimals, use_l10n=True)
