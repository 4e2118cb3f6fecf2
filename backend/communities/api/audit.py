"""The audit trail of a community, for its auditors."""

from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q
from django_filters import rest_framework as filters
from rest_framework import serializers

from backend.accounts.api.serializers import PersonSerializer
from backend.api.fields import FARTHEST_OFFSET
from backend.api.filters import CharFilter, DaysFilter, TextFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below
from backend.audit.models import AuditEntry
from backend.communities import selectors
from backend.communities.api import shown
from backend.registries.checks import LONGEST_TRANSACTION, first_id_since
from backend.replica import from_replica


class AuditEntrySerializer(ReadSerializer[AuditEntry]):
    """One act and what it changed. ``actor`` is null for a command or a task.

    ``request_id`` names the request in which it happened; the log has it as well.
    """

    actor = PersonSerializer(read_only=True, allow_null=True)
    before = serializers.DictField(read_only=True)
    after = serializers.DictField(read_only=True)

    class Meta:
        model = AuditEntry
        fields = ("id", "at", "action", "target_type", "target_id", "request_id")


class AuditFilter(DaysFilter):
    moment = "at"
    text = TextFilter("action", "target_id", "before", "after")
    actor = filters.UUIDFilter(help_text="The id of the person who acted.")
    action = CharFilter(help_text="Such as `attendance.verify`.")
    target_type = CharFilter(help_text="Such as `attendance`.")
    target_id = CharFilter(help_text="The id of the thing it was done to.")
    request_id = CharFilter(help_text="The id of the request in which it happened.")

    def condition(self, name: str, day: date) -> Q:
        """Narrow the ids down as well: of a trail of years only those days are read."""
        begins = datetime.combine(day, time(), UTC)
        condition = super().condition(name, day)
        if name != "until":
            condition &= Q(pk__gte=first_id_since(begins - FARTHEST_OFFSET))
        if name != "since":
            ends = begins + timedelta(days=1) + FARTHEST_OFFSET
            condition &= Q(pk__lt=first_id_since(ends + 2 * LONGEST_TRANSACTION))
        return condition


audited_place = shown.place(selectors.AUDITS)


@from_replica
class AuditEntryListView(ListView[AuditEntry]):
    """List the acts in a place: ``GET /api/v1/communities/{code}/audit-entries``.

    Newest first, also of a street or an estate. For auditors of the place or of one above; for
    everybody else there is no such place.
    """

    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilter
    finds = below(audited_place, selectors.audit_entries_in)


@from_replica
class AuditEntryView(OpenView[AuditEntry]):
    """Open an act: ``GET /api/v1/communities/{code}/audit-entries/{entry_id}``."""

    serializer_class = AuditEntrySerializer
    finds = below(audited_place, selectors.audit_entries_in, "entry_id")
