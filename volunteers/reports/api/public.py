"""Public reads of reports: the progress of each, figures of all, and of the funds."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend import days
from backend.api.fields import IntegerField
from backend.api.serializers import ReadSerializer
from backend.communities.api.shown import tenant
from backend.replica import from_replica
from points.kinds import Unit
from volunteers.people.selectors import FEWEST_TOLD
from volunteers.reports import figures, fund_figures, selectors
from volunteers.reports.models.reports import Report
from volunteers.reports.progress import steps_of
from volunteers.reports.reward_states import RewardState, reward_states


# --- a report ---------------------------------------------------------------------------------
class RoundedField(serializers.FloatField):
    """A coordinate rounded to about a kilometre; null if none was given or it is too old."""

    def __init__(self) -> None:
        super().__init__(read_only=True, allow_null=True, help_text="Rounded to about a kilometre.")

    def to_representation(self, value: float) -> Any:
        return round(value, selectors.PUBLIC_DECIMALS)


class ConfirmationsField(serializers.IntegerField):
    """How many people saw it as well; null for fewer than ``fewest`` who are not none."""

    def __init__(self, fewest: int = 1) -> None:
        told = "People who saw it as well."
        super().__init__(read_only=True, source="pk", help_text=told, allow_null=fewest > 1)
        self.fewest = fewest

    def to_representation(self, value: Any) -> Any:
        count = self.context["confirmations"].get(value, 0)
        return count if count >= self.fewest else count and None


class PublicReportSerializer(ReadSerializer[Report]):
    """A report as the public sees it: its progress and its rough location.

    ``text`` and ``place`` come from the reporter and may name a person or a door, so neither is
    public, nor is the photo. ``answer`` is written by staff for the public. ``confirmations`` is
    null for one to four people.
    """

    latitude = RoundedField()
    longitude = RoundedField()
    confirmations = ConfirmationsField(fewest=FEWEST_TOLD)

    class Meta:
        model = Report
        fields = (
            "id",
            "category",
            "coord_type",
            "status",
            "submitted_at",
            "accepted_at",
            "closed_at",
            "answer",
        )

    @classmethod
    def context_of(cls, *reports: Report) -> dict[str, Any]:
        return {"confirmations": selectors.confirmation_counts(*reports)}


class StepSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=Report.Status.choices, read_only=True)
    at = serializers.DateTimeField(read_only=True)


class ProgressSerializer(PublicReportSerializer):
    """A report as the public sees it: its progress, its reward, and roughly where.

    ``confirmations`` is null for one to four people. ``text`` and ``place`` come from the reporter
    and may name a person or a door, so neither is public, nor is a photo; ``answer`` is written by
    staff for the public.
    """

    progress = serializers.SerializerMethodField()
    reward_state = serializers.SerializerMethodField()

    class Meta:
        model = Report
        fields = (*PublicReportSerializer.Meta.fields, "colour", "made_safe_at", "fixed_at")

    @classmethod
    def context_of(cls, *reports: Report) -> dict[str, Any]:
        told = super().context_of(*reports)
        if reports:
            told["reward_states"] = reward_states(reports[0].community_id, reports)
        return told

    @extend_schema_field(StepSerializer(many=True))
    def get_progress(self, report: Report) -> list[dict[str, Any]]:
        return StepSerializer(steps_of(report), many=True).data  # type: ignore[return-value]

    @extend_schema_field(serializers.ChoiceField(choices=RewardState.choices))
    def get_reward_state(self, report: Report) -> str:
        state: str = self.context["reward_states"].get(report.pk, RewardState.NONE)
        return state


# --- figures ----------------------------------------------------------------------------------
class AskedReportFiguresSerializer(serializers.Serializer[Any]):
    year = IntegerField(
        required=False,
        min_value=days.EARLIEST.year,
        max_value=days.LATEST.year,
        help_text="Of the reports submitted then, by the community's clock. This year without it.",
    )
    by = serializers.ChoiceField(choices=figures.By.choices, default=figures.By.MONTH)


class StatusCountSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=Report.Status.choices, read_only=True)
    reports = serializers.IntegerField(read_only=True)


class CountsSerializer(serializers.Serializer[Any]):
    """Reports, how many of them are in each status, and how soon they were fixed.

    Half of those ``fixed`` were fixed within ``median_within_hours``, one of some steps such as 48.
    """

    reports = serializers.IntegerField(read_only=True)
    by_status = StatusCountSerializer(many=True, read_only=True)
    fixed = serializers.IntegerField(read_only=True)
    median_within_hours = serializers.IntegerField(read_only=True, allow_null=True)
    fixed_within_a_day = serializers.IntegerField(read_only=True)
    fixed_within_a_week = serializers.IntegerField(read_only=True)
    fixed_within_30_days = serializers.IntegerField(read_only=True)


class CategoryCountsSerializer(CountsSerializer):
    category = serializers.CharField(read_only=True, help_text="A category's code.")
    name = serializers.CharField(read_only=True)


class PeriodSerializer(serializers.Serializer[Any]):
    """Figures of public reports submitted from ``since`` to the day before ``until``."""

    since = serializers.DateField(read_only=True)
    until = serializers.DateField(read_only=True)
    total = CountsSerializer(read_only=True)
    categories = CategoryCountsSerializer(many=True, read_only=True)


class ConfidentialToldSerializer(serializers.Serializer[Any]):
    """Confidential reports of all kinds together 「其他」: five or more, each told once."""

    since = serializers.DateField(read_only=True)
    until = serializers.DateField(read_only=True)
    reports = serializers.IntegerField(read_only=True)


class ReportFiguresSerializer(serializers.Serializer[Any]):
    """Figures of reports by period, newest first.

    Confidential ones are in ``confidential`` alone. Their periods are longer where there are few,
    and may begin before what was asked.
    """

    periods = PeriodSerializer(many=True, read_only=True)
    confidential = ConfidentialToldSerializer(many=True, read_only=True)


@from_replica
class ReportFiguresView(APIView):
    """Count the reports of a year: ``GET /api/v1/communities/{code}/report-figures``. Public."""

    permission_classes = (AllowAny,)

    @extend_schema(parameters=[AskedReportFiguresSerializer], responses=ReportFiguresSerializer)
    def get(self, request: Request, code: str) -> Response:
        asked = AskedReportFiguresSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        community = tenant(request, code=code)
        year = asked.validated_data.get("year", community.today.year)
        found = figures.of_year(community, year, figures.By(asked.validated_data["by"]))
        return Response(ReportFiguresSerializer(figures.told(found)).data)


# --- funds ------------------------------------------------------------------------------------
class FundPartSerializer(serializers.Serializer[Any]):
    """The part of a fund for reports of a category; null: to all others, five or more."""

    category = serializers.CharField(read_only=True, allow_null=True)
    name = serializers.CharField(read_only=True)
    paid = serializers.IntegerField(read_only=True)
    reserved = serializers.IntegerField(read_only=True)


class FundFiguresSerializer(serializers.Serializer[Any]):
    """A fund and its use, in its ``unit``, as of the seal ``seal_number`` of the ledger.

    ``budget`` is what was topped up and carried in from the year before. ``paid`` is less what was
    taken back; ``ended`` was carried over or returned after the year. These follow from the
    transfers under ``seal_head``. ``unsealed`` came in since (went out, if negative); ``reserved``
    and ``left`` are of now: ``budget + unsealed = paid + ended + reserved + left``. These and
    ``categories`` are null as long as they would tell about fewer than five reports.
    """

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    year = serializers.IntegerField(read_only=True)
    unit = serializers.ChoiceField(choices=Unit.choices, read_only=True)
    seal_number = serializers.IntegerField(read_only=True, allow_null=True)
    seal_head = serializers.CharField(read_only=True)
    sealed_at = serializers.DateTimeField(read_only=True, allow_null=True)
    budget = serializers.IntegerField(read_only=True)
    topped_up = serializers.IntegerField(read_only=True)
    carried_in = serializers.IntegerField(read_only=True)
    paid = serializers.IntegerField(read_only=True, allow_null=True)
    ended = serializers.IntegerField(read_only=True, allow_null=True)
    unsealed = serializers.IntegerField(read_only=True, allow_null=True)
    reserved = serializers.IntegerField(read_only=True, allow_null=True)
    left = serializers.IntegerField(read_only=True, allow_null=True)
    categories = FundPartSerializer(many=True, read_only=True, allow_null=True)


class CommunityFundFiguresSerializer(serializers.Serializer[Any]):
    funds = FundFiguresSerializer(many=True, read_only=True)


class AskedFundFiguresSerializer(serializers.Serializer[Any]):
    year = IntegerField(
        required=False,
        min_value=days.EARLIEST.year,
        max_value=days.LATEST.year,
        help_text="The funds of that year. All funds without it.",
    )


@from_replica
class FundFiguresView(APIView):
    """Show how the funds are used: ``GET /api/v1/communities/{code}/fund-figures``. Public."""

    permission_classes = (AllowAny,)

    @extend_schema(
        parameters=[AskedFundFiguresSerializer], responses=CommunityFundFiguresSerializer
    )
    def get(self, request: Request, code: str) -> Response:
        asked = AskedFundFiguresSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        community = tenant(request, code=code)
        found = fund_figures.told(community, **asked.validated_data)
        return Response(CommunityFundFiguresSerializer({"funds": found}).data)
