"""Redemptions and refused scans of a community, for its staff and auditors."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.accounts.api.serializers import ColleagueSerializer
from backend.api.filters import CharFilter, DaysFilter, MarkFilter, TextFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, seen
from backend.communities.api.shown import in_community
from backend.communities.selectors import WATCHES_OVER
from backend.replica import from_replica
from merchants.partners.api.serializers import PartnerSerializer
from merchants.redemption import selectors
from merchants.redemption.api.refunds import RefundRecordSerializer
from merchants.redemption.api.serializers import (
    TOLD_TO_ALL,
    RedeemedSerializer,
    StatementLineSerializer,
    as_told,
)
from merchants.redemption.models import Redemption, Refund, ScanAttempt

MARK = "`too_early` or `too_late` where the device's clock could not be believed."


class RecordSerializer(StatementLineSerializer):
    """A redemption with the ledger's transfer and the statement that settles it."""

    merchant = PartnerSerializer(source="partnership", read_only=True)
    transfer_id = serializers.UUIDField(read_only=True)
    statement_id = serializers.UUIDField(read_only=True, allow_null=True)
    card_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="The printed card that paid; null: a phone."
    )
    device_time = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="As a device told it later; null: with signal."
    )
    clock_mark = serializers.CharField(read_only=True, help_text=MARK)
    volunteer = serializers.CharField(source="volunteer.masked_name", read_only=True)

    class Meta(RedeemedSerializer.Meta):
        fields = (*RedeemedSerializer.Meta.fields, "fen_per_point", "amount_fen")


class RedemptionSerializer(RecordSerializer):
    """A redemption, with the fields that its reader also sees in lists.

    Owners and clerks see neither transfer nor statement, and clerks not which clerk it was.
    """

    def to_representation(self, instance: Redemption) -> dict[str, Any]:
        return as_told(super().to_representation(instance), instance)


class _RedemptionInDocument(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    target_class = RedemptionSerializer

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "required": [*TOLD_TO_ALL]}


class RefusedScanSerializer(ReadSerializer[ScanAttempt]):
    """A refused scan; ``outcome`` is the refusal's code.

    The voucher's own code is left out. ``clerk`` is null if the volunteer tried to confirm it with
    the shop's code.
    """

    merchant_id = serializers.UUIDField(read_only=True)
    merchant_name = serializers.CharField(source="merchant.name", read_only=True)
    clerk = serializers.SerializerMethodField()
    device = serializers.CharField(source="device.name", read_only=True, allow_null=True)
    redemption_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = ScanAttempt
        fields = (
            "id",
            "outcome",
            "device_time",
            "counts_at",
            "clock_mark",
            "scanned_at",
        )

    @extend_schema_field(ColleagueSerializer(allow_null=True))
    def get_clerk(self, attempt: ScanAttempt) -> object:
        voucher = attempt.redemption
        if voucher is not None and voucher.volunteer_id == attempt.clerk_id:
            return None
        return ColleagueSerializer(attempt.clerk).data


class RecordFilter(DaysFilter):
    moment = "closed_at"
    merchant = filters.UUIDFilter(field_name="partnership__merchant", help_text="Its id.")
    offer = filters.UUIDFilter(help_text="An offer's id.")
    text = TextFilter(
        "offer__title", "partnership__name", help_text="Part of the title or the merchant's name."
    )
    marked = MarkFilter("clock_mark")


class RefundFilter(DaysFilter):
    moment = "refunded_at"
    merchant = filters.UUIDFilter(field_name="partnership__merchant", help_text="Its id.")
    text = TextFilter(
        "reason",
        "redemption__offer__title",
        "partnership__name",
        help_text="Part of the reason, the title or the merchant's name.",
    )


class RefusedScanFilter(DaysFilter):
    moment = "scanned_at"
    merchant = filters.UUIDFilter(help_text="Its id.")
    outcome = CharFilter(help_text="Such as `code_used`.")
    marked = MarkFilter("clock_mark")


@from_replica
class RecordListView(ListView[Redemption]):
    """List redemptions, newest first: ``GET /api/v1/communities/{code}/redemptions``."""

    serializer_class = RecordSerializer
    filterset_class = RecordFilter
    finds = in_community(WATCHES_OVER, selectors.redemptions_in)


@from_replica
class RefundListView(ListView[Refund]):
    """List refunds, newest first: ``GET /api/v1/communities/{code}/refunds``."""

    serializer_class = RefundRecordSerializer
    filterset_class = RefundFilter
    finds = in_community(WATCHES_OVER, selectors.refunds_in)


@from_replica
class RedemptionView(OpenView[Redemption]):
    """Open a redemption, by the id in a transfer's ``source``.

    ``GET /api/v1/redemptions/{redemption_id}``, for staff, auditors and people at work there.
    """

    serializer_class = RedemptionSerializer
    finds = seen(selectors.redemptions_seen_by, "redemption_id")


@from_replica
class RefusedScanListView(ListView[ScanAttempt]):
    """List refused scans, newest first.

    ``GET /api/v1/communities/{code}/refused-scans``
    """

    serializer_class = RefusedScanSerializer
    filterset_class = RefusedScanFilter
    finds = in_community(WATCHES_OVER, selectors.refused_scans_in)


@from_replica
class RefusedScanView(OpenView[ScanAttempt]):
    """Open a refused scan: ``GET /api/v1/communities/{code}/refused-scans/{scan_id}``."""

    serializer_class = RefusedScanSerializer
    finds = in_community(WATCHES_OVER, selectors.refused_scans_in, "scan_id")
