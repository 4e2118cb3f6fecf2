"""Reads of the ledger."""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby, pairwise
from json import loads
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import (
    BigIntegerField,
    Case,
    DateField,
    F,
    Q,
    QuerySet,
    RowRange,
    Sum,
    TextChoices,
    When,
    Window,
)
from django.db.models.functions import TruncDay, TruncMonth
from django.db.models.functions.datetime import TruncBase
from django.utils.translation import gettext_lazy as _

from backend.communities.models import Community
from backend.registries.checks import first_id_since
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


def holders_in(community: Community, people: Iterable[UUID]) -> set[UUID]:
    """Return those of the people who have an account of their own there, of whatever kind."""
    holders = {f"person:{person}": person for person in people}
    accounts = Account.objects.filter(community=community, holder__in=list(holders))
    return {holders[holder] for holder in accounts.values_list("holder", flat=True)}


def available_to(community: Community, people: Iterable[UUID]) -> dict[UUID, int]:
    """Return the points that each of the people may spend there now; nobody without a wallet."""
    holders = {f"person:{person}": person for person in people}
    wallets = Account.objects.filter(
        community=community,
        kind=AccountKind.WALLET,
        unit=Unit.POINTS,
        holder__in=list(holders),
    )
    return {holders[wallet.holder]: wallet.available for wallet in wallets}


def balance(account: Account, *, at: datetime | None = None) -> int:
    """Return credits less debits, in the account's unit, of all that was posted, or by ``at``.

    Held amounts still count; ``Account.available`` is what can be spent. The balance of now costs
    the same however long the statement is; for a past moment what came since is read.
    """
    if at is not None:
        return standings(account.community_id, [account.pk], at=at)[account.pk].balance
    if account.has_floor:
        account.refresh_from_db(fields=["credits", "debits", "held", "shortfall"])
        return account.credits - account.debits
    came_in, went_out = totals_of([account])[account.pk]
    return came_in - went_out


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
            totals |= {pk: (came_in, left) for pk, _, _, _, came_in, left in cursor.fetchall()}
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
    SELECT a.id, a.kind, a.unit, a.holder,
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


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Sums that one account or several had moved by a moment, reckoned both ways.

    ``debits`` and ``credits`` are of what was posted by then, the other two of what had happened by
    then, whenever it was posted.
    """

    debits: int
    credits: int
    occurred_debits: int
    occurred_credits: int

    @property
    def balance(self) -> int:
        return self.credits - self.debits

    @property
    def occurred_balance(self) -> int:
        return self.occurred_credits - self.occurred_debits

    @property
    def occurred_difference(self) -> int:
        """The balance of what had happened less that of what was posted."""
        return self.occurred_balance - self.balance


@dataclass(frozen=True, kw_only=True)
class TrialBalanceLine(Standing):
    """The standing of all accounts of one kind and unit; ``accounts`` had anything move on them."""

    unit: str
    kind: str
    accounts: int


class Cause(TextChoices):
    """Why a transfer counts in one of the two reckonings only."""

    POSTED_LATER = "posted_later", _("Posted later")  # it had happened, and was not known yet
    OCCURS_LATER = "occurs_later", _("Occurs later")  # it was known before it happened


@dataclass(frozen=True, kw_only=True)
class Apart:
    """Transfers of one way, reason and cause that count in one of the two reckonings only."""

    unit: str
    debit_kind: str
    credit_kind: str
    reason: str
    cause: str
    transfers: int
    amount: int


@dataclass(frozen=True)
class TrialBalance:
    """All accounts by unit and kind, and the transfers that set the two reckonings apart."""

    lines: list[TrialBalanceLine]
    apart: list[Apart]

    def sums(self) -> dict[str, Standing]:
        """Return what each unit's lines add up to; its balances are zero if the books are right."""
        names = ("debits", "credits", "occurred_debits", "occurred_credits")
        return {
            unit: Standing(**{name: sum(getattr(one, name) for one in lines) for name in names})
            for unit, of_unit in groupby(self.lines, key=attrgetter("unit"))
            for lines in [list(of_unit)]
        }


def trial_balance(community: Community, *, at: datetime | None = None) -> TrialBalance:
    """Add up what each kind of account has moved, now or by ``at``, by posting and by occurrence.

    What accounts and rollups keep is the beginning, and what is later than ``at`` is taken off: a
    total that somebody wrote to puts debits and credits of its unit out of step. One statement,
    which reads the accounts, what is not sealed yet and the transfers since ``at``.
    """
    with reading().cursor() as cursor:
        cursor.execute(_TRIAL_BALANCE, _asked(community.pk, at))
        lines, apart = cursor.fetchone()
    return TrialBalance(
        [TrialBalanceLine(**json) for json in loads(lines)],
        [Apart(**json) for json in loads(apart)],
    )


def standings(
    community_id: UUID, account_ids: Collection[UUID], *, at: datetime | None = None
) -> dict[UUID, Standing]:
    """Return how some of a community's accounts stand, now or by ``at``, in one statement."""
    with reading().cursor() as cursor:
        cursor.execute(_STANDINGS_OF_SOME, _asked(community_id, at, accounts=list(account_ids)))
        return {pk: _standing(*moved) for pk, _, _, _, *moved in cursor.fetchall()}


def stream_standings(
    community: Community, *, at: datetime | None, kind: str = "", unit: str = "", holder: str = ""
) -> Iterator[tuple[dict[str, Any], Standing]]:
    """Yield each account of the community, or of a kind, unit or holder, with how it stands.

    By unit, kind and holder. Rows are read as they arrive: a file may be of a city's wallets.
    """
    asked = _asked(community.pk, at, kind=kind, unit=unit, holder=holder)
    with reading().cursor() as cursor, connection.wrap_database_errors:
        for pk, of_kind, of_unit, of_holder, *moved in cursor.stream(_STANDINGS_OF_ALL, asked):
            yield (
                {"id": pk, "kind": of_kind, "unit": of_unit, "holder": of_holder},
                _standing(*moved),
            )


def transfers_apart(community: Community, *, at: datetime, cause: Cause) -> QuerySet[Transfer]:
    """Return the transfers that count in one of the two reckonings only, newest first."""
    transfers = transfers_in(community)
    if cause == Cause.POSTED_LATER:
        since = first_id_since(at)
        return transfers.filter(pk__gte=since, posted_at__gt=at, occurred_at__lte=at)
    ahead = Q(occurred_at__gt=F("posted_at"))  # which has an index
    return transfers.filter(ahead, posted_at__lte=at, occurred_at__gt=at)


def _standing(debits: int, credits_: int, occurred_debits: int, occurred_credits: int) -> Standing:
    return Standing(
        debits=debits,
        credits=credits_,
        occurred_debits=occurred_debits,
        occurred_credits=occurred_credits,
    )


def _asked(community_id: UUID, at: datetime | None, **more: Any) -> dict[str, Any]:
    since = UUID(int=(1 << 128) - 1) if at is None else first_id_since(at)
    return {"community": community_id, "at": at or "infinity", "since": since, **more}


def _standings(then: str, *, accounts: str = "", transfers: str = "") -> str:
    """Return the query ``then`` of ``standing``: each account's totals as they were.

    It is what accounts keep, less what is later than the moment. What was posted later has an id
    from ``since`` on; of what was posted by then only what is dated ahead can occur later.
    ``accounts`` narrows down ``a``, and ``transfers`` ``t``, of which ``later`` is made.
    """
    return f"""
    WITH later AS MATERIALIZED (
        SELECT t.debit_id, t.credit_id, t.amount, t.reason, t.posted_at > %(at)s AS posted_later,
            t.occurred_at > %(at)s AS occurs_later
        FROM points_transfer t
        WHERE t.community_id = %(community)s AND t.id >= %(since)s
            AND (t.posted_at > %(at)s OR t.occurred_at > %(at)s) {transfers}
        UNION ALL
        SELECT t.debit_id, t.credit_id, t.amount, t.reason, false, true
        FROM points_transfer t
        WHERE t.community_id = %(community)s AND t.id < %(since)s
            AND t.occurred_at > t.posted_at AND t.occurred_at > %(at)s {transfers}
    ), later_of AS MATERIALIZED (
        SELECT sides.account_id,
            sum(sides.debits) FILTER (WHERE posted_later) AS debits,
            sum(sides.credits) FILTER (WHERE posted_later) AS credits,
            sum(sides.debits) FILTER (WHERE occurs_later) AS occurred_debits,
            sum(sides.credits) FILTER (WHERE occurs_later) AS occurred_credits
        FROM later
        CROSS JOIN LATERAL (
            VALUES (later.debit_id, later.amount, 0), (later.credit_id, 0, later.amount)
        ) AS sides (account_id, debits, credits)
        GROUP BY sides.account_id
    ), kept AS (
        SELECT a.id, a.kind, a.unit, a.holder, a.credits, a.debits FROM points_account a
        WHERE a.community_id = %(community)s AND a.kind IN ({FLOORED_SQL}) {accounts}
        UNION ALL
        SELECT * FROM ({_TALLY} {accounts}) AS tallied
    ), standing AS (
        SELECT kept.id, kept.kind, kept.unit, kept.holder,
            (kept.debits - coalesce(later_of.debits, 0))::bigint AS debits,
            (kept.credits - coalesce(later_of.credits, 0))::bigint AS credits,
            (kept.debits - coalesce(later_of.occurred_debits, 0))::bigint AS occurred_debits,
            (kept.credits - coalesce(later_of.occurred_credits, 0))::bigint AS occurred_credits
        FROM kept LEFT JOIN later_of ON later_of.account_id = kept.id
    )
    {then}
    """  # noqa: S608  # made of constants


_STANDINGS_OF_SOME = _standings(
    "SELECT * FROM standing",
    accounts="AND a.id = ANY(%(accounts)s)",
    transfers="AND (t.debit_id = ANY(%(accounts)s) OR t.credit_id = ANY(%(accounts)s))",
)
_STANDINGS_OF_ALL = _standings(
    "SELECT * FROM standing ORDER BY unit, kind, holder, id",
    accounts="AND %(kind)s IN ('', a.kind) AND %(unit)s IN ('', a.unit)"
    " AND %(holder)s IN ('', a.holder)",
)
_TRIAL_BALANCE = _standings("""
    SELECT (
        SELECT coalesce(jsonb_agg(to_jsonb(line) ORDER BY line.unit, line.kind), '[]')
        FROM (
            SELECT s.unit, s.kind, count(*) AS accounts,
                sum(s.debits)::bigint AS debits, sum(s.credits)::bigint AS credits,
                sum(s.occurred_debits)::bigint AS occurred_debits,
                sum(s.occurred_credits)::bigint AS occurred_credits
            FROM standing s
            WHERE (s.debits, s.credits, s.occurred_debits, s.occurred_credits) <> (0, 0, 0, 0)
            GROUP BY s.unit, s.kind
        ) AS line
    ), (
        SELECT coalesce(jsonb_agg(to_jsonb(apart) ORDER BY apart.unit, apart.cause DESC,
            apart.debit_kind, apart.credit_kind, apart.reason), '[]')
        FROM (
            SELECT d.unit, d.kind AS debit_kind, c.kind AS credit_kind, l.reason,
                CASE WHEN l.posted_later THEN 'posted_later' ELSE 'occurs_later' END AS cause,
                count(*) AS transfers, sum(l.amount)::bigint AS amount
            FROM later l
            JOIN points_account d ON d.community_id = %(community)s AND d.id = l.debit_id
            JOIN points_account c ON c.community_id = %(community)s AND c.id = l.credit_id
            WHERE l.posted_later <> l.occurs_later
            GROUP BY d.unit, d.kind, c.kind, l.reason, l.posted_later
        ) AS apart
    )
""")


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
        line.kind: line.balance for line in trial_balance(community).lines if line.unit == unit
    }


def public_figures(community: Community) -> dict[str, int]:
    """Return points ``issued`` so far, ``redeemed`` with merchants, and ``outstanding``.

    Outstanding points are those in wallets, reserved ones included. A fund's points are issued
    when they leave it.
    """
    figures = _figures(totals_by_kind(community))
    return {name: figures[name] for name in ("issued", "redeemed", "outstanding")}


def _figures(totals: Mapping[str, int]) -> dict[str, int]:
    """Return what became of points, by what each kind of account received less what it gave."""
    return {
        "issued": -totals[AccountKind.ISSUANCE] - totals[AccountKind.FUND],
        "redeemed": totals[AccountKind.MERCHANT] + totals[AccountKind.SETTLED],
        "expired": totals[AccountKind.EXPIRED],
        "given_back": totals[AccountKind.POOL],
        "outstanding": totals[AccountKind.WALLET],
    }


@dataclass(frozen=True)
class PeriodFigures:
    """Points that moved from ``since`` to the day before ``until``, and those ``outstanding`` then.

    Points that were taken back are not issued, those that were refunded not redeemed.
    """

    since: date
    until: date
    issued: int
    redeemed: int
    expired: int
    given_back: int
    outstanding: int


def figures_by_month(community: Community, year: int) -> list[PeriodFigures]:
    """Return what became of points in each month of a year that has begun."""
    months = [date(year, month, 1) for month in range(1, 13)]
    return _figures_of(community, [*months, date(year + 1, 1, 1)], TruncMonth)


def figures_by_day(community: Community, year: int, month: int) -> list[PeriodFigures]:
    """Return what became of points on each day of a month that has begun."""
    days = range(1, monthrange(year, month)[1] + 1)
    first = [date(year, month, day) for day in days]
    return _figures_of(community, [*first, first[-1] + timedelta(days=1)], TruncDay)


def _figures_of(
    community: Community, begins: list[date], unit: type[TruncBase]
) -> list[PeriodFigures]:
    """Return the figures of the periods that begin so, the last of ``begins`` being the end of all.

    Days are the community's, and a transfer is of the day when it happened. Nothing is posted
    before it happened, so no more is read than what was posted since.
    """
    periods = [one for one in pairwise(begins) if one[0] <= community.today]
    if not periods:
        return []
    first_moment = datetime.combine(begins[0], time(), community.clock)
    moved = (
        Transfer.objects.filter(
            community=community,
            pk__gte=first_id_since(first_moment),
            occurred_at__gte=first_moment,
            debit__unit=Unit.POINTS,
        )
        .values(begin=unit("occurred_at", tzinfo=community.clock, output_field=DateField()))
        .values_list("begin", "debit__kind", "credit__kind", Sum("amount"))
        .order_by()
    )
    changes: dict[date, dict[str, int]] = defaultdict(lambda: dict.fromkeys(AccountKind.values, 0))
    for begin, debit, credit, amount in moved:
        changes[begin][debit] -= amount
        changes[begin][credit] += amount
    figures = {begin: _figures(moves) for begin, moves in changes.items()}
    later = sum(of["outstanding"] for begin, of in figures.items() if begin > periods[-1][0])
    outstanding = totals_by_kind(community)[AccountKind.WALLET] - later
    told = []
    for since, until in reversed(periods):
        of_it = figures.get(since) or _figures(changes[since])
        told.append(PeriodFigures(since, until, **{**of_it, "outstanding": outstanding}))
        outstanding -= of_it["outstanding"]
    return told[::-1]


# --- for the public, by month -----------------------------------------------------------------
@dataclass(frozen=True)
class Told:
    """Points that moved in each month of a year, as anybody may know: None where few moved them."""

    months: list[int | None]
    total: int | None


# Issued is what comes into wallets; all else is what leaves them.
_MOVED = """
    SELECT extract(month FROM timezone(%(zone)s, t.occurred_at))::int AS month, sides.what,
        sum(CASE WHEN sides.is_in = (sides.what = 'issued') THEN t.amount ELSE -t.amount END),
        count(DISTINCT sides.wallet)
    FROM points_transfer t
    JOIN points_account d ON d.community_id = %(community)s AND d.id = t.debit_id
    JOIN points_account c ON c.community_id = %(community)s AND c.id = t.credit_id
    CROSS JOIN LATERAL (
        SELECT c.kind = 'wallet' AS is_in,
            CASE WHEN c.kind = 'wallet' THEN c.id ELSE d.id END AS wallet,
            CASE CASE WHEN c.kind = 'wallet' THEN d.kind ELSE c.kind END
                WHEN 'issuance' THEN 'issued' WHEN 'fund' THEN 'issued'
                WHEN 'merchant' THEN 'redeemed' WHEN 'settled' THEN 'redeemed'
                WHEN 'expired' THEN 'expired' WHEN 'pool' THEN 'given'
            END AS what
    ) AS sides
    WHERE t.community_id = %(community)s AND t.id >= %(first)s
        AND t.occurred_at >= %(since)s AND t.occurred_at < %(until)s
        AND d.unit = 'points' AND (d.kind = 'wallet') <> (c.kind = 'wallet')
        AND sides.what IS NOT NULL
    GROUP BY month, sides.what
"""


def figures_told_by_month(community: Community, year: int, *, fewest: int) -> dict[str, Told]:
    """Return points ``issued``, ``redeemed``, ``expired`` and ``given`` by month, for anybody.

    Into wallets and out of them, less what was taken back or refunded. Nothing is told of fewer
    than ``fewest`` wallets, also not by subtraction: a month of fewer is left out, and with it the
    month of the next fewest, as long as the total is told. Months to come are zero.
    """
    since, until = (
        datetime.combine(date(one, 1, 1), time(), community.clock) for one in (year, year + 1)
    )
    moved: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
    with reading().cursor() as cursor:
        cursor.execute(
            _MOVED,
            {
                "community": community.pk,
                "zone": community.timezone,
                "first": first_id_since(since),
                "since": since,
                "until": until,
            },
        )
        for month, what, points, wallets in cursor.fetchall():
            moved[what][month] = int(points), wallets
    whats = ("issued", "redeemed", "expired", "given")
    return {what: _told(moved[what], fewest) for what in whats}


def _told(moved: Mapping[int, tuple[int, int]], fewest: int) -> Told:
    hidden = {month for month, (_, wallets) in moved.items() if wallets < fewest}
    shown = sorted(moved.keys() - hidden, key=lambda month: (moved[month][1], month))
    total = sum(points for points, _ in moved.values()) if shown or not moved else None
    if hidden:
        hidden |= set(shown[:1])
    months = [None if month in hidden else moved.get(month, (0, 0))[0] for month in range(1, 13)]
    return Told(months, total)
