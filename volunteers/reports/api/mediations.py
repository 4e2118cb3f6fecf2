"""Mediation of disputes: recorded by staff, read by staff and auditors."""

from typing import Any

from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.accounts.models import User
from backend.api.fields import CharField, DateTimeField, TextField
from backend.api.filters import CharFilter, PeriodFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer
from volunteers.reports import rounds
from volunteers.reports.models.mediations import Mediation, MediationSession
from volunteers.reports.models.reports import Report
from volunteers.reports.selectors import reports_handled_by
from volunteers.reports.services import mediating

OUTCOMES = [one for one in Mediation.Status.choices if one[0] != Mediation.Status.OPEN]


# --- shapes -----------------------------------------------------------------------------------
class MediationSessionSerializer(ReadSerializer[MediationSession]):
    """A session of a mediation, and who held it."""

    mediator = PersonSerializer(read_only=True)
    note = serializers.CharField(read_only=True)

    class Meta:
        model = MediationSession
        fields = ("id", "held_at", "recorded_at")


class MediationSerializer(ReadSerializer[Mediation]):
    """A mediation with the names of its parties and its sessions, oldest first.

    Names and notes are emptied three years after the end. Every reading is recorded.
    """

    community = CommunityInBriefSerializer(read_only=True)
    report_id = serializers.UUIDField(read_only=True)
    parties = serializers.ListField(child=serializers.CharField(), read_only=True)
    opened_by = PersonSerializer(read_only=True)
    ended_by = PersonSerializer(read_only=True, allow_null=True)
    sessions = MediationSessionSerializer(many=True, read_only=True)

    class Meta:
        model = Mediation
        fields = ("id", "status", "opened_at", "ended_at")

    @classmethod
    def shown_to(cls, reader: User, *shown: Mediation) -> None:
        mediating.note_reading(reader=reader, mediations=shown)


class PartiesSerializer(serializers.Serializer[Any]):
    parties = serializers.ListField(
        child=CharField(max_length=60),
        min_length=1,
        max_length=20,
        help_text="Names of those who quarrelled; they need not be users.",
    )


class HoldSessionSerializer(serializers.Serializer[Any]):
    """A session. ``mediator_id`` is a person of the community, or whoever records it."""

    held_at = DateTimeField()
    note = TextField(max_length=2000, required=False, allow_blank=True)
    mediator_id = serializers.UUIDField(required=False, allow_null=True)


class EndMediationSerializer(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(choices=OUTCOMES)


class MediationFilter(PeriodFilter):
    moment = "opened_at"
    status = filters.ChoiceFilter(choices=Mediation.Status.choices)
    estate = CharFilter(field_name="report__estate__code", help_text="An estate's code.")
    report = filters.UUIDFilter(help_text="A report's id.")


# --- views ------------------------------------------------------------------------------------
HANDLED = seen(rounds.mediations_handled_by, "mediation_id")


class ReportMediationView(APIView):
    """Open the mediation of a dispute: ``POST /api/v1/reports/{report_id}/mediation``.

    For staff and managers, other than its reporter, once the report is accepted. Idempotent:
    returns the first.
    """

    @writes(
        MediationSerializer,
        seen(reports_handled_by, "report_id"),
        body=PartiesSerializer,
        creates=rounds.mediations_of,
    )
    def post(self, user: User, report: Report, parties: list[str]) -> Mediation:
        return mediating.open_mediation(report=report, opened_by=user, parties=parties)


class MediationListView(ListView[Mediation]):
    """List mediations where I am staff or auditor, newest first: ``GET /api/v1/mediations``."""

    serializer_class = MediationSerializer
    filterset_class = MediationFilter
    finds = seen(rounds.mediations_watched_by)


class MediationView(OpenView[Mediation]):
    """Open a mediation, as staff or auditor: ``GET /api/v1/mediations/{mediation_id}``."""

    serializer_class = MediationSerializer
    finds = seen(rounds.mediations_watched_by, "mediation_id")

    @writes(MediationSerializer, HANDLED, body=PartiesSerializer, edits=True)
    def patch(self, user: User, mediation: Mediation, **changes: Any) -> Mediation | None:
        """Name the parties otherwise: ``PATCH /api/v1/mediations/{mediation_id}``.

        For staff and managers, until it ends.
        """
        if not changes:
            return None
        return mediating.change_parties(mediation=mediation, by=user, **changes)


class MediationSessionsView(APIView):
    """Record a session: ``POST /api/v1/mediations/{mediation_id}/sessions``.

    For staff and managers. Idempotent: a session of that moment stays as it is.
    """

    @writes(MediationSerializer, HANDLED, body=HoldSessionSerializer)
    def post(self, user: User, mediation: Mediation, **facts: Any) -> Mediation:
        return mediating.hold_session(mediation=mediation, by=user, **facts)


class EndMediationView(APIView):
    """End a mediation: ``POST /api/v1/mediations/{mediation_id}/end``.

    For staff and managers. Idempotent. An outcome that takes talks needs a session.
    """

    @writes(MediationSerializer, HANDLED, body=EndMediationSerializer)
    def post(self, user: User, mediation: Mediation, outcome: str) -> Mediation:
        return mediating.end(mediation=mediation, by=user, outcome=Mediation.Status(outcome))
