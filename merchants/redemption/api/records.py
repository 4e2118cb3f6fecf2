"""What was redeemed in a community and what was refused, for its staff and auditors."""

from functools import cached_property

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.filters import CharFilter, DaysFilter, MarkFilter
from backend.communities.models import Community
from backend.communities.selectors import WATCHES_OVER, communities_where
from merchants.partners.api.serializers import ColleagueSerializer, PartnerSerializer
from merchants.redemption import selectors
from merchants.redemption.api.serializers import StatementLineSerializer
from merchants.redemption.models import Redemption, ScanAttempt

MARK = "`too_early` or `too_late` where the device's clock could not be believed."


class RecordSerializer(StatementLineSerializer):
    """A redemption with what it leads to: the ledger's transfer, the statement that settles it."""

    merchant = PartnerSerializer(source="partnership", read_only=True)
    transfer_id = serializers.UUIDField(read_only=True)
    statement_id = serializers.UUIDField(read_only=True, allow_null=True)
    device_time = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="As a device told it later; null: with signal."
    )
    clock_mark = serializers.CharField(read_only=True, help_text=MARK)

    class Meta(StatementLineSerializer.Meta):
        fields = (
            *StatementLineSerializer.Meta.fields,
            "refunded_quantity",
            "merchant",
            "volunteer",
            "transfer_id",
            "statement_id",
            "device_time",
            "clock_mark",
        )
        read_only_fields = fields


class RefusedScanSerializer(serializers.ModelSerializer[ScanAttempt]):
    """A refused scan: ``outcome`` is the code of what stood against it.

    The voucher's own code is not told. ``clerk`` is null where the volunteer tried to confirm it
    with the shop's code.
    """

    merchant_id = serializers.UUIDField(read_only=True)
    clerk = serializers.SerializerMethodField()
    device = serializers.CharField(source="device.name", read_only=True, allow_null=True)
    redemption_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = ScanAttempt
        fields = (
            "id",
            "outcome",
            "merchant_id",
            "clerk",
            "device",
            "device_time",
            "counts_at",
            "clock_mark",
            "scanned_at",
            "redemption_id",
        )
        read_only_fields = fields

    @extend_schema_field(ColleagueSerializer(allow_null=True))
    def get_clerk(self, attempt: ScanAttempt) -> object:
        voucher = attempt.redemption
        if voucher is not None and voucher.volunteer_id == attempt.clerk_id:
            return None
        return ColleagueSerializer(attempt.clerk).data


class RecordFilter(DaysFilter):
    moment = "closed_at"
    merchant = filters.UUIDFilter(field_name="partnership__merchant", help_text="Its id.")
    marked = MarkFilter("clock_mark")


class RefusedScanFilter(DaysFilter):
    moment = "scanned_at"
    merchant = filters.UUIDFilter(help_text="Its id.")
    outcome = CharFilter(help_text="Such as `code_used`.")
    marked = MarkFilter("clock_mark")


class WatchedCommunity(APIView):
    """The community that an address is about, for its staff and auditors; 404 to others."""

    @cached_property
    def community(self) -> Community:
        watched = communities_where(signed_in(self.request), WATCHES_OVER)
        return get_object_or_404(watched, code=self.kwargs["code"])


class RecordListView(WatchedCommunity, ListAPIView[Redemption]):
    """Lists all that was redeemed: ``GET /api/v1/communities/{code}/redemptions``, newest first."""

    serializer_class = RecordSerializer
    filterset_class = RecordFilter
    queryset = Redemption.objects.none()

    def get_queryset(self) -> QuerySet[Redemption]:
        return selectors.redemptions_in(self.community)


class RecordView(RetrieveAPIView[Redemption]):
    """Shows one redemption, as a transfer's ``source`` names it, to staff and auditors.

    ``GET /api/v1/redemptions/{redemption_id}``
    """

    serializer_class = RecordSerializer
    lookup_url_kwarg = "redemption_id"
    queryset = Redemption.objects.none()

    def get_queryset(self) -> QuerySet[Redemption]:
        return selectors.redemptions_seen_by(signed_in(self.request))


class RefusedScanListView(WatchedCommunity, ListAPIView[ScanAttempt]):
    """Lists what counters were refused, newest first.

    ``GET /api/v1/communities/{code}/refused-scans``
    """

    serializer_class = RefusedScanSerializer
    filterset_class = RefusedScanFilter
    queryset = ScanAttempt.objects.none()

    def get_queryset(self) -> QuerySet[ScanAttempt]:
        return selectors.refused_scans_in(self.community)
