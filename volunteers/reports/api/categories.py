"""Categories of reports, which everybody reads and managers make, change and retire."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.fields import CharField
from backend.api.permissions import SecondFactorToWrite
from backend.api.serializers import ReadSerializer
from backend.api.views import OpenView, writes
from backend.communities.api.shown import managed_community, tenant
from backend.communities.models import Community
from volunteers.reports.categories import name_of, rows_of
from volunteers.reports.models.categories import Colour, ReportCategory
from volunteers.reports.questions import QuestionKind
from volunteers.reports.selectors import categories_in
from volunteers.reports.services import categorising

QUESTIONS_AT_MOST = 20


class CategoryQuestionSerializer(serializers.Serializer[Any]):
    """A question that is asked of whoever reports; one of kind ``choice`` has ``choices``."""

    code = serializers.SlugField(max_length=40)
    text = CharField(max_length=100)
    kind = serializers.ChoiceField(choices=QuestionKind.choices)
    is_required = serializers.BooleanField(default=False)
    choices = serializers.ListField(child=CharField(max_length=40), default=list, max_length=30)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["kind"] == QuestionKind.CHOICE) != bool(attrs["choices"]):
            raise serializers.ValidationError(
                {"choices": [self.error_messages["required"]]}, code="required"
            )
        return attrs


class CategorySerializer(ReadSerializer[ReportCategory]):
    """A category of reports; ``parent`` is the code of the one above, or empty.

    Reports of a confidential one are read by their reporters and staff alone. A retired one takes
    no new reports.
    """

    parent = serializers.CharField(read_only=True)  # type: ignore[assignment]
    name = serializers.SerializerMethodField()
    questions = CategoryQuestionSerializer(many=True, read_only=True)

    class Meta:
        model = ReportCategory
        fields = ("code", "description", "is_confidential", "colour", "is_retired")

    def get_name(self, category: ReportCategory) -> str:
        return name_of(category)


class ChangeCategorySerializer(serializers.Serializer[Any]):
    """Fields that are left out stay as they are."""

    parent = serializers.SlugField(max_length=40, allow_blank=True)  # type: ignore[assignment]
    name = CharField(max_length=40)
    description = CharField(max_length=200, allow_blank=True)
    is_confidential = serializers.BooleanField()
    colour = serializers.ChoiceField(choices=Colour.choices)
    questions = serializers.ListField(
        child=CategoryQuestionSerializer(), max_length=QUESTIONS_AT_MOST
    )
    is_retired = serializers.BooleanField()

    def validate_questions(self, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({question["code"] for question in questions}) < len(questions):
            raise serializers.ValidationError(self.error_messages["invalid"], code="unique")
        return [dict(question) for question in questions]


class CreateCategorySerializer(ChangeCategorySerializer):
    """A new category."""

    code = serializers.SlugField(max_length=40)
    parent = serializers.SlugField(max_length=40, allow_blank=True, required=False)
    description = CharField(max_length=200, allow_blank=True, required=False)
    is_confidential = serializers.BooleanField(default=False)
    colour = serializers.ChoiceField(choices=Colour.choices, default=Colour.BLUE)
    questions = serializers.ListField(
        child=CategoryQuestionSerializer(), max_length=QUESTIONS_AT_MOST, required=False
    )
    is_retired = serializers.BooleanField(default=False)


def _shown(request: Request, **names: Any) -> ReportCategory:
    community = tenant(request, **names)
    for category in rows_of(community):
        if category.code == names["category"]:
            return category
    raise Http404


def _kept(request: Request, **names: Any) -> ReportCategory:
    community: Any = managed_community(request, **names)
    category = categorising.kept(community, names["category"])
    if category is None:
        raise Http404
    return category


class CategoryListView(APIView):
    """List a community's categories of reports: ``GET …/communities/{code}/report-categories``.

    Public; the default ones first. ``parent`` makes a tree of them.
    """

    permission_classes = (IsAuthenticatedOrReadOnly, SecondFactorToWrite)
    finds = tenant

    @extend_schema(responses=CategorySerializer(many=True))
    def get(self, request: Request, **names: Any) -> Response:
        rows = rows_of(tenant(request, **names))
        return Response(CategorySerializer(rows, many=True).data)

    @writes(
        CategorySerializer,
        managed_community,
        body=CreateCategorySerializer,
        creates=categories_in,
    )
    def post(self, user: User, community: Community, **facts: Any) -> ReportCategory:
        """Make one, as manager: ``POST /api/v1/communities/{code}/report-categories``."""
        return categorising.create(community=community, by=user, **facts)


class CategoryView(OpenView[ReportCategory]):
    """Open one: ``GET /api/v1/communities/{code}/report-categories/{category}``. Public."""

    permission_classes = (IsAuthenticatedOrReadOnly, SecondFactorToWrite)
    serializer_class = CategorySerializer
    finds = _shown

    @writes(CategorySerializer, _kept, body=ChangeCategorySerializer, edits=True)
    def patch(self, user: User, category: ReportCategory, **changes: Any) -> ReportCategory:
        """Change it, as manager: ``PATCH …/communities/{code}/report-categories/{category}``.

        One that becomes confidential covers its open reports as well; no change publishes what was
        told in confidence.
        """
        return categorising.change(category=category, by=user, changes=changes)
