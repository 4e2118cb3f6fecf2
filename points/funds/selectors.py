"""Reads of funds: figures, who waits, and what came in and went out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TextChoices,
    When,
)
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, communities_where
from backend.registries.events import told
from backend.routing import reading
from points.funds.errors import FundEntryUnknown, FundMissing
from points.funds.models import Claim, Fund, Recovery, TopUp
from points.ledger.models import Transfer
from points.ledger.selectors import transfers_of


def funds_in(community: Community) -> QuerySet[Fund]:
    """Return the community's funds, newest first."""
    return Fund.objects.filter(community=community).select_related("account").order_by("-id")


def fund_named(community: Community, name: str, year: int) -> Fund:
    """Return the community's fund of that name and year. Raises FundMissing."""
    fund = Fund.objects.select_related("account", "community").filter(
        community=community, name=name, year=year
    )
    if found := fund.first():
        return found
    raise FundMissing(fund=name, year=year)


def claims_of(fund: Fund) -> QuerySet[Claim]:
    """Return all claims on the fund, newest first."""
    return _claims(community=fund.community_id, fund=fund)


def claims_in(community: Community) -> QuerySet[Claim]:
    """Return all claims on funds of the community, newest first."""
    return _claims(community=community)


def claims_to_approve(user: User, community: Community) -> QuerySet[Claim]:
    """Return the claims there that ``user`` may approve as a second person, newest first."""
    handled = communities_where(user, HANDLES)
    claims: QuerySet[Any] = _claims(community=community, community__in=handled)
    return (
        claims.filter(awaits_approval=True)
        .exclude(asked_by=user)
        .exclude(payee__holder=f"person:{user.pk}")
    )


def claims_reserved(**where: Any) -> QuerySet[Claim]:
    """Return the claims that money is set aside for and that may be paid, in any community."""
    claims: QuerySet[Any] = _claims(**where)
    return claims.filter(status=Claim.Status.RESERVED, is_payable=True)


def claims_paying(holder: str, communities: Collection[UUID]) -> QuerySet[Claim]:
    """Return the claims in these communities that pay ``holder``, newest first."""
    return _claims(community__in=communities, payee__holder=holder)


def _claims(**which: Any) -> QuerySet[Claim]:
    return (
        Claim.objects.filter(**which)
        .select_related("payee", "asked_by", "approved_by", "community")
        .annotate(
            awaits_approval=Q(needs_approval=True, approved_by__isnull=True, status__in=Claim.OPEN),
            is_frozen=Q(frozen_at__isnull=False, status__in=Claim.OPEN),
            is_payable=Q(
                Q(needs_approval=False) | Q(approved_by__isnull=False),
                status=Claim.Status.RESERVED,
                frozen_at__isnull=True,
                taken_back_at__isnull=True,
            ),
            was_taken_back=Q(taken_back_at__isnull=False),
        )
        .order_by("-id")
    )


def with_owed(claims: QuerySet[Claim]) -> QuerySet[Claim]:
    """Add what the payee still owes of each claim: 0 unless it was paid and taken back."""
    returned = (
        Recovery.objects.filter(community=OuterRef("community"), claim=OuterRef("pk"))
        .order_by()
        .values("claim")
        .values_list(Sum("amount"))
    )
    left = F("amount") - Coalesce(Subquery(returned), 0, output_field=BigIntegerField())
    return claims.annotate(
        owed=Case(
            When(status=Claim.Status.COMMITTED, taken_back_at__isnull=False, then=left),
            default=0,
            output_field=BigIntegerField(),
        )
    )


def top_ups_of(fund: Fund) -> QuerySet[TopUp]:
    """Return what was put into the fund, newest first."""
    return (
        TopUp.objects.filter(community=fund.community_id, fund=fund)
        .select_related("topped_up_by")
        .order_by("-id")
    )


def payments_of(community_id: UUID, claims: Collection[Claim]) -> dict[UUID | None, UUID]:
    """Return the ids of the transfers that paid the claims, by claim; an unpaid one is absent."""
    keys = {claim.source: claim.pk for claim in claims}
    paid = Transfer.objects.filter(community=community_id, key__in=keys)
    return {keys[key]: pk for key, pk in paid.values_list("key", "pk")}


def debts_of(community_id: UUID, payee_id: UUID) -> QuerySet[Claim]:
    """Return the claims that were paid to the payee and taken back, the oldest first."""
    return Claim.objects.filter(
        community=community_id,
        payee=payee_id,
        status=Claim.Status.COMMITTED,
        taken_back_at__isnull=False,
    ).order_by("id")


def owed_of(claim: Claim) -> int:
    """Return how much of a claim that was paid and taken back has not come back."""
    back = claim.recoveries.filter(community=claim.community_id).aggregate(sum=Sum("amount"))
    return claim.amount - (back["sum"] or 0)


def owed_by(community_id: UUID, payee_id: UUID) -> int:
    """Return how much the payee owes, less what will be set off against claims on their way."""
    on_their_way = Claim.objects.filter(
        community=community_id, payee=payee_id, status=Claim.Status.RESERVED, set_off__gt=0
    ).aggregate(sum=Sum("set_off"))
    return sum(map(owed_of, debts_of(community_id, payee_id))) - (on_their_way["sum"] or 0)


def with_figures(funds: QuerySet[Fund]) -> QuerySet[Fund]:
    """Add the figures of each fund, in its account's unit.

    ``budget`` was put in or carried over into it; it is what was spent (less what was taken back),
    ``reserved``, ``left``, and what left at the end of the year.
    """

    def total(rows: QuerySet[Any], by: str, of: str) -> Any:
        """Sum ``of`` over the rows whose ``by`` is the fund."""
        found = rows.filter(**{"community": OuterRef("community"), by: OuterRef("pk")})
        summed = found.order_by().values(by).values_list(Sum(of))
        return Coalesce(Subquery(summed), 0, output_field=BigIntegerField())

    def counted(status: Claim.Status) -> Any:
        found = Claim.objects.filter(
            community=OuterRef("community"), fund=OuterRef("pk"), status=status
        )
        number = found.order_by().values("fund").values_list(Count("id"))
        return Coalesce(Subquery(number), 0, output_field=IntegerField())

    waiting, unclaimed = (
        Claim.objects.filter(status=status)
        for status in (Claim.Status.WAITING, Claim.Status.UNCLAIMED)
    )
    return funds.annotate(
        budget=total(TopUp.objects.all(), "fund", "amount")
        + total(Fund.objects.all(), "carried_into", "ended_amount"),
        reserved=F("account__held"),
        left=F("account__credits") - F("account__debits") - F("account__held"),
        spent=F("budget")
        - F("account__credits")
        + F("account__debits")
        - Coalesce("ended_amount", 0, output_field=BigIntegerField()),
        waiting_count=counted(Claim.Status.WAITING),
        waiting_amount=total(waiting, "fund", "amount"),
        unclaimed_count=counted(Claim.Status.UNCLAIMED),
        unclaimed_amount=total(unclaimed, "fund", "amount"),
    )


# --- the statement ----------------------------------------------------------------------------
class EntryKind(TextChoices):
    """Kind of event that brought money into a fund, or took it out."""

    TOP_UP = "top_up"
    CLAIM = "claim"
    CARRIED_OVER = "carried_over"
    RETURNED = "returned"
    TAKEN_BACK = "taken_back"  # a paid claim was reversed
    UNKNOWN = "unknown"  # no fund made it: a finding of the check `sources`


@dataclass(frozen=True)
class Entry:
    """The event behind a transfer of a fund, in words, with its row if it has one."""

    kind: EntryKind
    words: str = ""
    top_up: TopUp | None = None
    claim: Claim | None = None


def entry_of(fund: Fund, transfer_id: UUID) -> Transfer:
    """Return a transfer into or out of the fund, seen from it. Raises FundEntryUnknown."""
    transfer = transfers_of(fund.account).filter(pk=transfer_id).first()
    if transfer is None:
        raise FundEntryUnknown
    transfer.seen_from = fund.account
    return transfer


def entries(transfers: Sequence[Transfer]) -> dict[UUID, Entry]:
    """Return the event behind each transfer of one fund's statement, by the transfer's id."""
    if not transfers:
        return {}
    community_id = transfers[0].community_id
    events = {transfer.pk: _event_of(transfer) for transfer in transfers}

    def rows(kind: EntryKind, all_: QuerySet[Any], *related: str) -> dict[UUID | None, Any]:
        ids = [pk for event, pk in events.values() if event == kind]
        found = all_.select_related(*related).filter(community=community_id, pk__in=ids)
        return {row.pk: row for row in found}

    top_ups = rows(EntryKind.TOP_UP, TopUp.objects.all(), "topped_up_by", "fund__account")
    paid = with_owed(Claim.objects.all())
    claims = rows(EntryKind.CLAIM, paid, "payee", "asked_by", "approved_by", "fund__account")
    ended = rows(EntryKind.CARRIED_OVER, Fund.objects.all())
    about = told(community_id, (transfer.source for transfer in transfers))

    def entry(transfer: Transfer) -> Entry:
        kind, pk = events[transfer.pk]
        if kind == EntryKind.TAKEN_BACK:
            return Entry(kind, _("Taken back after it was paid"))
        if kind == EntryKind.UNKNOWN or transfer.source not in about:
            return Entry(EntryKind.UNKNOWN)
        if pk in ended and transfer.brought < 0:
            return Entry(kind, _("Carried over to %(year)s") % {"year": ended[pk].year + 1})
        return Entry(kind, about[transfer.source].words, top_ups.get(pk), claims.get(pk))

    return {transfer.pk: entry(transfer) for transfer in transfers}


def _event_of(transfer: Transfer) -> tuple[EntryKind, UUID | None]:
    if transfer.reverses_id:
        return EntryKind.TAKEN_BACK, None
    kind, _, number = transfer.key.removeprefix("fund_").partition(":")
    if not transfer.key.startswith("fund_") or kind not in EntryKind.values:
        return EntryKind.UNKNOWN, None
    return EntryKind(kind), UUID(number)


# --- for the public ---------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class Published:
    """A fund's figures as of its community's seal ``number``, and what is reserved and left now.

    Sealed are ``topped_up``, ``carried_in``, ``paid`` (less what was taken back) and ``ended``,
    which was carried over or returned after the year. ``unsealed`` came in since (or went out, if
    negative). What came in is what went out, is reserved, and is left.
    """

    number: int | None
    head: str
    sealed_at: datetime | None
    topped_up: int
    carried_in: int
    paid: int
    ended: int
    unsealed: int
    reserved: int
    left: int

    @property
    def budget(self) -> int:
        return self.topped_up + self.carried_in


# In one statement, for no seal to come in between.
_PUBLISHED = """
    WITH moved AS (
        SELECT
            CASE WHEN t.credit_id = %(account)s THEN t.amount ELSE -t.amount END AS brought,
            t.key LIKE 'fund_top_up:%%' AS is_top_up,
            t.key LIKE 'fund_carried_over:%%' OR t.key LIKE 'fund_returned:%%' AS is_ending,
            NOT EXISTS (
                SELECT FROM points_unsealed AS u
                WHERE u.community_id = %(community)s AND u.kind = 'transfer' AND u.id = t.id
            ) AS is_sealed
        FROM points_transfer AS t
        WHERE t.community_id = %(community)s
            AND (t.credit_id = %(account)s OR t.debit_id = %(account)s)
    ), sums AS (
        SELECT
            coalesce(sum(brought) FILTER (WHERE is_sealed AND is_top_up), 0) AS topped_up,
            coalesce(sum(brought) FILTER (WHERE is_sealed AND is_ending AND brought > 0), 0)
                AS carried_in,
            coalesce(-sum(brought) FILTER (WHERE is_sealed AND NOT (is_top_up OR is_ending)), 0)
                AS paid,
            coalesce(-sum(brought) FILTER (WHERE is_sealed AND is_ending AND brought < 0), 0)
                AS ended,
            coalesce(sum(brought) FILTER (WHERE NOT is_sealed), 0) AS unsealed
        FROM moved
    )
    SELECT seal.number, seal.head, seal.sealed_at, sums.*, account.held,
        account.credits - account.debits - account.held
    FROM sums
    JOIN points_account AS account
        ON account.community_id = %(community)s AND account.id = %(account)s
    LEFT JOIN LATERAL (
        SELECT s.number, s.head, s.sealed_at FROM points_seal AS s
        WHERE s.community_id = %(community)s ORDER BY s.number DESC LIMIT 1
    ) AS seal ON true
"""
# What is reserved is of now, what was paid of the last seal; a taken-back payment is its claim's.
_BY_SUBJECT = """
    SELECT c.subject,
        coalesce(sum(CASE WHEN t.credit_id = %(account)s THEN -t.amount ELSE t.amount END)
            FILTER (WHERE NOT EXISTS (
                SELECT FROM points_unsealed AS u
                WHERE u.community_id = %(community)s AND u.kind = 'transfer' AND u.id = t.id
            )), 0) AS paid,
        coalesce(max(c.amount) FILTER (WHERE c.status = 'reserved'), 0) AS reserved
    FROM points_claim AS c
    LEFT JOIN points_transfer AS first
        ON first.community_id = %(community)s AND first.key = 'fund_claim:' || c.id
    LEFT JOIN points_transfer AS t
        ON t.community_id = %(community)s AND (t.id = first.id OR t.reverses_id = first.id)
    WHERE c.community_id = %(community)s AND c.fund_id = %(fund)s
        AND c.status IN ('reserved', 'committed')
    GROUP BY c.id, c.subject
"""


def published(fund: Fund) -> Published:
    """Return the figures of a fund as of the last seal."""
    with reading().cursor() as cursor:
        cursor.execute(_PUBLISHED, {"community": fund.community_id, "account": fund.account_id})
        number, head, sealed_at, *sums = cursor.fetchone()
    names = ("topped_up", "carried_in", "paid", "ended", "unsealed", "reserved", "left")
    figures = {name: int(figure) for name, figure in zip(names, sums, strict=True)}
    head = bytes(head).hex() if head else ""
    return Published(number=number, head=head, sealed_at=sealed_at, **figures)


def by_subject(fund: Fund) -> list[tuple[str, int, int]]:
    """Return the subjects that have a part of the fund: what was paid for each, and is reserved.

    Paid is as in ``published``.
    """
    with reading().cursor() as cursor:
        cursor.execute(
            _BY_SUBJECT,
            {
                "community": fund.community_id,
                "fund": fund.pk,
                "account": fund.account_id,
            },
        )
        rows = cursor.fetchall()
    return [(subject, int(paid), int(reserved)) for subject, paid, reserved in rows]
