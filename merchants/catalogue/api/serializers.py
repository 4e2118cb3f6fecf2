"""Shapes of offers."""

from rest_framework import serializers

from backend.api.serializers import ReadSerializer
from merchants.catalogue.models import Offer
from merchants.partners.api.serializers import PartnerCommunitySerializer, PartnerSerializer


class OfferSerializer(ReadSerializer[Offer]):
    """An offer, its price and its conditions; null or empty means no condition.

    One person takes ``limit_quantity`` pieces per ``limit_period`` at most. Days are the
    community's; first and last are included.
    """

    merchant = PartnerSerializer(source="partnership", read_only=True)
    community = PartnerCommunitySerializer(read_only=True)
    picture = serializers.CharField(source="picture_url", read_only=True, allow_null=True)

    class Meta:
        model = Offer
        fields: tuple[str, ...] = (
            "id",
            "code",
            "title",
            "kind",
            "description",
            "starts_at",
            "price_points",
            "stock",
            "valid_from",
            "valid_until",
            "limit_quantity",
            "limit_period",
            "min_hours",
            "min_stars",
            "groups",
            "min_age",
            "max_age",
            "scans_offline",
            "offline_hours",
        )


class TakenOfferSerializer(ReadSerializer[Offer]):
    picture = serializers.CharField(source="picture_url", read_only=True, allow_null=True)

    class Meta:
        model = Offer
        fields = ("id", "code", "title")
