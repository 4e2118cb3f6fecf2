"""Surveys: answered by reporters and confirmers, read by staff and auditors."""

from typing import Any

from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.accounts.models import User
from backend.api.fields import IntegerField, TextField
from backend.api.filters import BooleanFilter, CharFilter, PeriodFilter, PersonFilter, TextFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer
from volunteers.reports import rounds
from volunteers.reports.models.surveys import Survey
from volunteers.reports.services import reading, surveying


class SurveySerializer(ReadSerializer[Survey]):
    """A question how a report was dealt with. ``score``, 1 to 5, is null until it is answered."""

    community = CommunityInBriefSerializer(read_only=True)
    report_id = serializers.UUIDField(read_only=True)
    category = serializers.CharField(read_only=True, source="report.category")
    respondent = PersonSerializer(read_only=True)

    class Meta:
        model = Survey
        fields = ("id", "asked_at", "score", "words", "answered_at")

    @classmethod
    def shown_to(cls, reader: User, *shown: Survey) -> None:
        others = [one.report for one in shown if one.respondent_id != reader.pk]
        reading.note_reading(reader=reader, reports=others)


class AnswerSurveySerializer(serializers.Serializer[Any]):
    score = IntegerField(min_value=1, max_value=5, help_text="1: badly; 5: very well.")
    words = TextField(max_length=500, required=False, allow_blank=True)


class SurveyFilter(PeriodFilter):
    moment = "asked_at"
    answered = BooleanFilter(
        field_name="answered_at", lookup_expr="isnull", exclude=True, help_text="Answered or not."
    )
    category = CharFilter(field_name="report__category", help_text="A category's code.")
    report = filters.UUIDFilter(help_text="A report's id.")
    person = PersonFilter("respondent")
    text = TextFilter("words", help_text="Part of the words.")


class SurveyListView(ListView[Survey]):
    """List answered surveys where I am staff or auditor: ``GET /api/v1/surveys``. Newest first."""

    serializer_class = SurveySerializer
    filterset_class = SurveyFilter
    finds = seen(rounds.surveys_watched_by)


class MySurveyListView(SurveyListView):
    """List the surveys in which I am asked, newest first: ``GET /api/v1/me/surveys``."""

    finds = seen(rounds.surveys_of)


class SurveyView(OpenView[Survey]):
    """Open a survey, mine or as staff or auditor: ``GET /api/v1/surveys/{survey_id}``."""

    serializer_class = SurveySerializer
    finds = seen(rounds.surveys_seen_by, "survey_id")


class AnswerSurveyView(APIView):
    """Answer a survey of mine, once: ``POST /api/v1/surveys/{survey_id}/answer``.

    Idempotent; another answer is ``survey_answered``.
    """

    @writes(SurveySerializer, seen(rounds.surveys_of, "survey_id"), body=AnswerSurveySerializer)
    def post(self, user: User, survey: Survey, **facts: Any) -> Survey:
        return surveying.answer(survey=survey, **facts)
