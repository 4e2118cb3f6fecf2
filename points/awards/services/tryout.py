"""A draft rule on trial: what a past period would have earned under it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date
from heapq import nlargest, nsmallest
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.fields.json import KT, KeyTransform
from django.db.models.functions import Coalesce

from backend.communities.models import Community
from backend.documents.selectors import streamed
from points.awards.kinds import kind_of
from points.awards.models import Award
from points.ledger.errors import PeriodInvalid
from points.rules import services as rules
from points.rules.models import Rule
from points.rules.services import Limits, limited

MOST_DAYS = 366
MOST_SHOWN = 10  # of who gains, and of who loses


@dataclass(frozen=True)
class Change:
    """Points and fen as awarded, and as they would have been."""

    points_before: int = 0
    points_after: int = 0
    fen_before: int = 0
    fen_after: int = 0

    @property
    def points_difference(self) -> int:
        return self.points_after - self.points_before

    @property
    def fen_difference(self) -> int:
        return self.fen_after - self.fen_before


_AMOUNTS = [one.name for one in fields(Change)]


@dataclass(frozen=True)
class HoldersChange(Change):
    """The change that a draft makes for one person."""

    holder: str = ""  # opaque, as the account has it


@dataclass(frozen=True)
class Trial:
    """The changes that a draft would have made in a period."""

    cost: Change
    awards: int  # of the period, by any rule
    awards_under_draft: int  # those of them that were reckoned anew
    volunteers: int  # whose awards they are
    gains: list[HoldersChange]  # who gains most in the draft's unit, most first
    losses: list[HoldersChange]  # who loses most of it, most first


def tryout(
    *,
    community: Community,
    subject: Rule.Subject,
    category: str,
    parameters: dict[str, Any],
    since: date,
    until: date,
) -> Trial:
    """Return what the awards of ``since`` to ``until`` would have been under the draft.

    Both days are the community's own and part of the period, 366 at most. The draft is tried as the
    community's own rule for ``category``; ``*`` stands for every category that had no rule of its
    own when it earned. Only awards under the draft are computed anew, in the order in which they
    were made and against the draft's own daily cap; all others keep what they brought. An award
    counts as it was given, even if it has been reversed since. A draft in another unit than the
    rules before it takes the one away and brings the other. Writes nothing. Raises RuleInvalid,
    PeriodInvalid.
    """
    draft = rules.read(subject=subject, category=category, parameters=parameters)
    if not 0 <= (until - since).days < MOST_DAYS:
        raise PeriodInvalid(most_days=MOST_DAYS)

    changes = []
    awards = awards_under_draft = 0
    # A year of awards is never in memory.
    awarded = map(_Awarded._make, streamed(_awarded(community, subject, category, since, until)))
    for holder, theirs in groupby(awarded, attrgetter("holder")):
        sums: Counter[str] = Counter()
        for award, unit, amount in _replayed(draft, theirs):
            awards += 1
            awards_under_draft += award.is_under_draft
            sums[f"{award.unit}_before"] += award.amount
            sums[f"{unit}_after"] += amount
        changes.append(HoldersChange(**sums, holder=holder))

    difference = attrgetter(f"{draft.unit}_difference")
    return Trial(
        cost=Change(**{name: sum(map(attrgetter(name), changes)) for name in _AMOUNTS}),
        awards=awards,
        awards_under_draft=awards_under_draft,
        volunteers=len(changes),
        gains=nlargest(MOST_SHOWN, (one for one in changes if difference(one) > 0), difference),
        losses=nsmallest(MOST_SHOWN, (one for one in changes if difference(one) < 0), difference),
    )


class _Awarded(NamedTuple):
    """One award, with what is needed to compute it anew."""

    holder: str
    local_day: date
    id: UUID
    kind: str
    inputs_version: int
    unit: str
    amount: int
    is_under_draft: bool
    inputs: str  # JSON, as it is streamed


def _awarded(
    community: Community, subject: Rule.Subject, category: str, since: date, until: date
) -> QuerySet[Award, Any]:
    """Return what rules brought in the period, by person and day, then in the order of awarding."""
    if category == "*":
        # The rule an award names tells what its record resolved to on that day.
        falls_under = Q(rule_version__rule__category="*") | ~Q(
            rule_version__rule__community=community
        )
    else:
        falls_under = Q(category=category)
    return (
        Award.objects.filter(
            community=community,
            local_day__range=(since, until),
            rule_version__isnull=False,
        )
        .annotate(
            why=Coalesce("transfer__explanation", "claim__explanation", "explanation_of_nothing")
        )
        .annotate(
            category=KT("why__inputs__category"),
            holder=F("account__holder"),
            inputs=KeyTransform("inputs", "why"),
            is_under_draft=Q(rule_version__rule__subject=subject) & falls_under,
        )
        .order_by("holder", "local_day", "id")
        .values_list(*_Awarded._fields)
    )


def _replayed(draft: Limits, awarded: Iterable[_Awarded]) -> Iterator[tuple[_Awarded, str, int]]:
    """Yield each award of one person with the unit and amount that it would have had."""
    for _, that_day in groupby(awarded, attrgetter("local_day")):
        by_draft = 0  # what the draft had brought before, that day
        for award in that_day:
            if award.is_under_draft:
                amount = _reckoned(draft, award, by_draft)
                by_draft += amount
                yield award, draft.unit, amount
            else:
                yield award, award.unit, award.amount


def _reckoned(draft: Limits, award: _Awarded, awarded_that_day: int) -> int:
    kind = kind_of(award.kind)
    assert kind is not None  # the app that registered it made the award
    inputs = json.loads(award.inputs)
    earned, steps = kind.versions[award.inputs_version - 1].earns(inputs, draft)
    amount, _ = limited(
        draft,
        earned,
        steps,
        awarded_that_day=awarded_that_day,
        during=inputs.get("during", ""),
    )
    return amount
