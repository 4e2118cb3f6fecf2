"""Contracts: staff agree on them with a business, owners describe the shop, volunteers find it."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api.fields import CharField, DateField, IntegerField, TextField
from backend.api.filters import CommunityFilter, TextFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import ChangeContactSerializer
from backend.communities.api.shown import community, in_community
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER
from merchants.partners import selectors
from merchants.partners.api.increases import AS_INCREASE
from merchants.partners.api.members import at_owned
from merchants.partners.api.serializers import (
    InvitationSerializer,
    NewInvitationSerializer,
    PartnerCommunitySerializer,
)
from merchants.partners.models.increases import Increase
from merchants.partners.models.merchants import Invitation
from merchants.partners.models.partnerships import Partnership, Terms
from merchants.partners.services import invitations
from merchants.partners.services import partnerships as partners

MOVES = [choice for choice in Partnership.Status.choices if choice[0] in partners.MOVES]


class TermsSerializer(ReadSerializer[Terms]):
    """A version of a contract. ``per_point`` has ``fen_per_point``; ``share`` has ``share_bp``.

    A share is in ten-thousandths of the piece's price in the shop. ``valid_from`` is null if it
    counts from the beginning, ``agreed_by`` if it was imported. A withdrawn version never counts.
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
            "withdrawn_at",
        )


class AgreeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Terms.Kind.choices)
    fen_per_point = IntegerField(min_value=0, max_value=1_000_000, required=False, allow_null=True)
    share_bp = IntegerField(min_value=1, max_value=10_000, required=False, allow_null=True)
    valid_from = DateField()


class ShopSerializer(ReadSerializer[Partnership]):
    """A shop where points can be spent. ``id`` is the merchant's, as in offers."""

    id = serializers.UUIDField(source="merchant_id", read_only=True)
    trade = serializers.CharField(source="merchant.trade", read_only=True)
    community = PartnerCommunitySerializer(read_only=True)

    class Meta:
        model = Partnership
        fields: tuple[str, ...] = (
            "id",
            "name",
            "contact_phone",
            "address",
            "opening_hours",
            "latitude",
            "longitude",
            "coord_type",
        )


class PartnershipSerializer(ShopSerializer):
    """A partnership as staff and the owner see it; ``terms`` are today's, null before any count.

    ``shop_code`` is for a counter without a scanner, null if it has none.
    """

    id = None  # type: ignore[assignment]  # its own
    merchant_id = serializers.UUIDField(read_only=True)
    terms = serializers.SerializerMethodField()

    class Meta(ShopSerializer.Meta):
        fields = (
            *ShopSerializer.Meta.fields,
            "status",
            "settlement_day",
            "shop_code",
            "since_at",
        )

    @extend_schema_field(TermsSerializer(allow_null=True))
    def get_terms(self, partnership: Partnership) -> object:
        counts = selectors.counting(partnership.terms.all(), partnership.community.today)
        return TermsSerializer(counts).data if counts else None


class CandidateSerializer(serializers.Serializer[Any]):
    """A candidate. With ``merchant_id``, told by its owner, a partner elsewhere, which keeps its
    trade.
    """

    name = CharField(max_length=60)
    trade = CharField(max_length=30)
    merchant_id = serializers.UUIDField(required=False, allow_null=True)


class ChangePartnershipSerializer(ChangeContactSerializer):
    """Changes; a field left out keeps its value. Coordinates come both, or both as null.

    ``settlement_day``, set by staff, is the day of the month on which periods start, 1 to 28.
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


class CommunityPartnershipListView(ListView[Partnership]):
    """List the community's partners, former ones included.

    ``GET /api/v1/communities/{code}/partnerships``
    """

    serializer_class = PartnershipSerializer
    filterset_class = PartnershipFilter
    finds = in_community(WATCHES_OVER, selectors.partners_in)

    @writes(
        PartnershipSerializer,
        community(HANDLES),
        body=CandidateSerializer,
        creates=selectors.partners_in,
    )
    def post(self, user: User, community: Community, **facts: Any) -> Partnership:
        """Record a business we talk to: ``POST /api/v1/communities/{code}/partnerships``.

        Terms turn it into a contract, and starting it makes it active. A partner elsewhere, given
        by ``merchant_id``, is ``asked`` until its owner accepts; a merchant without an owner is
        unknown.
        """
        return partners.consider(community=community, by=user, **facts)


class MerchantPartnershipListView(ListView[Partnership]):
    """List my shop's contracts: ``GET /api/v1/merchants/{merchant_id}/partnerships``."""

    serializer_class = PartnershipSerializer
    filterset_class = PartnershipFilter
    finds = at_owned(selectors.partnerships_of)


class PartnershipView(OpenView[Partnership]):
    """Open a contract as owner, staff or auditor: ``GET /api/v1/partnerships/{partnership_id}``."""

    serializer_class = PartnershipSerializer
    finds = seen(selectors.partnerships_seen_by, "partnership_id")

    @writes(
        PartnershipSerializer,
        seen(selectors.partnerships_kept_by, "partnership_id"),
        body=ChangePartnershipSerializer,
        edits=True,
    )
    def patch(self, user: User, partnership: Partnership, **facts: Any) -> Partnership:
        """Change the shop, as its owner or as staff; the settlement day is set by staff.

        ``PATCH /api/v1/partnerships/{partnership_id}``
        """
        return partners.describe(partnership=partnership, by=user, **facts)


class AnswerPartnershipView(APIView):
    """Accept or decline, as the shop's owner, a community that asks for it.

    ``POST /api/v1/partnerships/{partnership_id}/answer``. Until accepted it is ``asked``, and the
    community reads nothing of the shop. A no may become a yes later; a yes stays.
    """

    @writes(
        PartnershipSerializer,
        seen(selectors.partnerships_owned_by, "partnership_id"),
        body=AnswerPartnershipSerializer,
    )
    def post(self, user: User, partnership: Partnership, **facts: Any) -> Partnership:
        return partners.answer(partnership=partnership, by=user, **facts)


# --- staff ------------------------------------------------------------------------------------
class PartnershipStatusView(APIView):
    """Start, suspend or end a partnership: ``POST /api/v1/partnerships/{partnership_id}/status``.

    Held vouchers can still be scanned, and what is owed is settled.
    """

    @writes(
        PartnershipSerializer,
        seen(selectors.partnerships_handled_by, "partnership_id"),
        body=MoveSerializer,
        edits=True,
    )
    def post(self, user: User, partnership: Partnership, **facts: Any) -> Partnership:
        return partners.move(partnership=partnership, by=user, **facts)


class TermsListView(ListView[Terms]):
    """List all versions of a contract, newest first, as staff or auditor.

    ``GET /api/v1/partnerships/{partnership_id}/terms``
    """

    serializer_class = TermsSerializer
    finds = below(seen(selectors.partnerships_watched_by, "partnership_id"), selectors.terms_of)

    @writes(
        TermsSerializer,
        seen(selectors.partnerships_handled_by, "partnership_id"),
        body=AgreeSerializer,
        creates=selectors.terms_of,
        waiting=AS_INCREASE,
    )
    def post(self, user: User, partnership: Partnership, **facts: Any) -> Terms | Increase:
        """Add the next version of a contract: ``POST /api/v1/partnerships/{partnership_id}/terms``.

        Vouchers taken before ``valid_from`` keep their amount. If more may be owed under it than
        before, somebody else confirms it (202).
        """
        return partners.agree(partnership=partnership, by=user, **facts)


class TermsView(OpenView[Terms]):
    """Open a version of a contract, as staff or auditor.

    ``GET /api/v1/partnerships/{partnership_id}/terms/{terms_id}``
    """

    serializer_class = TermsSerializer
    finds = below(
        seen(selectors.partnerships_watched_by, "partnership_id"), selectors.terms_of, "terms_id"
    )


class WithdrawTermsView(APIView):
    """Withdraw a version that is not in force yet, so that another may begin earlier.

    ``POST /api/v1/partnerships/{partnership_id}/terms/{terms_id}/withdraw``. Idempotent. If more
    may be owed without it, somebody else confirms it (202).
    """

    @writes(
        TermsSerializer,
        below(
            seen(selectors.partnerships_handled_by, "partnership_id"),
            selectors.terms_of,
            "terms_id",
        ),
        waiting=AS_INCREASE,
    )
    def post(self, user: User, terms: Terms) -> Terms | Increase:
        return partners.withdraw_terms(terms=terms, by=user)


class FirstOwnerView(ListView[Invitation]):
    """List how a merchant's owners were invited, as staff or auditor, newest first.

    ``GET /api/v1/partnerships/{partnership_id}/invitations``
    """

    serializer_class = InvitationSerializer
    finds = below(
        seen(selectors.partnerships_watched_by, "partnership_id"), selectors.owners_invited_to
    )

    @writes(
        NewInvitationSerializer,
        seen(selectors.partnerships_handled_by, "partnership_id"),
        creates=lambda partnership: selectors.invitations_to(partnership.merchant),
    )
    def post(self, user: User, partnership: Partnership) -> Invitation:
        """Invite the first owner of a merchant, as staff.

        ``POST /api/v1/partnerships/{partnership_id}/invitations``. The answer has the code until
        somebody accepts it. A merchant's owners invite everybody else (``has_owner``).
        """
        return invitations.invite_owner(partnership=partnership, invited_by=user)


# --- volunteers -------------------------------------------------------------------------------
class ShopFilter(CommunityFilter):
    text = TextFilter("name", "merchant__trade", "address")


class ShopListView(ListView[Partnership]):
    """List the shops where I may spend points: ``GET /api/v1/shops``."""

    serializer_class = ShopSerializer
    filterset_class = ShopFilter
    finds = seen(selectors.shops_open_to)
