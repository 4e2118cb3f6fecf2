"""Reads of seals."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from json import loads
from uuid import UUID

from django.db.models import Q, QuerySet

from backend.communities.models import Community
from backend.registries.heads import Head
from backend.routing import reading
from points.kinds import AccountKind
from points.ledger.triggers import FLOORED_SQL
from points.seals.models import Seal, Unsealed


def places() -> QuerySet[Community]:
    """Return the places with seals of their own.

    Communities keep a ledger; acts, rules and policies belong to streets and estates as well.
    """
    acting = Community.objects.exclude(kind=Community.Kind.COMMUNITY)
    of_them = [
        model.objects.filter(community__in=acting).values_list("community_id", flat=True)
        for model in (Seal, Unsealed)
    ]
    sealing = of_them[0].union(of_them[1])
    found: QuerySet[Community] = Community.objects.filter(
        Q(kind=Community.Kind.COMMUNITY) | Q(pk__in=list(sealing))
    )
    return found


def seals_of(community: Community) -> QuerySet[Seal]:
    """Return the community's seals, newest first, without their rows and leaves."""
    rows = ("transfer_ids", "other_ids", "other_kinds", "leaves")
    return Seal.objects.filter(community=community).defer(*rows).order_by("-number")


def last_head(community_id: UUID) -> Head | None:
    """Return the head of the community's last seal, None if nothing was sealed yet."""
    seals = Seal.objects.filter(community=community_id).order_by("-number")
    last = seals.values_list("number", "head").first()
    return Head(last[0], bytes(last[1]).hex()) if last else None


def seal_reaching_furthest(community: Community, *, up_to: int) -> Seal | None:
    """Return the seal that holds the latest id of those up to the number ``up_to``."""
    return seals_of(community).filter(number__lte=up_to).order_by("-last_id").first()


# --- for the public ---------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """What became of all points up to the seal ``number``, and what was issued since.

    ``issued`` are those that left issuance or a fund for somebody. They are ``in_wallets``, were
    ``redeemed`` (or spent out of what was given), have ``expired``, or were ``given`` and not spent
    yet. The other side of the books keeps its own totals, so ``difference`` is a test.
    """

    number: int
    head: str
    sealed_at: datetime
    issued: int
    in_wallets: int
    redeemed: int
    expired: int
    given: int
    issued_since: int

    @property
    def difference(self) -> int:
        return self.issued - self.in_wallets - self.redeemed - self.expired - self.given


# In one statement, for no seal to come in between. Accounts with a floor keep totals of now, from
# which the transfers that are not sealed are taken off; of the others the rollup is the seal's.
_RECONCILED = f"""
    WITH tail AS MATERIALIZED (
        SELECT sides.kind, sum(sides.amount)::bigint AS amount
        FROM points_unsealed u
        JOIN points_transfer t ON t.community_id = %(community)s AND t.id = u.id
        JOIN points_account d ON d.community_id = %(community)s AND d.id = t.debit_id
        JOIN points_account c ON c.community_id = %(community)s AND c.id = t.credit_id
        CROSS JOIN LATERAL (VALUES (d.kind, -t.amount), (c.kind, t.amount)) AS sides (kind, amount)
        WHERE u.community_id = %(community)s AND u.kind = 'transfer' AND d.unit = 'points'
        GROUP BY sides.kind
    ), sealed AS (
        SELECT a.kind, sum(a.credits - a.debits) AS amount FROM points_account a
        WHERE a.community_id = %(community)s AND a.unit = 'points' AND a.kind IN ({FLOORED_SQL})
        GROUP BY a.kind
        UNION ALL
        SELECT tail.kind, -tail.amount FROM tail WHERE tail.kind IN ({FLOORED_SQL})
        UNION ALL
        SELECT a.kind, sum(rolled.amount) FROM points_account a
        JOIN LATERAL (
            SELECT r.credits - r.debits AS amount FROM points_rollup r
            WHERE r.community_id = %(community)s AND r.account_id = a.id
            ORDER BY r.number DESC LIMIT 1
        ) AS rolled ON true
        WHERE a.community_id = %(community)s AND a.unit = 'points' AND a.kind NOT IN ({FLOORED_SQL})
        GROUP BY a.kind
    )
    SELECT s.number, s.head, s.sealed_at,
        (SELECT coalesce(jsonb_agg(jsonb_build_array(kind, amount)), '[]') FROM sealed),
        (SELECT coalesce(jsonb_agg(jsonb_build_array(kind, amount)), '[]') FROM tail)
    FROM points_seal s WHERE s.community_id = %(community)s ORDER BY s.number DESC LIMIT 1
"""  # noqa: S608  # made of constants


def reconciled(community: Community) -> Reconciled | None:
    """Return what became of the community's points as of its last seal; None without one."""
    with reading().cursor() as cursor:
        cursor.execute(_RECONCILED, {"community": community.pk})
        found = cursor.fetchone()
    if found is None:
        return None
    number, head, sealed_at, *sums = found
    sealed, since = (_by_kind(loads(rows)) for rows in sums)
    return Reconciled(
        number=number,
        head=bytes(head).hex(),
        sealed_at=sealed_at,
        issued=-sealed[AccountKind.ISSUANCE] - sealed[AccountKind.FUND],
        in_wallets=sealed[AccountKind.WALLET],
        redeemed=sealed[AccountKind.MERCHANT] + sealed[AccountKind.SETTLED],
        expired=sealed[AccountKind.EXPIRED],
        given=sealed[AccountKind.POOL],
        issued_since=-since[AccountKind.ISSUANCE] - since[AccountKind.FUND],
    )


def _by_kind(rows: list[tuple[str, int]]) -> dict[str, int]:
    """Return the sum of each kind; 0 of one that is not there."""
    sums: dict[str, int] = defaultdict(int)
    for kind, amount in rows:
        sums[kind] += amount
    return sums
