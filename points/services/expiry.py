"""Expiry: what is earned can be spent until a day, and is lost when that day is over.

The day is stamped on what is earned, by the policy in force when it was earned; there are no lots.
Spending is first-expiring-first by definition, so when a day D is over a wallet loses
``max(0, available - earned that expires after D or never)``. As ``available`` is all that was
earned, less what was spent, less what is held, that is the design's ``max(0, earned expiring ≤ D -
debits - held)``. docs/ledger.md, "Expiry", works out what follows for holds and reversals.
"""

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit.services import trail
from backend.communities.models import Community
from backend.notices.services import notices
from points import selectors
from points.errors import ExpiryDayNotOver, ExpiryPolicyInvalid, RuleBackdated
from points.models import AccountKind, ExpiryPolicy, ExpiryRun
from points.services import ledger

Kind = ExpiryPolicy.Kind
MOST_MONTHS = 120
TOLD_DAYS_BEFORE = (7, 30)


def expires_on(kind: str, months: int | None, earned_on: date) -> date | None:
    """The last day on which points earned on ``earned_on`` can be spent; ``None``: for good."""
    if kind == Kind.NEVER:
        return None
    if kind == Kind.END_OF_YEAR:
        return date(earned_on.year, 12, 31)
    if kind == Kind.END_OF_NEXT_YEAR:
        return date(earned_on.year + 1, 12, 31)
    assert kind == Kind.MONTHS
    assert months
    years, month = divmod(earned_on.month - 1 + months, 12)
    year = earned_on.year + years
    return date(year, month + 1, monthrange(year, month + 1)[1])


def spendable_until(*, community: Community, earned_on: date) -> date | None:
    """The same by the policy in force in ``community`` on that day, its own."""
    policy = selectors.expiry_policies_from(community, earned_on)[0]
    return expires_on(policy.kind, policy.months, earned_on)


@transaction.atomic
def set_policy(
    *,
    community: Community,
    kind: str,
    valid_from: date,
    months: int | None = None,
    set_by: User | None = None,
) -> ExpiryPolicy:
    """What is earned from ``valid_from`` on, a day of the place's own, expires by this.

    What was earned already keeps the day it was promised. Setting what the place's own policy
    says for that day already answers that policy. ``set_by`` is None for a command.
    Raises ExpiryPolicyInvalid.
    """
    if kind not in Kind.values:
        raise ExpiryPolicyInvalid(parameter="kind")
    if months not in (range(1, MOST_MONTHS + 1) if kind == Kind.MONTHS else [None]):
        raise ExpiryPolicyInvalid(parameter="months")
    Community.objects.select_for_update(no_key=True).get(pk=community.pk)  # each sees the last
    own = ExpiryPolicy.objects.filter(community=community, valid_from__lte=valid_from)
    latest = own.order_by("valid_from", "id").last()
    if latest and (latest.kind, latest.months) == (kind, months):
        return latest
    policy = ExpiryPolicy.objects.create(
        community=community, kind=kind, months=months, valid_from=valid_from
    )
    trail.record(
        "expiry_policy.set",
        actor=set_by,
        community=community,
        target=policy,
        before=_terms(latest) if latest else {},
        after=_terms(policy),
    )
    return policy


def announce_policy(
    *,
    community: Community,
    kind: str,
    valid_from: date,
    months: int | None = None,
    set_by: User | None = None,
) -> ExpiryPolicy:
    """``set_policy`` while the community is at work: nothing served already expires earlier.

    Raises ExpiryPolicyInvalid, RuleBackdated if ``valid_from`` is before the community's today.
    """
    today = community.today
    if valid_from < today:
        raise RuleBackdated(today=today.isoformat())
    return set_policy(
        community=community, kind=kind, months=months, valid_from=valid_from, set_by=set_by
    )


def expire(*, community: Community, expires_on: date) -> ExpiryRun:
    """Take from each wallet what it loses now that ``expires_on`` is over by the local clock.

    Once for each community and day: again, or by two workers at once, it answers the first run.
    One statement, however many wallets. Raises ExpiryDayNotOver.
    """
    today = community.today
    if expires_on >= today:
        raise ExpiryDayNotOver(today=today.isoformat())
    expired = ledger.account(community=community, kind=AccountKind.EXPIRED)
    (run,) = ExpiryRun.objects.raw(
        "SELECT * FROM points_expire(%s, %s, %s, %s)",
        [community.pk, expired.pk, expires_on, _end_of(expires_on, community)],
    )
    return run


def expire_due(*, community: Community) -> list[ExpiryRun]:
    """``expire`` each day that is over and was not yet looked at, in their order."""
    days = selectors.expiry_days(community, until=community.today - timedelta(days=1))
    return [expire(community=community, expires_on=day) for day in days]


def tell(*, community: Community) -> None:
    """Owe a notice to whoever loses points within 30 days, and another within 7, once each.

    It says what goes if nothing is spent before. A night that was missed is made up for.
    """
    today = community.today
    days = selectors.expiry_days(community, until=today + timedelta(days=max(TOLD_DAYS_BEFORE)))
    for since, day in pairwise([None, *days]):
        assert day
        left = (day - today).days
        if left < 0:  # it is being taken
            continue
        window = min(most for most in TOLD_DAYS_BEFORE if left <= most)
        notices.owe_many(
            community=community,
            kind="points_expiring",
            owed=(
                notices.Owed(
                    key=f"expiry:{wallet.account_id}:{day}:{window}",
                    recipient_id=UUID(wallet.holder.removeprefix("person:")),
                    facts={
                        "points": wallet.points,
                        "expires_on": day.isoformat(),
                        "community": community.name,
                    },
                )
                for wallet in selectors.losing(community, day, since=since)
            ),
            due_at=timezone.now(),
            stale_at=_end_of(day, community),
        )


def _terms(policy: ExpiryPolicy) -> dict[str, Any]:
    """As the audit trail tells it."""
    return {
        "kind": policy.kind,
        "months": policy.months,
        "valid_from": policy.valid_from.isoformat(),
    }


def _end_of(day: date, community: Community) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=community.clock)
