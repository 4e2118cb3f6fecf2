"""Contributions: recorded by staff, agreed to by who gave, thanked for in public."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.accounts.models import User
from backend.api.fields import CharField, DateField
from backend.api.filters import BooleanFilter, CommunityFilter, PersonFilter, TextFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.communities.api.shown import tenant
from volunteers.reports import rounds
from volunteers.reports.models.contributions import Contribution
from volunteers.reports.models.reports import Report
from volunteers.reports.selectors import reports_handled_by
from volunteers.reports.services import contributing, reading


# --- shapes -----------------------------------------------------------------------------------
class PublicContributionSerializer(ReadSerializer[Contribution]):
    """A contribution to a report, by somebody who agreed to be thanked in public."""

    report_id = serializers.UUIDField(read_only=True)
    giver = serializers.SerializerMethodField()

    class Meta:
        model = Contribution
        fields = ("id", "what", "quantity", "given_on")

    def get_giver(self, contribution: Contribution) -> str:
        return contribution.giver.name if contribution.giver else contribution.giver_name


class ContributionSerializer(ReadSerializer[Contribution]):
    """A contribution to a report by a ``giver``, or by somebody of a ``giver_name``.

    ``reference`` is an opaque word for who it was. They are thanked in public from ``agreed_at``
    on; null: they are not.
    """

    community = CommunityInBriefSerializer(read_only=True)
    report_id = serializers.UUIDField(read_only=True)
    giver = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Contribution
        fields = (
            *("id", "what", "quantity", "giver_name", "reference", "given_on", "agreed_at"),
            "recorded_at",
        )

    @classmethod
    def shown_to(cls, reader: User, *shown: Contribution) -> None:
        others = [one.report for one in shown if one.giver_id != reader.pk]
        reading.note_reading(reader=reader, reports=others)


class RecordContributionSerializer(serializers.Serializer[Any]):
    """A contribution of the person ``giver_id``, or of somebody else by name.

    ``agreed``: whoever is named agreed to be thanked in public; a person says so themselves.
    """

    what = CharField(max_length=80)
    quantity = CharField(max_length=40, required=False, allow_blank=True)
    giver_id = serializers.UUIDField(required=False, allow_null=True)
    giver_name = CharField(max_length=60, required=False, allow_blank=True)
    reference = CharField(max_length=60, required=False, allow_blank=True)
    agreed = serializers.BooleanField(default=False)
    given_on = DateField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        by_name = bool(attrs.get("giver_name"))
        by_id = bool(attrs.get("giver_id"))
        if by_name == by_id or (by_id and attrs.get("reference")):
            raise serializers.ValidationError(
                {"giver_name": [_("Name a person by id, or somebody else in words.")]},
                code="required",
            )
        return attrs


class AgreementSerializer(serializers.Serializer[Any]):
    agrees = serializers.BooleanField()


class ContributionFilter(CommunityFilter):
    report = filters.UUIDFilter(help_text="A report's id.")
    person = PersonFilter("giver")
    text = TextFilter(
        "what", "giver__name", "giver_name", help_text="Part of what was given, or of who gave it."
    )
    agreed = BooleanFilter(
        field_name="agreed_at", lookup_expr="isnull", exclude=True, help_text="Thanked in public."
    )


# --- views ------------------------------------------------------------------------------------
class ReportContributionsView(APIView):
    """Record what was given for a report: ``POST /api/v1/reports/{report_id}/contributions``.

    For staff and managers, of a report that was accepted. A person who gave is told.
    """

    @writes(
        ContributionSerializer,
        seen(reports_handled_by, "report_id"),
        body=RecordContributionSerializer,
        creates=rounds.contributions_of,
    )
    def post(self, user: User, report: Report, **facts: Any) -> Contribution:
        return contributing.record(report=report, by=user, **facts)


class ContributionListView(ListView[Contribution]):
    """List contributions, mine and where I am staff or auditor: ``GET /api/v1/contributions``.

    Newest first.
    """

    serializer_class = ContributionSerializer
    filterset_class = ContributionFilter
    finds = seen(rounds.contributions_seen_by)


class ContributionView(OpenView[Contribution]):
    """Open a contribution, mine or as staff: ``GET /api/v1/contributions/{contribution_id}``."""

    serializer_class = ContributionSerializer
    finds = seen(rounds.contributions_seen_by, "contribution_id")


class AgreementView(APIView):
    """Agree to public thanks, or not: ``POST /api/v1/contributions/{contribution_id}/agreement``.

    For the person who gave it; for somebody by name, staff. Idempotent.
    """

    @writes(
        ContributionSerializer,
        seen(rounds.contributions_decided_by, "contribution_id"),
        body=AgreementSerializer,
    )
    def post(self, user: User, contribution: Contribution, agrees: bool) -> Contribution:
        return contributing.agree(contribution=contribution, by=user, agrees=agrees)


class PublicContributionsView(ListView[Contribution]):
    """List whom a community thanks: ``GET /api/v1/communities/{code}/contributions``. Public."""

    permission_classes = (AllowAny,)
    serializer_class = PublicContributionSerializer
    finds = below(tenant, rounds.public_contributions)


class PublicContributionView(OpenView[Contribution]):
    """Show one: ``GET /api/v1/communities/{code}/contributions/{contribution_id}``. Public."""

    permission_classes = (AllowAny,)
    serializer_class = PublicContributionSerializer
    finds = below(tenant, rounds.public_contributions, "contribution_id")
