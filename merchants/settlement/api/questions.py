"""Doubts about lines of a draft: asked by the owner or by staff, answered by the other."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import TextField
from backend.api.idempotency import below, idempotent, seen
from merchants.partners.api.members import at_owned
from merchants.partners.api.serializers import ColleagueSerializer
from merchants.settlement import selectors
from merchants.settlement.api.statements import statements_owned
from merchants.settlement.models.statements import Statement, StatementQuestion
from merchants.settlement.services import statements as settlement


class QuestionSerializer(serializers.ModelSerializer[StatementQuestion]):
    """``line_id`` is of a redemption or a refund; ``answer`` is empty until there is one."""

    asked_by = ColleagueSerializer(read_only=True)
    answered_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = StatementQuestion
        fields = (
            "id",
            "line_id",
            "words",
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
    words = TextField(max_length=500)


class AnswerSerializer(serializers.Serializer[Any]):
    words = TextField(max_length=500)


_MINE = at_owned(selectors.statements_of, "statement_id")
_HANDLED = seen(selectors.statements_handled_by, "statement_id")


def _ask(request: Request, statement: Statement, *, is_merchant: bool) -> Response:
    body = AskSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    asked = settlement.ask(
        statement=statement,
        asked_by=signed_in(request),
        is_merchant=is_merchant,
        **body.validated_data,
    )
    return Response(QuestionSerializer(asked).data, status=status.HTTP_201_CREATED)


def _answer(
    request: Request, statement: Statement, question_id: UUID, *, is_merchant: bool
) -> Response:
    body = AnswerSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    answered = settlement.answer(
        question=get_object_or_404(selectors.questions_about(statement), pk=question_id),
        answered_by=signed_in(request),
        is_merchant=is_merchant,
        **body.validated_data,
    )
    return Response(QuestionSerializer(answered).data)


# --- the owner --------------------------------------------------------------------------------
class MerchantQuestionListView(ListAPIView[StatementQuestion]):
    """What was asked about a statement of mine, newest first.

    ``GET /api/v1/merchants/{merchant_id}/statements/{statement_id}/questions``
    """

    serializer_class = QuestionSerializer
    queryset = StatementQuestion.objects.none()

    def get_queryset(self) -> QuerySet[StatementQuestion]:
        return selectors.questions_about(self._statement())

    @extend_schema(request=AskSerializer, responses={201: QuestionSerializer})
    @idempotent(below(_MINE, selectors.questions_about), QuestionSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """I doubt a line.

        ``POST /api/v1/merchants/{merchant_id}/statements/{statement_id}/questions``. Nobody
        approves the statement until that is answered. Refused with ``line_unknown``,
        ``statement_state_wrong``.
        """
        return _ask(request, self._statement(), is_merchant=True)

    def _statement(self) -> Statement:
        owned = statements_owned(self.request, self.kwargs["merchant_id"])
        return get_object_or_404(owned, pk=self.kwargs["statement_id"])


class MerchantAnswerView(APIView):
    """I answer what staff asked.

    ``POST …/merchants/{merchant_id}/statements/{statement_id}/questions/{question_id}/answer``
    Refused with ``own_question``, ``question_answered``.
    """

    @extend_schema(request=AnswerSerializer, responses=QuestionSerializer)
    @idempotent(below(_MINE, selectors.questions_about, "question_id"), QuestionSerializer)
    def post(
        self, request: Request, merchant_id: UUID, statement_id: UUID, question_id: UUID
    ) -> Response:
        owned = statements_owned(request, merchant_id)
        statement = get_object_or_404(owned, pk=statement_id)
        return _answer(request, statement, question_id, is_merchant=True)


# --- staff ------------------------------------------------------------------------------------
class QuestionListView(ListAPIView[StatementQuestion]):
    """What was asked about it, newest first: ``GET /api/v1/statements/{statement_id}/questions``.

    Auditors read it too.
    """

    serializer_class = QuestionSerializer
    queryset = StatementQuestion.objects.none()

    def get_queryset(self) -> QuerySet[StatementQuestion]:
        seen = selectors.statements_seen_by(signed_in(self.request))
        return selectors.questions_about(get_object_or_404(seen, pk=self.kwargs["statement_id"]))

    @extend_schema(request=AskSerializer, responses={201: QuestionSerializer})
    @idempotent(below(_HANDLED, selectors.questions_about), QuestionSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Staff doubt a line: ``POST /api/v1/statements/{statement_id}/questions``.

        Refused with ``line_unknown``, ``statement_state_wrong``.
        """
        handled = selectors.statements_handled_by(signed_in(request))
        statement = get_object_or_404(handled, pk=kwargs["statement_id"])
        return _ask(request, statement, is_merchant=False)


class AnswerView(APIView):
    """Staff answer: ``POST /api/v1/statements/{statement_id}/questions/{question_id}/answer``.

    Figures stay: what turns out wrong is refunded, and a line of the next statement.
    Refused with ``own_question``, ``question_answered``.
    """

    @extend_schema(request=AnswerSerializer, responses=QuestionSerializer)
    @idempotent(below(_HANDLED, selectors.questions_about, "question_id"), QuestionSerializer)
    def post(self, request: Request, statement_id: UUID, question_id: UUID) -> Response:
        handled = selectors.statements_handled_by(signed_in(request))
        statement = get_object_or_404(handled, pk=statement_id)
        return _answer(request, statement, question_id, is_merchant=False)
