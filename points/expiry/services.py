"""Expiry: points can be spent until a day, and are lost when that day is over.

The day is stamped on the award, by the policy in force when it was earned, and is never earlier
than so many days after the posting; there are no lots. Spending is first-expiring-first by
definition, so when a day D is over a wallet loses
``max(0, available - earned that expires after D or never)``. As ``available`` is all that was
earned, less what was spent, less what is held, that is the design's
``max(0, earned expiring ≤ D - debits - held)``. The ledger's functions take it before anything
else moves in the wallet, so it does not matter when ``expire`` runs.
docs/ledger.md, "Expiry", works out what follows for holds and reversals.
"""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.locks import lock_by_id
from backend.notices import services as notices
from points.expiry import selectors
from points.expiry.errors import ExpiryDayNotOver, ExpiryPolicyInvalid
from points.expiry.models import ExpiryPolicy
from points.rules.services import refuse_backdated

Kind = ExpiryPolicy.Kind
MOST_MONTHS = 120
AT_LEAST_DAYS, MOST_AT_LEAST_DAYS = 90, 366
# So many days before its first points expire, a month is told of, and a week: how each is written.
DIGEST_OF = {30: "%Y-%m", 7: "%G-W%V"}


def expires_on(kind: str, months: int | None, earned_on: date) -> date | None:
    """Return the last day on which points earned on that day can be spent; None means for good."""
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


@dataclass(frozen=True)
class Lasting:
    """The lifetime of points, from the day served and the day posted, and its reason."""

    served_on: date
    posted_on: date
    policy: ExpiryPolicy  # in force when it was served
    at_least_days: int  # of the policy in force when it is posted

    @property
    def expires_on(self) -> date | None:
        """The last day on which the points can be spent; None means for good."""
        day = expires_on(self.policy.kind, self.policy.months, self.served_on)
        return day and max(day, self.posted_on + timedelta(days=self.at_least_days))

    def explanation(self) -> dict[str, Any]:
        """Return the part of an award's explanation that is about expiry."""
        return {
            "served_on": self.served_on.isoformat(),
            "policy": self.policy.kind,
            "months": self.policy.months,
            "posted_on": self.posted_on.isoformat(),
            "at_least_days": self.at_least_days,
            "expires_on": self.expires_on and self.expires_on.isoformat(),
        }


def lasting(*, community: Community, served_on: date) -> Lasting:
    """Return how long points last that are posted now for service on that day of the community.

    The last day follows the policy in force on the day served, and is never earlier than so many
    days after today, so that points that arrive late can still be spent.
    """
    today = community.today
    policy, policy_now = selectors.expiry_policies_on(community, served_on, today)
    return Lasting(served_on, today, policy, policy_now.at_least_days)


def back_until(*, community: Community) -> date:
    """Return the last day of points that a refund brings back today, after their own last day."""
    today = community.today
    (policy,) = selectors.expiry_policies_on(community, today)
    return today + timedelta(days=policy.at_least_days)


@transaction.atomic
def set_policy(
    *,
    community: Community,
    kind: str,
    valid_from: date,
    months: int | None = None,
    at_least_days: int = AT_LEAST_DAYS,
    set_by: User | None = None,
) -> ExpiryPolicy:
    """Set how long points earned from ``valid_from`` on, a day of the place's own, can be spent.

    Points posted from then on last ``at_least_days``, whenever the service was; those posted before
    keep their last day. Idempotent: answers with the place's own policy for that day if it says the
    same. ``set_by`` is None for a command. Raises ExpiryPolicyInvalid.
    """
    if kind not in Kind.values:
        raise ExpiryPolicyInvalid(parameter="kind")
    if months not in (range(1, MOST_MONTHS + 1) if kind == Kind.MONTHS else [None]):
        raise ExpiryPolicyInvalid(parameter="months")
    if at_least_days not in range(MOST_AT_LEAST_DAYS + 1):
        raise ExpiryPolicyInvalid(parameter="at_least_days")
    lock_by_id(community.pk)  # each sees the last
    own = ExpiryPolicy.objects.filter(community=community, valid_from__lte=valid_from)
    latest = own.order_by("valid_from", "id").last()
    terms = {"kind": kind, "months": months, "at_least_days": at_least_days}
    if latest and all(getattr(latest, name) == value for name, value in terms.items()):
        return latest
    policy = ExpiryPolicy.objects.create(community=community, valid_from=valid_from, **terms)
    trail.record(
        "expiry_policy.set",
        actor=set_by,
        community=community,
        target=policy,
        before=trail.facts_of(latest, *terms, "valid_from"),
        after=trail.facts_of(policy, *terms, "valid_from"),
    )
    return policy


def announce_policy(*, community: Community, valid_from: date, **policy: Any) -> ExpiryPolicy:
    """Set a policy while the community is at work, for service from today on at the earliest.

    Takes and raises what ``set_policy`` does, and RuleBackdated if ``valid_from`` is before the
    community's today.
    """
    refuse_backdated(community, valid_from)
    return set_policy(community=community, valid_from=valid_from, **policy)


def expire(*, community: Community, until: date | None = None) -> list[selectors.Expired]:
    """Take from each wallet the points it has lost by the end of ``until``, by default yesterday.

    It does not matter when this runs: points whose day is over can not be spent, and are taken
    before anything else moves in their wallet. Idempotent: answers with what this call took, by
    day. One statement, however many wallets. Raises ExpiryDayNotOver.
    """
    today = community.today
    until = until or today - timedelta(days=1)
    if until >= today:
        raise ExpiryDayNotOver(today=today.isoformat())
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM points_expire(%s, %s)", [community.pk, until])
        return [selectors.Expired(*row) for row in cursor.fetchall()]


def tell(*, community: Community) -> None:
    """Owe one notice to whoever loses points within 30 days, and another within 7, once each.

    Each is a digest: of all that a calendar month takes if nothing is spent before, or a week. The
    next night makes up for a missed one.
    """
    today = community.today
    ahead = today + timedelta(days=max(DIGEST_OF))
    last = ahead.replace(day=monthrange(ahead.year, ahead.month)[1])
    wallets: defaultdict[UUID, list[selectors.Losing]] = defaultdict(list)
    for loss in selectors.losing(community, last, since=today):
        wallets[loss.account_id].append(loss)
    found = (digest for losses in wallets.values() for digest in _digests(losses, today))
    digests = sorted(found, key=attrgetter("expires_on"))
    for day, some in groupby(digests, key=attrgetter("expires_on")):
        notices.owe_many(
            community=community,
            kind="points_expiring",
            owed=(
                notices.Owed(
                    key=f"expiry:{one.account_id}:{one.period}",
                    recipient_id=UUID(one.holder.removeprefix("person:")),
                    facts={
                        "points": one.points,
                        "expires_on": day.isoformat(),
                        "until": one.until.isoformat(),
                        "community": community.name,
                    },
                )
                for one in some
            ),
            due_at=timezone.now(),
            stale_at=_end_of(day, community),
        )


class _Digest(NamedTuple):
    """The points that a wallet loses in a month or week: from ``expires_on`` to ``until``."""

    account_id: UUID
    holder: str
    period: str
    expires_on: date
    until: date
    points: int


def _digests(losses: list[selectors.Losing], today: date) -> Iterator[_Digest]:
    """Yield what a wallet is to be told; ``losses`` are all of its own, the nearest first."""
    for days, written in DIGEST_OF.items():
        for period, group in groupby(losses, key=lambda loss: f"{loss.expires_on:{written}}"):
            some = list(group)
            first, left = some[0], (some[0].expires_on - today).days
            if days == min((most for most in DIGEST_OF if left <= most), default=None):
                yield _Digest(
                    first.account_id,
                    first.holder,
                    period,
                    first.expires_on,
                    some[-1].expires_on,
                    sum(loss.points for loss in some),
                )


def _end_of(day: date, community: Community) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=community.clock)
