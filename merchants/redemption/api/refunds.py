"""Refunds: by the counter on the day itself, by staff afterwards."""

from typing import Any

from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.fields import IntegerField, TextField
from backend.api.serializers import ReadSerializer
from backend.api.views import seen, writes
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
        fields = (
            "id",
            "redemption_id",
            "quantity",
            "points",
            "reason",
            "refunded_at",
        )


class RefundView(APIView):
    """Refund pieces of a redemption: ``POST /api/v1/redemptions/{redemption_id}/refunds``.

    People who work at the merchant may on the same day, staff also days later. The next statement
    deducts what was settled already.
    """

    @writes(
        RefundSerializer,
        seen(selectors.redemptions_refunded_by, "redemption_id"),
        body=GiveBackSerializer,
        creates=selectors.refunds_of,
    )
    def post(self, user: User, redemption: Redemption, **facts: Any) -> Refund:
        is_late = not works_at(user, redemption.partnership.merchant_id)
        return refunds.refund(redemption=redemption, refunded_by=user, is_late=is_late, **facts)
