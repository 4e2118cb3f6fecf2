"""Reads of the ledger."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, Case, F, Q, QuerySet, RowRange, Sum, When, Window
from django.db.models.functions import Coalesce

from backend.communities.models import Community
from backend.routing import reading
from points.kinds import AccountKind, Unit
from points.ledger.errors import AccountUnknown, TransferUnknown
from points.ledger.models import Account, Transfer
from points.ledger.triggers import FLOORED_SQL


def wallet_of(community_id: UUID, person_id: UUID) -> Account | None:
    """Return the person's wallet, or None if they never earned anything there."""
    return wallets_of([community_id], person_id).get(community_id)


def wallets_of(
    community_ids: Iterable[UUID], person_id: UUID, unit: Unit = Unit.POINTS
) -> dict[UUID, Account]:
    """Return the person's wallets by community; none where nothing was earned."""
    wallets = Account.objects.filter(
        community_id__in=list(community_ids),
        kind=AccountKind.WALLET,
        unit=unit,
        holder=f"person:{person_id}",
    )
    return {wallet.community_id: wallet for wallet in wallets}


def balance(account: Account, *, at: datetime | None = None) -> int:
    """Return credits less debits, in the account's unit, of all that was posted, or by ``at``.

    Held amounts still count; ``Account.available`` is what can be spent. The balance of now costs
    the same however long the statement is; for a past moment all of it is read.
    """
    if at is not None:
        return total(transfers_of(account).filter(posted_at__lte=at), account)
    if account.has_floor:
        account.refresh_from_db(fields=["credits", "debits", "held", "shortfall"])
        return account.credits - account.debits
    came_in, went_out = totals_of([account])[account.pk]
    return came_in - went_out


def total(transfers: QuerySet[Transfer], account: Account) -> int:
    """Return the sum that ``transfers`` brought ``account``, less what they took."""
    sums = transfers.aggregate(
        credits=Coalesce(Sum("amount", filter=Q(credit=account)), 0),
        debits=Coalesce(Sum("amount", filter=Q(debit=account)), 0),
    )
    return int(sums["credits"] - sums["debits"])


def totals_of(accounts: Iterable[Account]) -> dict[UUID, tuple[int, int]]:
    """Return credits and debits of each of a community's accounts, now, in one statement.

    Accounts with a floor carry their totals. For the others they are the rollup of the last seal
    that they were part of, plus the transfers that are not sealed yet.
    """
    accounts = list(accounts)
    totals = {account.pk: (account.credits, account.debits) for account in accounts}
    tallied = [account for account in accounts if not account.has_floor]
    if tallied:
        with reading().cursor() as cursor:
            cursor.execute(
                f"{_TALLY} AND a.id = ANY(%(accounts)s)",
                {
                    "community": tallied[0].community_id,
                    "accounts": [account.pk for account in tallied],
                },
            )
            totals |= {pk: (came_in, left) for pk, _, _, came_in, left in cursor.fetchall()}
    return totals


# MATERIALIZED: the tail is tallied once, even if the planner has no statistics yet.
_TALLY = f"""
    WITH tail AS MATERIALIZED (
        SELECT sides.account_id, sum(sides.credits)::bigint AS credits,
            sum(sides.debits)::bigint AS debits
        FROM points_unsealed u
        JOIN points_transfer t ON t.community_id = %(community)s AND t.id = u.id
        CROSS JOIN LATERAL (
            VALUES (t.debit_id, 0, t.amount), (t.credit_id, t.amount, 0)
        ) AS sides (account_id, credits, debits)
        WHERE u.community_id = %(community)s AND u.kind = 'transfer'
        GROUP BY sides.account_id
    )
    SELECT a.id, a.kind, a.unit,
        coalesce(rolled.credits, 0) + coalesce(tail.credits, 0),
        coalesce(rolled.debits, 0) + coalesce(tail.debits, 0)
    FROM points_account a
    LEFT JOIN LATERAL (
        SELECT r.credits, r.debits FROM points_rollup r
        WHERE r.community_id = %(community)s AND r.account_id = a.id
        ORDER BY r.number DESC LIMIT 1
    ) AS rolled ON true
    LEFT JOIN tail ON tail.account_id = a.id
    WHERE a.community_id = %(community)s
        AND a.kind NOT IN ({FLOORED_SQL})
"""  # noqa: S608


def transfers_of(account: Account) -> QuerySet[Transfer]:
    """Return all transfers of the account, newest first. For a page, see ``Statement``."""
    return Transfer.objects.filter(
        Q(debit=account) | Q(credit=account), community_id=account.community_id
    ).order_by("-id")


class Statement:
    """Transfers into and out of an account, newest first: as much of a queryset as paging asks.

    A page costs the same however long the statement is: what left and what came in are each read
    from their own index, no further than the page goes.
    """

    model = Transfer

    def __init__(self, account: Account, among: QuerySet[Transfer], order: str = "-id") -> None:
        self._account, self._among, self._order = account, among, order

    def filter(self, **lookups: Any) -> "Statement":
        return Statement(self._account, self._among.filter(**lookups), self._order)

    def order_by(self, order: str) -> "Statement":
        return Statement(self._account, self._among, order)

    def __getitem__(self, page: slice) -> list[Transfer]:
        out, came_in = (
            self._among.filter(**{side: self._account}).order_by(self._order)[: page.stop]
            for side in ("debit", "credit")
        )
        lines = list(out.union(came_in, all=True).order_by(self._order)[page])
        for line in lines:
            line.seen_from = self._account
        return lines


def statement(account: Account, among: QuerySet[Transfer] | None = None) -> Statement:
    """Return the account's statement, narrowed down to ``among`` if given."""
    if among is None:
        among = Transfer.objects.filter(community_id=account.community_id)
    return Statement(account, among)


def signed(account: Account) -> Case:
    """Return the expression for a transfer's amount as the account sees it, negative if it left."""
    return Case(When(credit=account, then=F("amount")), default=-F("amount"))


def transfers_with_balance(account: Account) -> QuerySet[Transfer]:
    """Return all transfers of the account, newest first, each with its ``balance_after``.

    It is one statement, so that postings meanwhile can not put the balances out of step.
    """
    balance_after = Window(
        Sum(signed(account), output_field=BigIntegerField()),
        order_by="id",
        frame=RowRange(start=None, end=0),
    )
    return transfers_of(account).annotate(balance_after=balance_after)


def accounts_in(community: Community) -> QuerySet[Account]:
    """Return every account of the community, newest first."""
    return Account.objects.filter(community=community).order_by("-id")


def account_in(community: Community, account_id: UUID) -> Account:
    """Return one of the community's accounts. Raises AccountUnknown if there is none."""
    account = accounts_in(community).filter(pk=account_id).first()
    if account is None:
        raise AccountUnknown
    account.community = community  # known, so that nobody reads it again
    return account


@dataclass(frozen=True)
class TrialBalanceLine:
    """The totals of all accounts of one kind and unit in a community."""

    unit: str
    kind: str
    accounts: int
    debits: int
    credits: int

    @property
    def balance(self) -> int:
        return self.credits - self.debits


def trial_balance(community: Community, *, at: datetime | None = None) -> list[TrialBalanceLine]:
    """Add up what each kind of account has moved, now or of all that was posted by ``at``.

    In each unit debits and credits are equal. For a past moment, the whole ledger is read.
    """
    with reading().cursor() as cursor:
        cursor.execute(
            _TRIAL_BALANCE_NOW if at is None else _TRIAL_BALANCE_AT,
            {"community": community.pk, "at": at},
        )
        return [TrialBalanceLine(*line) for line in cursor.fetchall()]


_TRIAL_BALANCE_NOW = f"""
    SELECT unit, kind, count(*), sum(debits)::bigint, sum(credits)::bigint
    FROM (
        SELECT a.kind, a.unit, a.credits, a.debits FROM points_account a
        WHERE a.community_id = %(community)s
            AND a.kind IN ({FLOORED_SQL})
        UNION ALL
        SELECT kind, unit, credits, debits
        FROM ({_TALLY}) AS tallied (id, kind, unit, credits, debits)
    ) AS accounts
    GROUP BY unit, kind ORDER BY unit, kind
"""  # noqa: S608
_TRIAL_BALANCE_AT = """
    SELECT a.unit, a.kind, count(DISTINCT a.id), sum(sides.debits)::bigint,
        sum(sides.credits)::bigint
    FROM points_transfer t
    CROSS JOIN LATERAL (
        VALUES (t.debit_id, t.amount, 0), (t.credit_id, 0, t.amount)
    ) AS sides (account_id, debits, credits)
    JOIN points_account a ON a.community_id = %(community)s AND a.id = sides.account_id
    WHERE t.community_id = %(community)s AND t.posted_at <= %(at)s
    GROUP BY a.unit, a.kind ORDER BY a.unit, a.kind
"""


def transfers_in(community: Community) -> QuerySet[Transfer]:
    """Return every transfer of the community, with both accounts, newest first."""
    return (
        Transfer.objects.filter(community=community)
        .select_related("debit", "credit")
        .order_by("-id")
    )


def transfer_of(person_id: UUID, transfer_id: UUID) -> Transfer:
    """Return a transfer that reached or left the person's wallet, seen from the wallet.

    Raises TransferUnknown, also for a transfer between others.
    """
    transfer = Transfer.objects.select_related("community").filter(pk=transfer_id).first()
    wallet = wallet_of(transfer.community_id, person_id) if transfer else None
    if not transfer or not wallet or wallet.pk not in (transfer.debit_id, transfer.credit_id):
        raise TransferUnknown
    transfer.seen_from = wallet
    return transfer


def transfer_in(community: Community, transfer_id: UUID) -> Transfer:
    """Return one of the community's transfers, with both accounts. Raises TransferUnknown."""
    transfer = transfers_in(community).filter(pk=transfer_id).first()
    if transfer is None:
        raise TransferUnknown
    return transfer


def movements(
    community_id: UUID, transfer_ids: Collection[UUID | None]
) -> dict[UUID | None, list[dict[str, Any]]]:
    """Return what each transfer says, followed by what the transfers that reverse it say.

    For None, which stands for no transfer, it is nothing.
    """
    rows = (
        Transfer.objects.filter(
            Q(pk__in=transfer_ids) | Q(reverses__in=transfer_ids), community=community_id
        )
        .select_related("debit", "credit")
        .order_by("id")
    )
    said: dict[UUID | None, list[dict[str, Any]]] = {pk: [] for pk in (None, *transfer_ids)}
    told = ("id", "key", "amount", "reason", "source", "occurred_at", "posted_at", "expires_on")
    for row in rows:
        facts = {name: getattr(row, name) for name in told}
        sides = {"unit": row.debit.unit, "debit": str(row.debit), "credit": str(row.credit)}
        for of in {row.pk, row.reverses_id} - {None}:
            if of in said:
                said[of].append(facts | sides | {"reverses": row.reverses_id})
    return said


def totals_by_kind(community: Community, unit: Unit = Unit.POINTS) -> dict[str, int]:
    """Return each kind's balance in the whole community, now; together they add up to zero."""
    return dict.fromkeys(AccountKind.values, 0) | {
        line.kind: line.balance for line in trial_balance(community) if line.unit == unit
    }


def public_figures(community: Community) -> dict[str, int]:
    """Return points ``issued`` so far, ``redeemed`` with merchants, and ``outstanding``.

    Outstanding points are those in wallets, reserved ones included. A fund's points are issued
    when they leave it.
    """
    totals = totals_by_kind(community)
    return {
        "issued": -totals[AccountKind.ISSUANCE] - totals[AccountKind.FUND],
        "redeemed": totals[AccountKind.MERCHANT] + totals[AccountKind.SETTLED],
        "outstanding": totals[AccountKind.WALLET],
    }
