"""Questions about lines of a draft: the owner or staff ask, and the other side answers."""

from typing import Any

from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api.fields import TextField
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
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


class AskSerializer(serializers.Serializer[Any]):
    line_id = serializers.UUIDField()
    reason = TextField(max_length=500)


class AnswerSerializer(serializers.Serializer[Any]):
    answer = TextField(max_length=500)


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
