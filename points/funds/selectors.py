"""Reads of funds: figures, who waits, and what came in and went out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import (
    BigIntegerField,
    Count,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TextChoices,
)
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from backend.communities.models import Community
from backend.registries.events import told
from points.funds.errors import FundEntryUnknown
from points.funds.models import Claim, Fund, TopUp
from points.ledger.models import Transfer
from points.ledger.selectors import transfers_of


def funds_in(community: Community) -> QuerySet[Fund]:
    """Return the community's funds, newest first."""
    return Fund.objects.filter(community=community).select_related("account").order_by("-id")


def claims_of(fund: Fund) -> QuerySet[Claim]:
    """Return all claims on the fund, newest first."""
    return (
        Claim.objects.filter(community=fund.community_id, fund=fund)
        .select_related("payee", "asked_by", "approved_by")
        .annotate(
            awaits_approval=Q(needs_approval=True, approved_by__isnull=True, status__in=Claim.OPEN)
        )
        .order_by("-id")
    )


def top_ups_of(fund: Fund) -> QuerySet[TopUp]:
    """Return what was put into the fund, newest first."""
    return (
        TopUp.objects.filter(community=fund.community_id, fund=fund)
        .select_related("topped_up_by")
        .order_by("-id")
    )


def claim_of(community_id: UUID, subject: str) -> Claim | None:
    """Return the claim of ``subject``, or None if it has claimed nothing."""
    claims = Claim.objects.select_related("fund__account")
    return claims.filter(community=community_id, subject=subject).first()


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

    def rows(kind: EntryKind, model: Any, *related: str) -> dict[UUID | None, Any]:
        ids = [pk for event, pk in events.values() if event == kind]
        found: QuerySet[Any] = model.objects.select_related(*related)
        return {row.pk: row for row in found.filter(community=community_id, pk__in=ids)}

    top_ups = rows(EntryKind.TOP_UP, TopUp, "topped_up_by")
    claims = rows(EntryKind.CLAIM, Claim, "payee", "asked_by", "approved_by")
    ended = rows(EntryKind.CARRIED_OVER, Fund)
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
