"""Reads of expiry: policies, what has expired and what will."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count, Max, Min, QuerySet, Sum
from django.db.models.fields.json import KT

from backend.communities.models import Community
from backend.communities.selectors import lineage
from backend.routing import reading
from points.expiry.models import ExpiryPolicy
from points.kinds import AccountKind
from points.ledger.models import Account, Earned, Transfer

UNWRITTEN = ExpiryPolicy.Kind.END_OF_NEXT_YEAR  # what holds where there is no policy


def expiry_policies_of(community: Community) -> QuerySet[ExpiryPolicy]:
    """Return all policies that the community itself ever set."""
    return ExpiryPolicy.objects.filter(community=community)


def expiry_policies_from(community: Community, day: date) -> list[ExpiryPolicy]:
    """List the policy in force on ``day``, the community's own, then each that will replace it."""
    known = expiry_policies_known_in(community)
    days = [day, *sorted({policy.valid_from for policy in known if policy.valid_from > day})]
    return [policy for policy, _ in groupby(_in_force(known, days))]


def expiry_policies_on(community: Community, *days: date) -> list[ExpiryPolicy]:
    """List the policy in force on each of the community's ``days``."""
    return _in_force(expiry_policies_known_in(community), days)


def expiry_policies_known_in(community: Community) -> list[ExpiryPolicy]:
    """List all policies that concern the community: first those above, last its own latest."""
    places = [place.pk for place in lineage(community)]
    return sorted(
        ExpiryPolicy.objects.filter(community__in=places).select_related("community"),
        key=lambda policy: (-places.index(policy.community_id), policy.valid_from, policy.pk),
    )


def _in_force(known: Sequence[ExpiryPolicy], days: Iterable[date]) -> list[ExpiryPolicy]:
    """List for each day the latest policy that has begun, or one that was never published."""
    unwritten = ExpiryPolicy(kind=UNWRITTEN)
    return [
        next((policy for policy in reversed(known) if policy.valid_from <= day), unwritten)
        for day in days
    ]


def next_expiry_day(community: Community) -> date | None:
    """Return the first day, today or later, on which points are to expire, or None."""
    days = Earned.objects.filter(community=community, expires_on__gte=community.today)
    day: date | None = days.aggregate(first=Min("expires_on"))["first"]
    return day


class ExpiredDay(NamedTuple):
    """The points of one day that have expired, and when the last of them was taken."""

    expires_on: date
    wallets: int
    points: int
    ran_at: datetime


def expired_days(community: Community, most: int) -> list[ExpiredDay]:
    """List the ``most`` newest days whose points have expired, the newest first."""
    days = (
        Transfer.objects.filter(
            community=community,
            credit__in=Account.objects.filter(community=community, kind=AccountKind.EXPIRED),
            reason="expiry",
        )
        .values(day=KT("explanation__expires_on"))
        .annotate(
            wallets=Count("debit", distinct=True), points=Sum("amount"), ran_at=Max("posted_at")
        )
        .order_by("-day")
    )
    return [
        ExpiredDay(date.fromisoformat(one["day"]), one["wallets"], one["points"], one["ran_at"])
        for one in days[:most]
    ]


class Expired(NamedTuple):
    """The points that all wallets lose when ``expires_on`` is over."""

    expires_on: date
    wallets: int
    points: int


class Losing(NamedTuple):
    """The points that a wallet loses on a day: ``available`` less ``kept``, which expires later."""

    account_id: UUID
    holder: str
    expires_on: date
    available: int
    kept: int
    points: int


def losing(community: Community, until: date, *, since: date = date.min) -> Iterator[Losing]:
    """Yield what each wallet loses on the days ``since`` to ``until`` if nothing moves before.

    The nearest day comes first, and within a day the largest loss.
    """
    with reading().cursor() as cursor:
        cursor.execute(
            f"SELECT {_LOSING} FROM points_losses(%s, NULL, %s) AS loss"  # noqa: S608
            " ORDER BY loss.expires_on, loss.points DESC, loss.account_id",
            [community.pk, until],
        )
        while rows := cursor.fetchmany(1000):
            yield from (loss for loss in map(Losing._make, rows) if loss.expires_on >= since)


_LOSING = ", ".join(f"loss.{name}" for name in Losing._fields)


def losses(community: Community, on: date) -> Expired:
    """Return what all wallets together lose on that day."""
    points = [loss.points for loss in losing(community, on, since=on)]
    return Expired(on, len(points), sum(points))


def losses_to_come(wallets: Collection[Account]) -> dict[UUID, list[tuple[date, int]]]:
    """Return when each wallet loses how much if nothing moves before, the nearest day first.

    A day that is over is included until its expiry is posted. One statement, or none.
    """
    to_come: dict[UUID, list[tuple[date, int]]] = {wallet.pk: [] for wallet in wallets}
    if not to_come:
        return to_come
    with reading().cursor() as cursor:
        cursor.execute(
            f"SELECT {_LOSING} FROM unnest(%s::uuid[]) AS of (community_id)"  # noqa: S608
            " CROSS JOIN LATERAL points_losses(of.community_id, %s, 'infinity') AS loss"
            " ORDER BY loss.expires_on",
            [list({wallet.community_id for wallet in wallets}), list(to_come)],
        )
        for loss in map(Losing._make, cursor.fetchall()):
            to_come[loss.account_id].append((loss.expires_on, loss.points))
    return to_come
