"""Questions about lines of a draft: the owner or staff ask, and the other side answers."""

from typing import Any

from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api.fields import TextField
from backend.api.filters import BooleanFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.shown import in_community
from backend.communities.selectors import WATCHES_OVER
from backend.replica import from_replica
from merchants.partners.api.serializers import PartnerSerializer
from merchants.settlement import selectors
from merchants.settlement.api.statements import SEEN
from merchants.settlement.models.statements import Statement, StatementQuestion
from merchants.settlement.services import questions


class QuestionSerializer(ReadSerializer[StatementQuestion]):
    """A question about the redemption or refund ``line_id``; ``reason`` says why it is doubted.

    ``answer`` is empty until there is one.
    """

    asked_by = ColleagueSerializer(read_only=True)
    answered_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = StatementQuestion
        fields = (
            "id",
            "line_id",
            "reason",
            "asked_at",
            "asked_by_merchant",
            "answer",
            "answered_at",
        )


class CommunityQuestionSerializer(QuestionSerializer):
    """A question, with the merchant of its statement, and the period, without its end."""

    statement_id = serializers.UUIDField(read_only=True)
    merchant = PartnerSerializer(source="statement.partnership", read_only=True)
    period_start = serializers.DateField(source="statement.period_start", read_only=True)
    period_end = serializers.DateField(source="statement.period_end", read_only=True)


class AskSerializer(serializers.Serializer[Any]):
    line_id = serializers.UUIDField()
    reason = TextField(max_length=500)


class AnswerSerializer(serializers.Serializer[Any]):
    answer = TextField(max_length=500)


class CommunityQuestionFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    is_open = BooleanFilter(
        field_name="answered_at", lookup_expr="isnull", help_text="Nobody has answered it yet."
    )
    asked_by_merchant = BooleanFilter(help_text="The merchant asked, and staff answer.")
    partnership = filters.UUIDFilter(
        field_name="statement__partnership", help_text="The id of a partnership."
    )


_DISCUSSED = seen(selectors.statements_discussed_by, "statement_id")


class QuestionListView(ListView[StatementQuestion]):
    """List questions, newest first: ``GET /api/v1/statements/{statement_id}/questions``."""

    serializer_class = QuestionSerializer
    finds = below(SEEN, selectors.questions_about)

    @writes(QuestionSerializer, _DISCUSSED, body=AskSerializer, creates=selectors.questions_about)
    def post(self, user: User, statement: Statement, **facts: Any) -> StatementQuestion:
        """Question a line, as owner or staff: ``POST /api/v1/statements/{statement_id}/questions``.

        The statement cannot be approved until the question is answered.
        """
        return questions.ask(statement=statement, asked_by=user, **facts)


@from_replica
class CommunityQuestionListView(ListView[StatementQuestion]):
    """List the questions on all statements of a community, as staff or auditor, newest first.

    ``GET /api/v1/communities/{code}/statement-questions``.
    ``?is_open=true&asked_by_merchant=true`` lists those that staff have to answer.
    """

    serializer_class = CommunityQuestionSerializer
    filterset_class = CommunityQuestionFilter
    finds = in_community(WATCHES_OVER, selectors.questions_in)


class QuestionView(OpenView[StatementQuestion]):
    """Open a question: ``GET /api/v1/statements/{statement_id}/questions/{question_id}``."""

    serializer_class = QuestionSerializer
    finds = below(SEEN, selectors.questions_about, "question_id")


class AnswerView(APIView):
    """Answer a question, as the side that did not ask.

    ``POST /api/v1/statements/{statement_id}/questions/{question_id}/answer``. Figures stay: an
    error is refunded, as a line of the next statement.
    """

    @writes(
        QuestionSerializer,
        below(_DISCUSSED, selectors.questions_about, "question_id"),
        body=AnswerSerializer,
        needs_key=True,
    )
    def post(self, user: User, question: StatementQuestion, **facts: Any) -> StatementQuestion:
        return questions.answer(question=question, answered_by=user, **facts)
