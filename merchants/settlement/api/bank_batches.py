"""Paying merchants by the bank: batches, and their files."""

from decimal import Decimal
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api import files
from backend.api.callers import signed_in
from backend.api.idempotency import idempotent
from backend.communities.api.shown import in_community
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_where
from backend.files.spreadsheets import Cell, Sheet
from merchants.partners.api.serializers import ColleagueSerializer
from merchants.settlement import selectors
from merchants.settlement.models.bank_batches import BankBatch, BankBatchLine
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import bank_batches

RENDERERS = (files.CSVRenderer, files.XLSXRenderer)


class BankBatchLineSerializer(serializers.ModelSerializer[BankBatchLine]):
    """``freed_at``: it was not paid when the batch was cancelled, and may be paid otherwise."""

    number = serializers.CharField(source="statement.number", read_only=True)
    merchant = serializers.CharField(source="statement.partnership.name", read_only=True)
    amount_fen = serializers.IntegerField(source="statement.due_fen", read_only=True)
    status = serializers.ChoiceField(
        source="statement.status", choices=Statement.Status.choices, read_only=True
    )

    class Meta:
        model = BankBatchLine
        fields = ("statement_id", "number", "merchant", "amount_fen", "status", "freed_at")
        read_only_fields = fields


class BankBatchSerializer(serializers.ModelSerializer[BankBatch]):
    made_by = ColleagueSerializer(read_only=True)
    cancelled_by = ColleagueSerializer(read_only=True, allow_null=True)
    lines = BankBatchLineSerializer(many=True, read_only=True)

    class Meta:
        model = BankBatch
        fields = ("id", "made_at", "made_by", "cancelled_at", "cancelled_by", "lines")
        read_only_fields = fields


class BankBatchListView(ListAPIView[BankBatch]):
    """What went to the bank, newest first: ``GET /api/v1/communities/{code}/bank-batches``."""

    serializer_class = BankBatchSerializer
    queryset = BankBatch.objects.none()

    def get_queryset(self) -> QuerySet[BankBatch]:
        seen = communities_where(signed_in(self.request), WATCHES_OVER)
        return selectors.bank_batches_in(get_object_or_404(seen, code=self.kwargs["code"]))

    @extend_schema(request=None, responses={201: BankBatchSerializer})
    @idempotent(in_community(HANDLES, selectors.bank_batches_in), BankBatchSerializer)
    def post(self, request: Request, code: str) -> Response:
        """Put what is to be paid into a new one: ``POST /api/v1/communities/{code}/bank-batches``.

        All that is approved, with something due, and neither in a batch nor being paid by WeChat;
        but what the caller approved, or is owed to a merchant they work for, is for somebody else.
        Nothing else pays it from then on. Refused with ``nothing_to_pay``.
        """
        user = signed_in(request)
        community = get_object_or_404(communities_where(user, HANDLES), code=code)
        batch = bank_batches.make(community=community, by=user)
        return _told(batch, status.HTTP_201_CREATED)


class CancelBankBatchView(APIView):
    """The bank does not pay it: ``POST /api/v1/communities/{code}/bank-batches/{batch_id}/cancel``.

    What is not marked as paid may then be paid otherwise; make sure that the bank does not.
    """

    @extend_schema(request=None, responses=BankBatchSerializer)
    @idempotent(
        in_community(HANDLES, selectors.bank_batches_in, "batch_id"),
        BankBatchSerializer,
        is_required=False,
    )
    def post(self, request: Request, code: str, batch_id: UUID) -> Response:
        batch = bank_batches.cancel(batch=_handled(request, code, batch_id), by=signed_in(request))
        return _told(batch)


@extend_schema(responses=OpenApiTypes.BINARY)
class BankBatchFileView(APIView):
    """For the bank: ``GET /api/v1/communities/{code}/bank-batches/{batch_id}/file.{format}``.

    ``csv``, ``xlsx``. A line for each statement that is not marked as paid: number, payee, bank,
    account, yuan. Accounts are those that merchants had when the batch was made; whose was not
    known then has an empty one. Refused with ``bank_batch_cancelled``.
    """

    def get(self, request: Request, code: str, batch_id: UUID) -> FileResponse:
        batch = _handled(request, code, batch_id)
        lines = bank_batches.read(batch=batch, by=signed_in(request))
        header = (_("Statement"), _("Payee"), _("Bank"), _("Account"), _("Amount (yuan)"))
        # Opened as CSV, a spreadsheet would take an account for a number, and round it.
        mark = "'" if request.accepted_renderer.format == files.CSVRenderer.format else ""
        rows = [_bank_line(line, mark) for line in lines]
        day = batch.made_at.astimezone(batch.community.clock).date()
        return files.answer(request, Sheet(f"{code}-bank-{day}", header, rows))


def _bank_line(line: BankBatchLine, mark: str) -> tuple[Cell, ...]:
    account = line.account
    return (
        line.statement.number,
        line.payee,
        line.bank,
        f"{mark}{account}" if account else "",
        Decimal(line.statement.due_fen).scaleb(-2),
    )


def _handled(request: Request, code: str, batch_id: UUID) -> BankBatch:
    handled = communities_where(signed_in(request), HANDLES)
    community = get_object_or_404(handled, code=code)
    return get_object_or_404(selectors.bank_batches_in(community), pk=batch_id)


def _told(batch: BankBatch, status_code: int = status.HTTP_200_OK) -> Response:
    told = selectors.bank_batches_in(batch.community).get(pk=batch.pk)
    return Response(BankBatchSerializer(told).data, status=status_code)
