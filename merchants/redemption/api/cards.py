"""Printed cards: staff issue them to volunteers without a phone, and block lost ones."""

from typing import Any
from uuid import UUID

from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer, PersonSerializer
from backend.accounts.models import User
from backend.api.code_pictures import CodePictureView
from backend.api.fields import IntegerField, MarkField
from backend.api.filters import BooleanFilter, PersonFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, seen, writes
from backend.communities.api.shown import community, in_community, managed_community
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER
from backend.communities.services import places
from merchants.partners.api.serializers import PartnerCommunitySerializer
from merchants.redemption import selectors
from merchants.redemption.models import Card
from merchants.redemption.services import cards

LIMIT_AT_MOST = 1_000  # points a day: a card pays for small things

_MY_CARD: Any = seen(selectors.cards_of, "card_id")


class MyCardSerializer(ReadSerializer[Card]):
    """My card. ``reason`` tells why it is blocked; it is null while the card pays."""

    community = PartnerCommunitySerializer(read_only=True)
    limit_points = serializers.IntegerField(
        source="community.card_limit_points",
        read_only=True,
        help_text="What all cards of one volunteer pay a day.",
    )
    is_blocked = serializers.BooleanField(read_only=True)
    reason = MarkField(choices=Card.Reason.choices)

    class Meta:
        model = Card
        fields: tuple[str, ...] = ("id", "issued_at", "blocked_at", "reason")


class CardSerializer(MyCardSerializer):
    """A card as staff see it: neither its code nor its PIN.

    ``blocked_by`` is null for a card that five wrong PINs in a row, or its volunteer's leaving,
    blocked.
    """

    volunteer = PersonSerializer(read_only=True)
    issued_by = ColleagueSerializer(read_only=True)
    blocked_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta(MyCardSerializer.Meta):
        fields = (*MyCardSerializer.Meta.fields, "wrong_pins")


class NewCardSerializer(CardSerializer):
    """A new card with what is printed, for an hour and until it first pays; else null.

    ``code`` is for the card, as a QR code and in letters. ``pin`` is for a slip of its own.
    """

    code = serializers.CharField(source="code_to_print", read_only=True, allow_null=True)
    pin = serializers.CharField(read_only=True, allow_null=True)


class IssueCardSerializer(serializers.Serializer[Any]):
    """The volunteer who asked for a card; ``volunteer_id`` is the person's id."""

    volunteer_id = serializers.UUIDField()


class CardLimitSerializer(serializers.ModelSerializer[Community]):
    """How many points the cards of one volunteer pay a day; 0: none."""

    card_limit_points = IntegerField(min_value=0, max_value=LIMIT_AT_MOST)

    class Meta:
        model = Community
        fields = ("card_limit_points",)


class CardFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    volunteer = PersonFilter("volunteer")
    is_blocked = BooleanFilter(
        field_name="blocked_at",
        lookup_expr="isnull",
        exclude=True,
        label="Whether it is blocked.",
    )


class CardListView(ListView[Card]):
    """List a community's cards, newest first: ``GET /api/v1/communities/{code}/cards``.

    For staff, managers and auditors.
    """

    serializer_class = CardSerializer
    filterset_class = CardFilter
    finds = in_community(WATCHES_OVER, selectors.cards_in)

    @writes(
        NewCardSerializer,
        community(HANDLES),
        body=IssueCardSerializer,
        creates=selectors.cards_in,
    )
    def post(self, user: User, community: Community, volunteer_id: UUID) -> Card:
        """Issue a card to a volunteer who asked: ``POST /api/v1/communities/{code}/cards``.

        It replaces the one that they have. The answer has the code and the PIN; repeated with the
        same key it has them for an hour, until the card first pays. Nobody issues a card for
        themselves, and whoever issued it does not take its payments at a counter.
        """
        return cards.issue(community=community, volunteer_id=volunteer_id, by=user)


class CardView(OpenView[Card]):
    """Open a card, as staff or auditor: ``GET /api/v1/cards/{card_id}``."""

    serializer_class = CardSerializer
    finds = seen(selectors.cards_seen_by, "card_id")


class BlockCardView(APIView):
    """Block a lost card, as staff: ``POST /api/v1/cards/{card_id}/block``.

    For good: another one is issued instead. Idempotent: keeps the first ``blocked_at``.
    """

    @writes(CardSerializer, seen(selectors.cards_blocked_by, "card_id"))
    def post(self, user: User, card: Card) -> Card:
        return cards.block(card=card, by=user)


class MyCardListView(ListView[Card]):
    """List my cards, newest first: ``GET /api/v1/me/cards``."""

    serializer_class = MyCardSerializer
    finds = seen(selectors.cards_of)


class BlockMyCardView(APIView):
    """Block my card: ``POST /api/v1/me/cards/{card_id}/block``.

    For good. Idempotent: keeps the first ``blocked_at``.
    """

    @writes(MyCardSerializer, _MY_CARD, while_suspended=True)
    def post(self, user: User, card: Card) -> Card:
        return cards.block(card=card, by=user)


class CardPictureView(CodePictureView):
    """Show the code of a new card as a QR code, to print it, as long as its issuer is told it.

    ``GET /api/v1/cards/{card_id}/code.{format}``, ``svg`` or ``png``. For staff.
    """

    def code(self, request: Request, **named: Any) -> str | None:
        found: Any = seen(selectors.cards_blocked_by, "card_id")(request, **named)
        code: str | None = found.code_to_print
        return code


class CardLimitView(OpenView[Community]):
    """Read how much a volunteer's cards pay a day: ``GET /api/v1/communities/{code}/card-limit``.

    For staff, managers and auditors.
    """

    serializer_class = CardLimitSerializer
    finds = community(WATCHES_OVER)

    @writes(CardLimitSerializer, managed_community, body=CardLimitSerializer, edits=True)
    def put(self, user: User, community: Community, card_limit_points: int) -> Community:
        """Set the limit, as a manager: ``PUT /api/v1/communities/{code}/card-limit``."""
        return places.set_card_limit(community=community, points=card_limit_points, by=user)
