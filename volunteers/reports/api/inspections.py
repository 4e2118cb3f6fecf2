"""Inspections: planned, made and read by staff."""

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.accounts.models import User
from backend.api.fields import CharField, IntegerField, TextField
from backend.api.filters import BooleanFilter, CharFilter, PeriodFilter, TextFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.communities.api.shown import reached_place
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER
from volunteers.reports import rounds
from volunteers.reports.models.inspections import Inspection, InspectionPlan
from volunteers.reports.services import inspecting


# --- shapes -----------------------------------------------------------------------------------
class InspectionPlanSerializer(ReadSerializer[InspectionPlan]):
    """A plan to look at the ``items`` of a ``place`` on each occurrence of a series.

    A problem that was fixed is looked at again ``reinspect_days`` later.
    """

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True, source="series.estate")
    series_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = InspectionPlan
        fields = ("id", "place", "items", "reinspect_days", "planned_at")


class PlanInspectionsSerializer(serializers.Serializer[Any]):
    series_id = serializers.UUIDField(help_text="A series of the community or the estate.")
    place = CharField(max_length=120)
    items = serializers.ListField(child=CharField(max_length=80), min_length=1, max_length=50)
    reinspect_days = IntegerField(min_value=0, max_value=365, required=False)


class InspectionSerializer(ReadSerializer[Inspection]):
    """An inspection, and what it found.

    ``problems`` are items that were not as they should be, of which the report ``report_id`` was
    made. ``follows_id`` is the inspection whose problem was fixed since; null: it is no
    re-inspection.
    """

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(
        read_only=True, allow_null=True, source="plan.series.estate"
    )
    plan_id = serializers.UUIDField(read_only=True)
    place = serializers.CharField(read_only=True, source="plan.place")
    items = serializers.ListField(
        child=serializers.CharField(), read_only=True, source="plan.items"
    )
    follows_id = serializers.UUIDField(read_only=True, allow_null=True)
    report_id = serializers.UUIDField(read_only=True, allow_null=True)
    inspected_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Inspection
        fields = ("id", "due_at", "status", "inspected_at", "problems", "note")


class MakeInspectionSerializer(serializers.Serializer[Any]):
    """The outcome. Without ``problems`` all is well; with them a report of ``category`` is made."""

    problems = serializers.ListField(child=CharField(max_length=80), max_length=50, default=list)
    note = TextField(max_length=500, required=False, allow_blank=True)
    category = serializers.SlugField(
        max_length=40, required=False, help_text="Code of a category; facility if left out."
    )


class InspectionFilter(PeriodFilter):
    moment = "due_at"
    status = filters.ChoiceFilter(choices=Inspection.Status.choices)
    estate = CharFilter(field_name="plan__series__estate__code", help_text="An estate's code.")
    plan = filters.UUIDFilter(help_text="A plan's id.")
    text = TextFilter("plan__place", "note", help_text="Part of the place or the note.")
    overdue = BooleanFilter(method="is_overdue", help_text="Due, and not made in time.")

    def is_overdue(self, found: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        overdue = Q(status=Inspection.Status.DUE, due_at__lt=timezone.now())
        return found.filter(overdue if value else ~overdue)


# --- views ------------------------------------------------------------------------------------
class CommunityInspectionPlansView(ListView[InspectionPlan]):
    """List the plans of a community or estate: ``GET /api/v1/communities/{code}/inspection-plans``.

    For staff and auditors, newest first.
    """

    serializer_class = InspectionPlanSerializer
    finds = below(reached_place(WATCHES_OVER), rounds.inspection_plans_in)

    @writes(
        InspectionPlanSerializer,
        reached_place(HANDLES),
        body=PlanInspectionsSerializer,
        creates=rounds.inspection_plans_in,
    )
    def post(self, user: User, community: Community, /, **facts: Any) -> InspectionPlan:
        """Plan inspections: ``POST /api/v1/communities/{code}/inspection-plans``.

        For staff and managers. One is due by the end of each occurrence of the series.
        """
        return inspecting.plan(community=community, by=user, **facts)


class InspectionPlanView(OpenView[InspectionPlan]):
    """Open a plan: ``GET /api/v1/inspection-plans/{inspection_plan_id}``. Staff and auditors."""

    serializer_class = InspectionPlanSerializer
    finds = seen(rounds.inspection_plans_watched_by, "inspection_plan_id")


class InspectionListView(ListView[Inspection]):
    """List inspections where I am staff or auditor, newest first: ``GET /api/v1/inspections``."""

    serializer_class = InspectionSerializer
    filterset_class = InspectionFilter
    finds = seen(rounds.inspections_watched_by)


class InspectionView(OpenView[Inspection]):
    """Open an inspection: ``GET /api/v1/inspections/{inspection_id}``. For staff and auditors."""

    serializer_class = InspectionSerializer
    finds = seen(rounds.inspections_watched_by, "inspection_id")


class MakeInspectionView(APIView):
    """Tell the outcome of an inspection: ``POST /api/v1/inspections/{inspection_id}/outcome``.

    For staff and managers. Problems make a report. Idempotent; another outcome is
    ``inspection_over``.
    """

    @writes(
        InspectionSerializer,
        seen(rounds.inspections_made_by, "inspection_id"),
        body=MakeInspectionSerializer,
    )
    def post(self, user: User, inspection: Inspection, **facts: Any) -> Inspection:
        return inspecting.inspect(inspection=inspection, by=user, **facts)
