"""Reads of the ledger and the rules."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    Exists,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    RowRange,
    Subquery,
    Sum,
    When,
    Window,
)
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from backend.communities.models import Community
from backend.communities.selectors import lineage
from backend.names import of_thing
from points.errors import AccountUnknown, TransferUnknown
from points.models import (
    Account,
    AccountKind,
    Award,
    Earned,
    ExpiryPolicy,
    Reversal,
    Rule,
    RuleVersion,
    Seal,
    Transfer,
    Unit,
    Verification,
)
from points.triggers import FLOORED_SQL


def wallet_of(community_id: UUID, person_id: UUID) -> Account | None:
    """The person's wallet, or ``None`` for who never earned anything there."""
    return Account.objects.filter(
        community_id=community_id,
        kind=AccountKind.WALLET,
        unit=Unit.POINTS,
        holder=f"person:{person_id}",
    ).first()


def wallets_of(community_ids: Iterable[UUID], person_id: UUID) -> dict[UUID, Account]:
    """The person's wallets in those communities, by community; none where nothing was earned."""
    wallets = Account.objects.filter(
        community_id__in=list(community_ids),
        kind=AccountKind.WALLET,
        unit=Unit.POINTS,
        holder=f"person:{person_id}",
    )
    return {wallet.community_id: wallet for wallet in wallets}


def balance(account: Account, *, at: datetime | None = None) -> int:
    """Credits less debits, in the account's unit: of all that was posted, or posted by ``at``.

    What is held still counts; ``Account.available`` is what can be spent. Now, it costs the same
    however long the account's statement is; of the past, all of it is read.
    """
    if at is not None:
        return total(transfers_of(account).filter(posted_at__lte=at), account)
    if account.has_floor:
        account.refresh_from_db(fields=["credits", "debits", "held", "shortfall"])
        return account.credits - account.debits
    came_in, went_out = totals_of([account])[account.pk]
    return came_in - went_out


def total(transfers: QuerySet[Transfer], account: Account) -> int:
    """What ``transfers`` brought ``account``, less what they took."""
    sums = transfers.aggregate(
        credits=Coalesce(Sum("amount", filter=Q(credit=account)), 0),
        debits=Coalesce(Sum("amount", filter=Q(debit=account)), 0),
    )
    return int(sums["credits"] - sums["debits"])


def totals_of(accounts: Iterable[Account]) -> dict[UUID, tuple[int, int]]:
    """Credits and debits of each of a community's accounts, now, in one statement.

    Those with a floor carry them; of the others it is what was rolled up with the last seal that
    they were part of, and the transfers that are not sealed yet.
    """
    accounts = list(accounts)
    totals = {account.pk: (account.credits, account.debits) for account in accounts}
    tallied = [account for account in accounts if not account.has_floor]
    if tallied:
        with connection.cursor() as cursor:
            cursor.execute(
                f"{_TALLY} AND a.id = ANY(%(accounts)s)",
                {
                    "community": tallied[0].community_id,
                    "accounts": [account.pk for account in tallied],
                },
            )
            totals |= {pk: (came_in, left) for pk, _, _, came_in, left in cursor.fetchall()}
    return totals


# The tail is tallied once, whatever a planner that knows nothing of a new community believes.
_TALLY = f"""
    WITH tail AS MATERIALIZED (
        SELECT sides.account_id, sum(sides.credits)::bigint AS credits,
            sum(sides.debits)::bigint AS debits
        FROM points_unsealed u
        JOIN points_transfer t ON t.id = u.id
        CROSS JOIN LATERAL (
            VALUES (t.debit_id, 0, t.amount), (t.credit_id, t.amount, 0)
        ) AS sides (account_id, credits, debits)
        WHERE u.community_id = %(community)s
        GROUP BY sides.account_id
    )
    SELECT a.id, a.kind, a.unit,
        coalesce(rolled.credits, 0) + coalesce(tail.credits, 0),
        coalesce(rolled.debits, 0) + coalesce(tail.debits, 0)
    FROM points_account a
    LEFT JOIN LATERAL (
        SELECT r.credits, r.debits FROM points_rollup r
        WHERE r.community_id = a.community_id AND r.account_id = a.id
        ORDER BY r.number DESC LIMIT 1
    ) AS rolled ON true
    LEFT JOIN tail ON tail.account_id = a.id
    WHERE a.community_id = %(community)s
        AND a.kind NOT IN ({FLOORED_SQL})
"""  # noqa: S608


def transfers_of(account: Account) -> QuerySet[Transfer]:
    """All that the account was part of, newest first. For a page of it, see ``Statement``."""
    return Transfer.objects.filter(
        Q(debit=account) | Q(credit=account), community_id=account.community_id
    ).order_by("-id")


class Statement:
    """What came into an account and left it, newest first: as much of a queryset as paging asks.

    A page costs the same however long the statement is: what left and what came in are each read
    from their own index, no further than the page goes.
    """

    model = Transfer

    def __init__(self, account: Account, transfers: QuerySet[Transfer], order: str = "-id") -> None:
        self.account = account
        self._transfers = transfers
        self._order = order

    def filter(self, **lookups: Any) -> "Statement":
        return Statement(self.account, self._transfers.filter(**lookups), self._order)

    def order_by(self, order: str) -> "Statement":
        return Statement(self.account, self._transfers, order)

    def __getitem__(self, page: slice) -> list[Transfer]:
        sides = (
            self._transfers.filter(**{side: self.account}).order_by(self._order)[: page.stop]
            for side in ("debit", "credit")
        )
        out, came_in = sides
        return list(out.union(came_in, all=True).order_by(self._order)[page])


def statement(account: Account, among: QuerySet[Transfer] | None = None) -> Statement:
    """The account's statement, newest first, or what of it is ``among`` its community's."""
    if among is None:
        among = Transfer.objects.filter(community_id=account.community_id)
    return Statement(account, among)


def transfers_with_balance(account: Account) -> QuerySet[Transfer]:
    """All that the account was part of, newest first, each with its ``balance_after``.

    One statement, so that what is posted meanwhile can not put them out of step.
    """
    brought = Case(When(credit=account, then=F("amount")), default=-F("amount"))
    balance_after = Window(
        Sum(brought, output_field=BigIntegerField()),
        order_by="id",
        frame=RowRange(start=None, end=0),
    )
    return transfers_of(account).annotate(balance_after=balance_after)


def accounts_in(community: Community) -> QuerySet[Account]:
    """Every account of the community, newest first."""
    return Account.objects.filter(community=community).order_by("-id")


def account_in(community: Community, account_id: UUID) -> Account:
    """One of the community's accounts; raises AccountUnknown."""
    account = accounts_in(community).filter(pk=account_id).first()
    if account is None:
        raise AccountUnknown
    return account


@dataclass(frozen=True)
class TrialBalanceLine:
    """All accounts of one kind and unit in a community, together."""

    unit: str
    kind: str
    accounts: int
    debits: int
    credits: int

    @property
    def balance(self) -> int:
        return self.credits - self.debits


def trial_balance(community: Community, *, at: datetime | None = None) -> list[TrialBalanceLine]:
    """What each kind of account has moved, now or of all that was posted by ``at``.

    In each unit debits and credits come to the same. Of the past, the whole ledger is read.
    """
    with connection.cursor() as cursor:
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
    JOIN points_account a ON a.id = sides.account_id
    WHERE t.community_id = %(community)s AND t.posted_at <= %(at)s
    GROUP BY a.unit, a.kind ORDER BY a.unit, a.kind
"""


def transfers_in(community: Community) -> QuerySet[Transfer]:
    """Everything that moved in the community, with both accounts, newest first."""
    return (
        Transfer.objects.filter(community=community)
        .select_related("debit", "credit")
        .order_by("-id")
    )


def transfer_of(person_id: UUID, transfer_id: UUID) -> tuple[Transfer, Account]:
    """A transfer that reached or left the person's wallet, and that wallet.

    Raises TransferUnknown, also for a transfer between others.
    """
    transfer = Transfer.objects.select_related("community").filter(pk=transfer_id).first()
    wallet = wallet_of(transfer.community_id, person_id) if transfer else None
    if not transfer or not wallet or wallet.pk not in (transfer.debit_id, transfer.credit_id):
        raise TransferUnknown
    return transfer, wallet


def transfer_in(community: Community, transfer_id: UUID) -> Transfer:
    """One of the community's transfers, with both accounts; raises TransferUnknown."""
    transfer = transfers_in(community).filter(pk=transfer_id).first()
    if transfer is None:
        raise TransferUnknown
    return transfer


def totals_by_kind(community: Community, unit: Unit = Unit.POINTS) -> dict[str, int]:
    """Each kind's balance in the whole community, now; together they are zero."""
    return dict.fromkeys(AccountKind.values, 0) | {
        line.kind: line.balance for line in trial_balance(community) if line.unit == unit
    }


def public_figures(community: Community) -> dict[str, int]:
    """Points ``issued`` since the beginning, ``redeemed`` with merchants, and ``outstanding``.

    The last are those in wallets, reserved ones included.
    """
    totals = totals_by_kind(community)
    return {
        "issued": -totals[AccountKind.ISSUANCE],
        "redeemed": totals[AccountKind.MERCHANT] + totals[AccountKind.SETTLED],
        "outstanding": totals[AccountKind.WALLET],
    }


def rule_for(community: Community, subject: str, category: str, day: date) -> RuleVersion | None:
    """The version that says what ``category`` earns on ``day``, the community's own day.

    The community's own rules come first, then those of the places above it; in each place the
    category's rule comes before ``*``. Of several versions valid that day the latest counts.
    """
    places = [place.pk for place in lineage(community)]
    candidates = RuleVersion.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gte=day),
        community__in=places,
        rule__subject=subject,
        rule__category__in=[category, "*"],
        valid_from__lte=day,
    ).select_related("rule")
    return min(candidates, key=rule_precedence(places), default=None)


def rule_precedence(places: Sequence[UUID]) -> Callable[[RuleVersion], tuple[int, bool, int]]:
    """Orders versions as ``rule_for`` looks at them; ``places`` are ids, the nearest first."""
    return lambda version: (
        places.index(version.community_id),
        version.rule.category == "*",
        -version.number,
    )


def categories_with_rule(community: Community, subject: str) -> set[str]:
    """Every category that has a rule of its own, here or above; ``*`` stands for all others."""
    return set(
        RuleVersion.objects.filter(
            community__in=lineage(community), rule__subject=subject
        ).values_list("rule__category", flat=True)
    )


def category_as_ruled(community: Community, subject: str, category: str) -> str:
    """``category`` as the rule for it spells it: another width, blank or bracket makes no other."""
    ruled = categories_with_rule(community, subject)
    if category in ruled:
        return category
    fitting = sorted(one for one in ruled if of_thing(one) == of_thing(category))
    return fitting[0] if fitting else category


def points_awarded_that_day(account: Account, rule_id: UUID, local_day: date) -> int:
    """What ``rule`` has brought ``account`` for that day so far, against its daily cap.

    What was reversed leaves the cap free, whether or not it could be taken back yet.
    """
    reversals = (
        Reversal.objects.filter(community=OuterRef("community"), transfer=OuterRef("transfer"))
        .values("transfer")
        .values_list(Sum("amount"))
    )
    net = F("points") - Coalesce(Subquery(reversals), 0, output_field=BigIntegerField())
    awarded = Award.objects.filter(
        community_id=account.community_id,
        account=account,
        local_day=local_day,
        rule_version__rule_id=rule_id,
    ).aggregate(points=Coalesce(Sum(net), 0))
    return int(awarded["points"])


def award_of(community_id: UUID, source: str) -> Award | None:
    """What the record ``source`` earned, if it has been looked at."""
    awards = Award.objects.select_related("transfer")
    return awards.filter(community=community_id, source=source).first()


def points_by_source(community_ids: Iterable[UUID], sources: Iterable[str]) -> dict[str, int]:
    """What each of these records earned, by its source; one that has earned no award is absent."""
    awards = Award.objects.filter(
        community_id__in=list(community_ids), source__in=list(sources)
    ).values_list("source", "points")
    return dict(awards)


def rules_known_in(community: Community) -> QuerySet[Rule]:
    """The community's own rules and those of the places above it, newest first."""
    return (
        Rule.objects.filter(community__in=lineage(community))
        .select_related("community")
        .order_by("-id")
    )


def rules_applying_in(community: Community, day: date) -> QuerySet[Rule]:
    """The community's own rules, and those above it that it is lent on ``day`` or later.

    What a nearer place overrides on ``day``, by a rule for the category or by ``*``, is not lent.
    """
    places = [place.pk for place in lineage(community)]
    versions = RuleVersion.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gte=day),
        community=OuterRef("community"),
        rule=OuterRef("pk"),
    )
    known = rules_known_in(community).annotate(
        has_versions=Exists(versions), is_in_force=Exists(versions.filter(valid_from__lte=day))
    )
    in_force = {
        (rule.community_id, rule.subject, rule.category) for rule in known if rule.is_in_force
    }

    def is_lent(rule: Rule) -> bool:
        nearer = places[: places.index(rule.community_id)]
        return not any(
            (place, rule.subject, category) in in_force
            for place in nearer
            for category in (rule.category, "*")
        )

    applying = [
        rule.pk
        for rule in known
        if rule.community_id == community.pk or (rule.has_versions and is_lent(rule))
    ]
    return rules_known_in(community).filter(pk__in=applying)


def versions_from(rules: Iterable[Rule], day: date) -> dict[UUID, list[RuleVersion]]:
    """Each rule's versions that are valid on ``day`` or later, in the order of their numbers."""
    rules = list(rules)
    versions: dict[UUID, list[RuleVersion]] = {rule.pk: [] for rule in rules}
    for version in RuleVersion.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gte=day),
        community__in={rule.community_id for rule in rules},
        rule__in=rules,
    ).order_by("number"):
        versions[version.rule_id].append(version)
    return versions


def versions_in(community: Community) -> QuerySet[RuleVersion]:
    """All wordings that were ever published there."""
    return RuleVersion.objects.filter(community=community).select_related("rule")


def versions_of(rule: Rule) -> QuerySet[RuleVersion]:
    """All that was ever published of it, newest first."""
    return RuleVersion.objects.filter(community_id=rule.community_id, rule=rule).order_by("-id")


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


def explain(transfer: Transfer) -> dict[str, Any]:
    """Why ``transfer`` was made, and what was taken back of it, in at most three statements.

    For an award: the award, the version of the rule and the place that published it, the inputs
    and the arithmetic. Of a transfer that takes back another: ``reverses``, the other one.
    """
    award = (
        Award.objects.filter(
            community_id=transfer.community_id, source=transfer.source, transfer=transfer
        )
        .select_related("rule_version__rule", "rule_version__community")
        .first()
    )
    reversals = Reversal.objects.filter(
        community_id=transfer.community_id, transfer=transfer
    ).order_by("id")
    reverses = None
    if transfer.reverses_id:
        reverses = Transfer.objects.get(community_id=transfer.community_id, pk=transfer.reverses_id)
    return {
        "transfer": _told(transfer, "id", "amount", "reason", "source", "occurred_at", "posted_at"),
        "award": award and _told(award, "source", "local_day", "points", "awarded_at"),
        "rule_version": award and _version_told(award.rule_version),
        "inputs": transfer.explanation.get("inputs", {}),
        "arithmetic": transfer.explanation.get("arithmetic", {}),
        "reversals": [
            _told(
                reversal,
                "id",
                "amount",
                "recovered",
                "outstanding",
                "reason",
                "occurred_at",
                "requested_at",
            )
            for reversal in reversals
        ],
        "reverses": reverses
        and _told(reverses, "id", "amount", "reason", "source", "occurred_at", "posted_at"),
    }


def _version_told(version: RuleVersion) -> dict[str, Any]:
    return {
        **_told(version, "id", "rule_id", "number", "parameters", "valid_from", "valid_to"),
        **_told(version.rule, "subject", "category"),
        "place": _told(version.community, "code", "name"),
    }


def _told(row: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def seals_of(community: Community) -> QuerySet[Seal]:
    """The community's seals, newest first, without what is in them."""
    return (
        Seal.objects.filter(community=community).defer("transfer_ids", "leaves").order_by("-number")
    )


def verifications_of(community: Community) -> QuerySet[Verification]:
    """What was found whenever the community's ledger was verified, newest first."""
    return Verification.objects.filter(community=community).order_by("-id")
