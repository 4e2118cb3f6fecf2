"""Refunds: by the counter on the day itself, by staff afterwards."""

from typing import Any

from rest_framework import serializers

from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api.fields import IntegerField, TextField
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, below, seen, writes
from merchants.partners.api.serializers import PartnerSerializer
from merchants.partners.selectors import works_at
from merchants.redemption import selectors
from merchants.redemption.models import Redemption, Refund
from merchants.redemption.services import refunds


class GiveBackSerializer(serializers.Serializer[Any]):
    """A refund of ``quantity`` pieces, or of all that are left, and its reason."""

    quantity = IntegerField(min_value=1, required=False)
    reason = TextField(max_length=200)


class RefundSerializer(ReadSerializer[Refund]):
    """A refund; ``points`` went back to the wallet."""

    class Meta:
        model = Refund
        fields: tuple[str, ...] = (
            "id",
            "redemption_id",
            "quantity",
            "points",
            "reason",
            "refunded_at",
        )


class RefundRecordSerializer(RefundSerializer):
    """A refund with its merchant, what was bought, who gave it back, and its statement if any."""

    merchant = PartnerSerializer(source="partnership", read_only=True)
    offer_title = serializers.CharField(source="redemption.offer.title", read_only=True)
    refunded_by = ColleagueSerializer(read_only=True)
    statement_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta(RefundSerializer.Meta):
        fields = (*RefundSerializer.Meta.fields, "amount_fen")


class RedemptionRefundListView(ListView[Refund]):
    """List a redemption's refunds, as staff or auditor, newest first.

    ``GET /api/v1/redemptions/{redemption_id}/refunds``
    """

    serializer_class = RefundRecordSerializer
    finds = below(
        seen(selectors.redemptions_watched_by, "redemption_id"), selectors.refunds_listed_of
    )

    @writes(
        RefundSerializer,
        seen(selectors.redemptions_refunded_by, "redemption_id"),
        body=GiveBackSerializer,
        creates=selectors.refunds_of,
    )
    def post(self, user: User, redemption: Redemption, **facts: Any) -> Refund:
        """Refund pieces of a redemption: ``POST /api/v1/redemptions/{redemption_id}/refunds``.

        People who work at the merchant may on the same day, staff also days later. The next
        statement deducts what was settled already.
        """
        is_late = not works_at(user, redemption.partnership.merchant_id)
        return refunds.refund(redemption=redemption, refunded_by=user, is_late=is_late, **facts)
