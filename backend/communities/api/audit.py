"""The audit trail of a community, for its auditors."""

from functools import cached_property

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from backend.accounts.api.serializers import PersonSerializer
from backend.api.callers import signed_in
from backend.api.filters import CharFilter, DaysFilter
from backend.audit.models import AuditEntry
from backend.communities import selectors
from backend.communities.models import Community


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """One act and what it changed. ``actor`` is null for a command or a task.

    ``request_id`` names the request in which it happened; the log has it as well.
    """

    actor = PersonSerializer(read_only=True, allow_null=True)
    before = serializers.DictField(read_only=True)
    after = serializers.DictField(read_only=True)

    class Meta:
        model = AuditEntry
        fields = (
            "id",
            "at",
            "actor",
            "action",
            "target_type",
            "target_id",
            "before",
            "after",
            "request_id",
        )
        read_only_fields = fields


class AuditFilter(DaysFilter):
    moment = "at"
    actor = filters.UUIDFilter(help_text="The id of the person who acted.")
    action = CharFilter(help_text="Such as `attendance.verify`.")
    target_type = CharFilter(help_text="Such as `attendance`.")
    target_id = CharFilter(help_text="The id of the thing it was done to.")
    request_id = CharFilter(help_text="The id of the request in which it happened.")


class AuditEntryListView(ListAPIView[AuditEntry]):
    """List who did what in a place: ``GET /api/v1/communities/{code}/audit-entries``.

    Newest first, also of a street or an estate. For auditors of the place or of one above; for
    everybody else there is no such place.
    """

    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilter
    queryset = AuditEntry.objects.none()

    @cached_property
    def community(self) -> Community:
        audited = selectors.places_where(signed_in(self.request), selectors.AUDITS)
        return selectors.community_among(audited, self.kwargs["code"])

    def get_queryset(self) -> QuerySet[AuditEntry]:
        return selectors.audit_entries_in(self.community)
