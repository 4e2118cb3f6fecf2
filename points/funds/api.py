"""Funds: read by staff, managers and auditors, opened, topped up and ended by managers.

No address pays anybody: claims come from what is rewarded, and are paid by whoever pays.
"""

from typing import Any

from django.urls import path
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api.fields import CharField, IntegerField
from backend.api.filters import BooleanFilter, YearFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, writes
from backend.communities.api import shown
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER
from backend.replica import from_replica
from points.awards.api.statements import StatementView
from points.funds import selectors
from points.funds import services as funds
from points.funds.models import Claim, Fund, TopUp
from points.kinds import Unit
from points.ledger.models import Account, Transfer

FEN_AT_MOST = 2_000_000_000  # 20 million yuan


class FundSerializer(ReadSerializer[Fund]):
    """A fund and its figures, in its ``unit``.

    ``budget`` was put in, or carried over from the year before. It is what was ``spent``, what is
    ``reserved``, what is ``left``, and ``ended_amount``, which was carried over or returned after
    the year. ``waiting_count`` claims ask for ``waiting_amount`` and wait for money;
    ``unclaimed_count`` wait until their person asks. A claim above ``approval_above`` is paid once
    a second person approves it; null: none has to be.
    """

    unit = serializers.ChoiceField(source="account.unit", choices=Unit.choices, read_only=True)
    budget = serializers.IntegerField(read_only=True)
    reserved = serializers.IntegerField(read_only=True)
    spent = serializers.IntegerField(read_only=True)
    left = serializers.IntegerField(read_only=True)
    waiting_count = serializers.IntegerField(read_only=True)
    waiting_amount = serializers.IntegerField(read_only=True)
    unclaimed_count = serializers.IntegerField(read_only=True)
    unclaimed_amount = serializers.IntegerField(read_only=True)
    carried_into_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = Fund
        fields = (
            "id",
            "name",
            "year",
            "approval_above",
            "opened_at",
            "ending",
            "ended_at",
            "ended_amount",
        )

    @staticmethod
    def rows_for(rows: Any, user: User) -> Any:
        return selectors.with_figures(rows.select_related("account"))


class OpenFundSerializer(serializers.Serializer[Any]):
    """A fund to open for a year, in points or in fen."""

    name = CharField(max_length=40)
    year = IntegerField(min_value=2000, max_value=2100)
    unit = serializers.ChoiceField(choices=Unit.choices)
    approval_above = IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        max_value=FEN_AT_MOST,
        help_text="A claim above it waits for a second person; null: none does.",
    )


class TopUpSerializer(ReadSerializer[TopUp]):
    """An amount that was put into a fund, and why."""

    unit = serializers.ChoiceField(source="fund.account.unit", choices=Unit.choices, read_only=True)
    topped_up_by = ColleagueSerializer(read_only=True)

    class Meta:
        model = TopUp
        fields = ("id", "amount", "reason", "topped_up_at")


class PutInSerializer(serializers.Serializer[Any]):
    """An amount to put into a fund, in its unit."""

    amount = IntegerField(min_value=1, max_value=FEN_AT_MOST)
    reason = CharField(max_length=200, help_text="Whose decision it is, or which document says so.")


class ClaimSerializer(ReadSerializer[Claim]):
    """A claim on a fund.

    ``waiting`` is for money, by ``closed_at``, and nobody overtakes; ``unclaimed`` waits until its
    person asks, and keeps its place. One that is open and has a ``frozen_at`` keeps its place too,
    but is neither reserved nor paid, because what it pays for was opened again. ``set_off`` is the
    part that repays what the payee owes; ``owed`` is what they owe of one that was paid, taken back
    and not recovered. ``subject`` is what is paid for, ``payee`` whom: both are opaque, as
    ``person:…`` is an id and not a name.
    """

    unit = serializers.ChoiceField(source="fund.account.unit", choices=Unit.choices, read_only=True)
    payee = serializers.CharField(source="payee.holder", read_only=True)
    asked_by = ColleagueSerializer(read_only=True)
    approved_by = ColleagueSerializer(read_only=True, allow_null=True)
    taken_back_by = ColleagueSerializer(read_only=True, allow_null=True)
    owed = serializers.IntegerField(read_only=True)

    class Meta:
        model = Claim
        fields = (
            "id",
            "fund_id",
            "subject",
            "amount",
            "reason",
            "status",
            "closed_at",
            "claimed_at",
            "needs_approval",
            "approved_at",
            "reserved_at",
            "frozen_at",
            "set_off",
            "resolved_at",
            "taken_back_at",
        )

    @staticmethod
    def rows_for(rows: Any, user: User) -> Any:
        return selectors.with_owed(rows.select_related("taken_back_by", "fund__account"))


class RecoverSerializer(serializers.Serializer[Any]):
    """An amount that the payee of a claim gave back, and where it is found."""

    amount = IntegerField(min_value=1, max_value=FEN_AT_MOST)
    reference = CharField(max_length=60, help_text="Such as the number of a receipt.")


class EntrySerializer(ReadSerializer[Transfer]):
    """A line of a fund's statement: what came in or went out, and why, in ``words``."""

    amount = serializers.IntegerField(
        source="brought",
        read_only=True,
        help_text="In the fund's unit: above zero it came in, below zero it went out.",
    )
    unit = serializers.ChoiceField(source="seen_from.unit", choices=Unit.choices, read_only=True)
    kind = serializers.SerializerMethodField()
    words = serializers.SerializerMethodField()

    class Meta:
        model = Transfer
        fields: tuple[str, ...] = ("id", "occurred_at", "posted_at")

    @staticmethod
    def context_of(*lines: Transfer) -> dict[str, Any]:
        return {"entries": selectors.entries(lines)}

    def _entry(self, line: Transfer) -> selectors.Entry:
        entry: selectors.Entry = self.context["entries"][line.pk]
        return entry

    @extend_schema_field(serializers.ChoiceField(choices=selectors.EntryKind.choices))
    def get_kind(self, line: Transfer) -> str:
        return self._entry(line).kind

    def get_words(self, line: Transfer) -> str:
        return self._entry(line).words


class EntryInFullSerializer(EntrySerializer):
    """A line of a fund's statement with the top-up or the claim behind it."""

    top_up = serializers.SerializerMethodField()
    claim = serializers.SerializerMethodField()

    @extend_schema_field(TopUpSerializer(allow_null=True))
    def get_top_up(self, line: Transfer) -> object:
        top_up = self._entry(line).top_up
        return top_up and TopUpSerializer(top_up).data

    @extend_schema_field(ClaimSerializer(allow_null=True))
    def get_claim(self, line: Transfer) -> object:
        claim = self._entry(line).claim
        return claim and ClaimSerializer(claim).data


class FundClaimSerializer(ClaimSerializer):
    """A claim on any fund of a community, with its fund."""

    fund_id = serializers.UUIDField(read_only=True)
    fund_name = serializers.CharField(source="fund.name", read_only=True)


class FundFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    year = YearFilter(help_text="The year it is for.")
    unit = filters.ChoiceFilter(field_name="account__unit", choices=Unit.choices)
    is_open = BooleanFilter(
        field_name="ended_at", lookup_expr="isnull", help_text="It has not ended."
    )


class ClaimFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=Claim.Status.choices)
    awaits_approval = BooleanFilter(
        field_name="awaits_approval", help_text="A second person has to approve it yet."
    )
    is_frozen = BooleanFilter(
        field_name="is_frozen", help_text="What it pays for was opened again; it waits for that."
    )
    was_taken_back = BooleanFilter(
        field_name="was_taken_back", help_text="It was paid, or on its way, and turned out wrong."
    )


class FundClaimFilter(ClaimFilter):
    fund = filters.UUIDFilter(help_text="A fund's id.")


# --- what an address is about -----------------------------------------------------------------
watched_fund = shown.in_community(WATCHES_OVER, selectors.funds_in, "fund_id")
managed_fund = below(shown.managed_community, selectors.funds_in, "fund_id")
handled_fund = shown.in_community(HANDLES, selectors.funds_in, "fund_id")


def account_of(request: Request, **names: Any) -> Account:
    """Return the account of the fund that the address names."""
    fund: Any = watched_fund(request, **names)
    account: Account = fund.account
    return account


def entry(request: Request, **names: Any) -> Transfer:
    """Return one transfer into or out of the fund. Raises FundEntryUnknown."""
    fund: Any = watched_fund(request, **names)
    return selectors.entry_of(fund, names["fund_entry_id"])


# --- funds ------------------------------------------------------------------------------------
@from_replica
class FundListView(ListView[Fund]):
    """List a community's funds, newest first: ``GET /api/v1/communities/{code}/funds``.

    For staff, managers and auditors of the community, and of the street above it.
    """

    serializer_class = FundSerializer
    filterset_class = FundFilter
    finds = shown.in_community(WATCHES_OVER, selectors.funds_in)

    @writes(
        FundSerializer,
        shown.managed_community,
        body=OpenFundSerializer,
        creates=selectors.funds_in,
    )
    def post(self, user: User, community: Community, **terms: Any) -> Fund:
        """Open a fund, as a manager: ``POST /api/v1/communities/{code}/funds``.

        Its terms never change; nothing is in it yet. Idempotent: answers with the fund of that name
        and year if its terms are the same.
        """
        return funds.open_fund(community=community, opened_by=user, **terms)


@from_replica
class FundView(OpenView[Fund]):
    """Open a fund: ``GET /api/v1/communities/{code}/funds/{fund_id}``."""

    serializer_class = FundSerializer
    finds = watched_fund


class TopUpView(APIView):
    """Put money or points into a fund.

    ``POST /api/v1/communities/{code}/funds/{fund_id}/top-ups``. For managers. Claims that wait are
    reserved by closing time, as far as it goes.
    """

    @writes(TopUpSerializer, managed_fund, body=PutInSerializer, creates=selectors.top_ups_of)
    def post(self, user: User, fund: Fund, amount: int, reason: str) -> TopUp:
        return funds.top_up(fund=fund, amount=amount, reason=reason, topped_up_by=user)


class CarryOverView(APIView):
    """End a fund after its year: carry over what is left, and who waits, to the next year's.

    ``POST /api/v1/communities/{code}/funds/{fund_id}/carry-over``. For managers. The fund of the
    next year, ``carried_into_id``, is opened if it is not there. Idempotent. Nothing may be
    reserved.
    """

    @writes(FundSerializer, managed_fund)
    def post(self, user: User, fund: Fund) -> None:
        funds.carry_over(fund=fund, ended_by=user)


class ReturnView(APIView):
    """End a fund after its year: return what is left to where it came from.

    ``POST /api/v1/communities/{code}/funds/{fund_id}/return``. For managers. Idempotent. No claim
    may be open.
    """

    @writes(FundSerializer, managed_fund)
    def post(self, user: User, fund: Fund) -> Fund:
        return funds.return_rest(fund=fund, ended_by=user)


# --- the statement ----------------------------------------------------------------------------
@from_replica
class EntryListView(StatementView):
    """List what came into a fund and went out of it, newest first.

    ``GET /api/v1/communities/{code}/funds/{fund_id}/entries``
    """

    serializer_class = EntrySerializer
    finds = account_of


@from_replica
class EntryView(OpenView[Transfer]):
    """Open a line of a fund's statement.

    ``GET /api/v1/communities/{code}/funds/{fund_id}/entries/{fund_entry_id}``
    """

    serializer_class = EntryInFullSerializer
    finds = entry


# --- claims -----------------------------------------------------------------------------------
@from_replica
class ClaimListView(ListView[Claim]):
    """List the claims on a fund, newest first.

    ``GET /api/v1/communities/{code}/funds/{fund_id}/claims``. ``?status=waiting`` lists those that
    wait for money, ``?awaits_approval=true`` those that a second person has to approve yet,
    ``?is_frozen=true`` those that wait for their subject to be closed again.
    """

    serializer_class = ClaimSerializer
    filterset_class = ClaimFilter
    finds = below(watched_fund, selectors.claims_of)


@from_replica
class CommunityClaimListView(ListView[Claim]):
    """List the claims on all funds of a community, newest first.

    ``GET /api/v1/communities/{code}/fund-claims``. Takes the filters of a fund's own list.
    """

    serializer_class = FundClaimSerializer
    filterset_class = FundClaimFilter
    finds = shown.in_community(WATCHES_OVER, selectors.claims_in)


@from_replica
class ClaimView(OpenView[Claim]):
    """Open a claim: ``GET /api/v1/communities/{code}/funds/{fund_id}/claims/{fund_claim_id}``."""

    serializer_class = ClaimSerializer
    finds = below(watched_fund, selectors.claims_of, "fund_claim_id")


class ApprovalView(APIView):
    """Approve a claim above the fund's threshold, as a second person.

    ``POST /api/v1/communities/{code}/funds/{fund_id}/claims/{fund_claim_id}/approval``. For staff
    and managers; not for whoever asked for the claim or is paid by it. Idempotent.
    """

    @writes(ClaimSerializer, below(handled_fund, selectors.claims_of, "fund_claim_id"))
    def post(self, user: User, claim: Claim) -> Claim:
        return funds.approve(claim=claim, approved_by=user)


class RecoveryView(APIView):
    """Record that the payee gave back what was paid of a claim that was taken back.

    ``POST /api/v1/communities/{code}/funds/{fund_id}/claims/{fund_claim_id}/recoveries``. For staff
    and managers other than who took it back. Idempotent by ``reference``.
    """

    @writes(
        ClaimSerializer,
        below(handled_fund, selectors.claims_of, "fund_claim_id"),
        body=RecoverSerializer,
        needs_key=True,
    )
    def post(self, user: User, claim: Claim, amount: int, reference: str) -> None:
        funds.recover(claim=claim, amount=amount, reference=reference, recorded_by=user)


FUND = "communities/<str:code>/funds/<uuid:fund_id>"

urlpatterns = [
    path("communities/<str:code>/funds", FundListView.as_view()),
    path(FUND, FundView.as_view()),
    path(f"{FUND}/top-ups", TopUpView.as_view()),
    path(f"{FUND}/carry-over", CarryOverView.as_view()),
    path(f"{FUND}/return", ReturnView.as_view()),
    path(f"{FUND}/entries", EntryListView.as_view()),
    path(f"{FUND}/entries/<uuid:fund_entry_id>", EntryView.as_view()),
    path("communities/<str:code>/fund-claims", CommunityClaimListView.as_view()),
    path(f"{FUND}/claims", ClaimListView.as_view()),
    path(f"{FUND}/claims/<uuid:fund_claim_id>", ClaimView.as_view()),
    path(f"{FUND}/claims/<uuid:fund_claim_id>/approval", ApprovalView.as_view()),
    path(f"{FUND}/claims/<uuid:fund_claim_id>/recoveries", RecoveryView.as_view()),
]
