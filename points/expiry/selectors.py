"""Reads of the ledger and the rules."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import (
    Count,
    Max,
    Min,
    QuerySet,
    Sum,
)
from django.db.models.fields.json import KT

from backend.communities.models import Community
from backend.communities.selectors import lineage
from points.expiry.models import ExpiryPolicy
from points.kinds import AccountKind
from points.ledger.models import Account, Earned, Transfer


def expiry_policies_of(community: Community) -> QuerySet[ExpiryPolicy]:
    """All that were ever decided there."""
    return ExpiryPolicy.objects.filter(community=community)


def expiry_policies_from(community: Community, day: date) -> list[ExpiryPolicy]:
    """The policy in force on ``day``, the community's own day, then each that will replace it."""
    known = _expiry_policies(community)
    days = [day, *sorted({policy.valid_from for policy in known if policy.valid_from > day})]
    return [policy for policy, _ in groupby(_in_force(known, days))]


def expiry_policies_on(community: Community, *days: date) -> list[ExpiryPolicy]:
    """The policy in force on each of the community's ``days``."""
    return _in_force(_expiry_policies(community), days)


def _expiry_policies(community: Community) -> list[ExpiryPolicy]:
    """All that concern the community, the last word last: its own come after those of above."""
    places = [place.pk for place in lineage(community)]
    return sorted(
        ExpiryPolicy.objects.filter(community__in=places).select_related("community"),
        key=lambda policy: (-places.index(policy.community_id), policy.valid_from, policy.pk),
    )


def _in_force(known: Sequence[ExpiryPolicy], days: Iterable[date]) -> list[ExpiryPolicy]:
    """On each day the last that has begun; where there is none, one that was never published."""
    unwritten = ExpiryPolicy(kind=ExpiryPolicy.Kind.END_OF_NEXT_YEAR)
    return [
        next((policy for policy in reversed(known) if policy.valid_from <= day), unwritten)
        for day in days
    ]


def next_expiry_day(community: Community) -> date | None:
    """The first day, today or later, on which points are to expire; ``None``: there is none."""
    days = Earned.objects.filter(community=community, expires_on__gte=community.today)
    first: date | None = days.aggregate(first=Min("expires_on"))["first"]
    return first


class ExpiredDay(NamedTuple):
    """What has been taken of the points of a day, and when the last of it was."""

    expires_on: date
    wallets: int
    points: int
    ran_at: datetime


def expired_days(community: Community, most: int) -> list[ExpiredDay]:
    """The newest ``most`` days whose points have expired, the newest first."""
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


class Losing(NamedTuple):
    """What one wallet loses on a day: of what is ``available`` it keeps what expires later."""

    account_id: UUID
    holder: str
    expires_on: date
    available: int
    kept: int
    points: int


def losing(community: Community, until: date, *, since: date = date.min) -> Iterator[Losing]:
    """What each wallet loses, if nothing moves before, on each day from ``since`` to ``until``.

    The nearest day first, and of a day whoever loses most.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.id, a.holder, loss.*
            FROM points_account a CROSS JOIN LATERAL points_losses(
                a.community_id, a.id, a.credits - a.debits - a.held, %s
            ) AS loss
            WHERE a.community_id = %s AND a.kind = 'wallet' AND a.unit = 'points'
                AND a.credits > a.debits + a.held AND loss.expires_on >= %s
            ORDER BY loss.expires_on, loss.points DESC, a.id
            """,
            [until, community.pk, since],
        )
        while rows := cursor.fetchmany(1000):
            yield from map(Losing._make, rows)


def losses(community: Community, on: date) -> tuple[int, int]:
    """How many wallets lose something on that day, and how many points together."""
    points = [loss.points for loss in losing(community, on, since=on)]
    return len(points), sum(points)


def losses_to_come(wallets: Collection[Account]) -> dict[UUID, list[tuple[date, int]]]:
    """When each wallet loses how much if nothing moves before, the nearest day first.

    A day that is over is among them until what it took is posted. In one statement.
    """
    to_come: dict[UUID, list[tuple[date, int]]] = {wallet.pk: [] for wallet in wallets}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.id, loss.expires_on, loss.points
            FROM points_account a CROSS JOIN LATERAL points_losses(
                a.community_id, a.id, a.credits - a.debits - a.held, 'infinity'
            ) AS loss
            WHERE a.community_id = ANY(%s) AND a.id = ANY(%s) ORDER BY loss.expires_on
            """,
            [[wallet.community_id for wallet in wallets], list(to_come)],
        )
        for wallet_id, day, points in cursor.fetchall():
            to_come[wallet_id].append((day, points))
    return to_come
