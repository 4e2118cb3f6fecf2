"""Who did what in a community, for its auditors."""

from functools import cached_property

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from backend.accounts.api.serializers import PersonSerializer
from backend.api.callers import signed_in
from backend.api.filters import CharFilter, LocalDayFilterBackend, LocalDaysFilter
from backend.audit.models import AuditEntry
from backend.communities import selectors
from backend.communities.models import Community


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """One act, and what changed by it; ``actor`` is null for a command or a task.

    ``request_id`` is that of the request in which it happened, in the log as well.
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


class AuditFilter(LocalDaysFilter):
    moment = "at"
    actor = filters.UUIDFilter(help_text="Whose acts: the person's id.")
    action = CharFilter(help_text="Such as `attendance.verify`.")
    target_type = CharFilter(help_text="Such as `attendance`.")
    target_id = CharFilter(help_text="What it was done to: its id.")
    request_id = CharFilter(help_text="What happened in one request.")


class AuditEntryListView(ListAPIView[AuditEntry]):
    """Who did what there, newest first: ``GET /api/v1/communities/{code}/audit-entries``.

    Of a street or an estate as well. For auditors, there or in a place above; to others there is
    no such place.
    """

    serializer_class = AuditEntrySerializer
    filter_backends = (LocalDayFilterBackend,)
    filterset_class = AuditFilter
    queryset = AuditEntry.objects.none()

    @cached_property
    def community(self) -> Community:
        audited = selectors.places_where(signed_in(self.request), selectors.AUDITS)
        return selectors.community_among(audited, self.kwargs["code"])

    def get_queryset(self) -> QuerySet[AuditEntry]:
        return selectors.audit_entries_in(self.community)
