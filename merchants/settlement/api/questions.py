"""Questions about lines of a draft: the owner or staff ask, and the other side answers."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import TextField
from backend.api.idempotency import idempotent
from backend.api.views import below, seen
from merchants.partners.api.serializers import ColleagueSerializer
from merchants.settlement import selectors
from merchants.settlement.api.statements import statement_seen
from merchants.settlement.models.statements import Statement, StatementQuestion
from merchants.settlement.services import questions


class QuestionSerializer(serializers.ModelSerializer[StatementQuestion]):
    """``line_id`` is of a redemption or a refund, ``reason`` says why it is doubted.

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
            "asked_by",
            "asked_by_merchant",
            "answer",
            "answered_at",
            "answered_by",
        )
        read_only_fields = fields


class AskSerializer(serializers.Serializer[Any]):
    line_id = serializers.UUIDField()
    reason = TextField(max_length=500)


class AnswerSerializer(serializers.Serializer[Any]):
    answer = TextField(max_length=500)


_DISCUSSED = seen(selectors.statements_discussed_by, "statement_id")


def _discussed(request: Request, statement_id: UUID) -> Statement:
    discussed = selectors.statements_discussed_by(signed_in(request))
    return get_object_or_404(discussed, pk=statement_id)


class QuestionListView(ListAPIView[StatementQuestion]):
    """List its questions, newest first: ``GET /api/v1/statements/{statement_id}/questions``."""

    serializer_class = QuestionSerializer
    queryset = StatementQuestion.objects.none()

    def get_queryset(self) -> QuerySet[StatementQuestion]:
        return selectors.questions_about(statement_seen(self.request, self.kwargs["statement_id"]))

    @extend_schema(request=AskSerializer, responses={201: QuestionSerializer})
    @idempotent(below(_DISCUSSED, selectors.questions_about), QuestionSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The owner or staff doubt a line: ``POST /api/v1/statements/{statement_id}/questions``.

        Nobody approves the statement until the question is answered. Refused with
        ``line_unknown``, ``own_merchant``, ``statement_status_wrong``.
        """
        statement = _discussed(request, kwargs["statement_id"])
        body = AskSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = questions.ask(
            statement=statement, asked_by=signed_in(request), **body.validated_data
        )
        return Response(QuestionSerializer(asked).data, status=status.HTTP_201_CREATED)


class QuestionView(RetrieveAPIView[StatementQuestion]):
    """One question: ``GET /api/v1/statements/{statement_id}/questions/{question_id}``."""

    serializer_class = QuestionSerializer
    queryset = StatementQuestion.objects.none()
    lookup_url_kwarg = "question_id"

    def get_queryset(self) -> QuerySet[StatementQuestion]:
        return selectors.questions_about(statement_seen(self.request, self.kwargs["statement_id"]))


class AnswerView(APIView):
    """The side that did not ask answers.

    ``POST /api/v1/statements/{statement_id}/questions/{question_id}/answer``. Figures stay: what
    turns out wrong is refunded, and a line of the next statement. Refused with ``own_question``,
    ``own_merchant``, ``question_answered``.
    """

    @extend_schema(request=AnswerSerializer, responses=QuestionSerializer)
    @idempotent(below(_DISCUSSED, selectors.questions_about, "question_id"), QuestionSerializer)
    def post(self, request: Request, statement_id: UUID, question_id: UUID) -> Response:
        asked = selectors.questions_about(_discussed(request, statement_id))
        question = get_object_or_404(asked, pk=question_id)
        body = AnswerSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        answered = questions.answer(
            question=question, answered_by=signed_in(request), **body.validated_data
        )
        return Response(QuestionSerializer(answered).data)
