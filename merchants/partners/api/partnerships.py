"""Contracts: what staff agree on with a business, what its owner tells, what volunteers find."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import CharField, DateField, IntegerField, TextField
from backend.api.filters import CommunityFilter, TextFilter
from backend.api.idempotency import idempotent
from backend.api.views import below, seen
from backend.communities.api.serializers import ChangeContactSerializer
from backend.communities.api.shown import in_community
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_where
from merchants.partners import selectors
from merchants.partners.api.increases import AS_INCREASE, IncreaseSerializer, waits
from merchants.partners.api.members import owned
from merchants.partners.api.serializers import (
    ColleagueSerializer,
    NewInvitationSerializer,
    PartnerCommunitySerializer,
)
from merchants.partners.models.increases import Increase
from merchants.partners.models.partnerships import Partnership, Terms
from merchants.partners.services import invitations
from merchants.partners.services import partnerships as partners

MOVES = [choice for choice in Partnership.Status.choices if choice[0] in partners.MOVES]


class TermsSerializer(serializers.ModelSerializer[Terms]):
    """A version of a contract. ``per_point`` has ``fen_per_point``; ``share`` has ``share_bp``.

    A share is in ten-thousandths of what the piece costs in the shop; ``valid_from`` is null where
    it counts from the beginning, ``agreed_by`` where it was imported. A withdrawn one never counts.
    """

    agreed_by = ColleagueSerializer(read_only=True, allow_null=True)
    withdrawn_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Terms
        fields = (
            "id",
            "version",
            "kind",
            "fen_per_point",
            "share_bp",
            "valid_from",
            "agreed_at",
            "agreed_by",
            "withdrawn_at",
            "withdrawn_by",
        )
        read_only_fields = fields


class AgreeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Terms.Kind.choices)
    fen_per_point = IntegerField(min_value=0, max_value=1_000_000, required=False, allow_null=True)
    share_bp = IntegerField(min_value=1, max_value=10_000, required=False, allow_null=True)
    valid_from = DateField()


class ShopSerializer(serializers.ModelSerializer[Partnership]):
    """Where points can be spent. ``id`` is the merchant's, as in offers."""

    id = serializers.UUIDField(source="merchant_id", read_only=True)
    trade = serializers.CharField(source="merchant.trade", read_only=True)
    community = PartnerCommunitySerializer(read_only=True)

    class Meta:
        model = Partnership
        fields: tuple[str, ...] = (
            "id",
            "name",
            "trade",
            "community",
            "contact_phone",
            "address",
            "opening_hours",
            "latitude",
            "longitude",
            "coord_type",
        )
        read_only_fields = fields


class PartnershipSerializer(serializers.ModelSerializer[Partnership]):
    """What staff and the owner see; ``terms`` are those of today, null before any count.

    ``shop_code`` is for a counter without a scanner, null if it has none.
    """

    merchant_id = serializers.UUIDField(read_only=True)
    trade = serializers.CharField(source="merchant.trade", read_only=True)
    community = PartnerCommunitySerializer(read_only=True)
    terms = serializers.SerializerMethodField()

    class Meta:
        model = Partnership
        fields = (
            "id",
            "merchant_id",
            *ShopSerializer.Meta.fields[1:],
            "status",
            "settlement_day",
            "shop_code",
            "since_at",
            "terms",
        )
        read_only_fields = fields

    @extend_schema_field(TermsSerializer(allow_null=True))
    def get_terms(self, partnership: Partnership) -> object:
        counts = selectors.counting(partnership.terms.all(), partnership.community.today)
        return TermsSerializer(counts).data if counts else None


class CandidateSerializer(serializers.Serializer[Any]):
    """``merchant_id``: of a partner elsewhere, told by its owner; it keeps its trade."""

    name = CharField(max_length=60)
    trade = CharField(max_length=30)
    merchant_id = serializers.UUIDField(required=False, allow_null=True)


class ChangePartnershipSerializer(ChangeContactSerializer):
    """What is left out stays as it is; coordinates come both, or both as null.

    ``settlement_day``, set by staff: of every month, 1 to 28; a period starts on it.
    """

    opening_hours = TextField(max_length=120, required=False, allow_blank=True)
    settlement_day = IntegerField(min_value=1, max_value=28, required=False)


class AnswerPartnershipSerializer(serializers.Serializer[Any]):
    accept = serializers.BooleanField()


class MoveSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=MOVES)
    reason = TextField(max_length=200, allow_blank=True, default="")


# --- its owner, staff and auditors ------------------------------------------------------------
class PartnershipFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=Partnership.Status.choices)
    text = TextFilter("name", "merchant__trade")


class CommunityPartnershipListView(ListAPIView[Partnership]):
    """List the community's partners, also former ones.

    ``GET /api/v1/communities/{code}/partnerships``
    """

    serializer_class = PartnershipSerializer
    queryset = Partnership.objects.none()
    filterset_class = PartnershipFilter

    def get_queryset(self) -> QuerySet[Partnership]:
        seen = communities_where(signed_in(self.request), WATCHES_OVER)
        return selectors.partners_in(get_object_or_404(seen, code=self.kwargs["code"]))

    @extend_schema(request=CandidateSerializer, responses={201: PartnershipSerializer})
    @idempotent(in_community(HANDLES, selectors.partners_in), PartnershipSerializer)
    def post(self, request: Request, code: str) -> Response:
        """Put on record a business we talk to: ``POST /api/v1/communities/{code}/partnerships``.

        Terms make a contract of it, and starting it makes it active. Of a partner elsewhere, by
        ``merchant_id``, it is ``asked`` until its owner says yes. Refused with ``own_merchant``,
        ``partner_name_taken``, ``merchant_unknown`` (or nobody owns it), ``already_partner``.
        """
        user = signed_in(request)
        community = get_object_or_404(communities_where(user, HANDLES), code=code)
        body = CandidateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        made = partners.consider(community=community, by=user, **body.validated_data)
        return _told(made, status.HTTP_201_CREATED)


class MerchantPartnershipListView(ListAPIView[Partnership]):
    """List my shop's contracts: ``GET /api/v1/merchants/{merchant_id}/partnerships``."""

    serializer_class = PartnershipSerializer
    queryset = Partnership.objects.none()
    filterset_class = PartnershipFilter

    def get_queryset(self) -> QuerySet[Partnership]:
        return selectors.partnerships_of(owned(self.request, self.kwargs["merchant_id"]))


class PartnershipView(RetrieveAPIView[Partnership]):
    """Open one, as its owner, staff or auditor: ``GET /api/v1/partnerships/{partnership_id}``."""

    serializer_class = PartnershipSerializer
    queryset = Partnership.objects.none()
    lookup_url_kwarg = "partnership_id"

    def get_queryset(self) -> QuerySet[Partnership]:
        return selectors.partnerships_seen_by(signed_in(self.request))

    @extend_schema(request=ChangePartnershipSerializer, responses=PartnershipSerializer)
    @idempotent(
        seen(selectors.partnerships_kept_by, "partnership_id"),
        PartnershipSerializer,
        is_required=False,
        edits=True,
    )
    def patch(self, request: Request, partnership_id: UUID) -> Response:
        """Change the shop, as its owner or as staff; the settlement day is set by staff.

        ``PATCH /api/v1/partnerships/{partnership_id}``. Refused with ``own_merchant``,
        ``partner_not_accepted``.
        """
        user = signed_in(request)
        kept = selectors.partnerships_kept_by(user)
        partnership = get_object_or_404(kept, pk=partnership_id)
        body = ChangePartnershipSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return _told(partners.describe(partnership=partnership, by=user, **body.validated_data))


class AnswerPartnershipView(APIView):
    """Say yes or no, as its owner, to a community that asks for the shop.

    ``POST /api/v1/partnerships/{partnership_id}/answer``. Until the yes it is ``asked``, and that
    community reads nothing of the shop; a no may become a yes later. Refused with
    ``partner_status_wrong`` once it is a partner.
    """

    @extend_schema(request=AnswerPartnershipSerializer, responses=PartnershipSerializer)
    @idempotent(
        seen(selectors.partnerships_owned_by, "partnership_id"),
        PartnershipSerializer,
        is_required=False,
    )
    def post(self, request: Request, partnership_id: UUID) -> Response:
        user = signed_in(request)
        mine = selectors.partnerships_owned_by(user)
        partnership = get_object_or_404(mine, pk=partnership_id)
        body = AnswerPartnershipSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return _told(partners.answer(partnership=partnership, by=user, **body.validated_data))


# --- staff ------------------------------------------------------------------------------------
class PartnershipStatusView(APIView):
    """Start, suspend or end it: ``POST /api/v1/partnerships/{partnership_id}/status``.

    What is held can still be scanned, and what is owed is settled. Refused with
    ``partner_status_wrong``.
    """

    @extend_schema(request=MoveSerializer, responses=PartnershipSerializer)
    @idempotent(
        seen(selectors.partnerships_handled_by, "partnership_id"),
        PartnershipSerializer,
        is_required=False,
        edits=True,
    )
    def post(self, request: Request, partnership_id: UUID) -> Response:
        partnership = _handled(request, partnership_id)
        body = MoveSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return _told(
            partners.move(partnership=partnership, by=signed_in(request), **body.validated_data)
        )


class TermsListView(ListAPIView[Terms]):
    """List all versions of a contract, newest first, as staff or auditor.

    ``GET /api/v1/partnerships/{partnership_id}/terms``
    """

    serializer_class = TermsSerializer
    queryset = Terms.objects.none()

    def get_queryset(self) -> QuerySet[Terms]:
        seen = selectors.partnerships_watched_by(signed_in(self.request))
        return selectors.terms_of(get_object_or_404(seen, pk=self.kwargs["partnership_id"]))

    @extend_schema(
        request=AgreeSerializer, responses={201: TermsSerializer, 202: IncreaseSerializer}
    )
    @idempotent(
        below(seen(selectors.partnerships_handled_by, "partnership_id"), selectors.terms_of),
        TermsSerializer,
        waiting=AS_INCREASE,
    )
    def post(self, request: Request, partnership_id: UUID) -> Response:
        """Agree on the next: ``POST /api/v1/partnerships/{partnership_id}/terms``.

        What was taken before ``valid_from`` keeps its amount. Where more may be owed by it than
        before, somebody else confirms it (202). Refused with ``own_merchant``,
        ``terms_incomplete``, ``terms_too_early``, ``partner_ended``.
        """
        partnership = _handled(request, partnership_id)
        body = AgreeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        agreed = partners.agree(
            partnership=partnership, by=signed_in(request), **body.validated_data
        )
        if isinstance(agreed, Increase):
            return waits(agreed)
        return Response(TermsSerializer(agreed).data, status=status.HTTP_201_CREATED)


class WithdrawTermsView(APIView):
    """Take back what is not in force yet, so that others may begin earlier.

    ``POST /api/v1/partnerships/{partnership_id}/terms/{terms_id}/withdraw``, as often as one likes.
    Where more may be owed without it, somebody else confirms it (202). Refused with
    ``own_merchant``, ``terms_in_force``.
    """

    @extend_schema(request=None, responses={200: TermsSerializer, 202: IncreaseSerializer})
    @idempotent(
        below(
            seen(selectors.partnerships_handled_by, "partnership_id"),
            selectors.terms_of,
            "terms_id",
        ),
        TermsSerializer,
        is_required=False,
        waiting=AS_INCREASE,
    )
    def post(self, request: Request, partnership_id: UUID, terms_id: UUID) -> Response:
        agreed = selectors.terms_of(_handled(request, partnership_id))
        withdrawn = partners.withdraw_terms(
            terms=get_object_or_404(agreed, pk=terms_id), by=signed_in(request)
        )
        if isinstance(withdrawn, Increase):
            return waits(withdrawn)
        return Response(TermsSerializer(withdrawn).data)


class FirstOwnerView(APIView):
    """Invite the first owner of a merchant.

    ``POST /api/v1/partnerships/{partnership_id}/invitations``.

    The answer has the code, until it is accepted. Refused with ``has_owner``: then owners invite.
    """

    @extend_schema(request=None, responses={201: NewInvitationSerializer})
    @idempotent(
        below(
            seen(selectors.partnerships_handled_by, "partnership_id"),
            lambda partnership: selectors.invitations_to(partnership.merchant),
        ),
        NewInvitationSerializer,
    )
    def post(self, request: Request, partnership_id: UUID) -> Response:
        partnership = _handled(request, partnership_id)
        invitation, _ = invitations.invite_owner(
            partnership=partnership, invited_by=signed_in(request)
        )
        return Response(NewInvitationSerializer(invitation).data, status=status.HTTP_201_CREATED)


def _handled(request: Request, partnership_id: UUID) -> Partnership:
    handled = selectors.partnerships_handled_by(signed_in(request))
    return get_object_or_404(handled, pk=partnership_id)


def _told(partnership: Partnership, status_code: int = status.HTTP_200_OK) -> Response:
    return Response(PartnershipSerializer(partnership).data, status=status_code)


# --- volunteers -------------------------------------------------------------------------------
class ShopFilter(CommunityFilter):
    text = TextFilter("name", "merchant__trade", "address")


class ShopListView(ListAPIView[Partnership]):
    """List where I may spend points: ``GET /api/v1/shops``."""

    serializer_class = ShopSerializer
    queryset = Partnership.objects.none()
    filterset_class = ShopFilter

    def get_queryset(self) -> QuerySet[Partnership]:
        return selectors.shops_open_to(signed_in(self.request))
