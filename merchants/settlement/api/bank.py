"""Payment by the bank: accounts of merchants, batches of statements, and files for the bank."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.fields import DigitsField
from backend.api import files
from backend.api.callers import signed_in
from backend.api.fields import CharField
from backend.api.idempotency import idempotent
from backend.api.views import seen
from backend.communities.api.shown import in_community
from backend.communities.selectors import HANDLES, communities_where
from backend.files.spreadsheets import Cell, Sheet
from merchants.partners.api.members import at_owned, owned
from merchants.partners.api.serializers import ColleagueSerializer
from merchants.redemption.api.records import WatchedCommunity
from merchants.settlement import selectors
from merchants.settlement.models.bank import BankAccount, BankBatch, BankBatchLine
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import bank

RENDERERS = (files.CSVRenderer, files.XLSXRenderer)


class BankAccountSerializer(serializers.ModelSerializer[BankAccount]):
    number = serializers.CharField(source="masked_number", read_only=True)

    class Meta:
        model = BankAccount
        fields = ("holder", "bank", "number", "changed_at")
        read_only_fields = fields


class KeepBankAccountSerializer(serializers.Serializer[Any]):
    holder = CharField(max_length=60)
    bank = CharField(max_length=60)
    number = DigitsField(min_length=8, max_length=32)


class BankBatchLineSerializer(serializers.ModelSerializer[BankBatchLine]):
    """A statement in a batch. ``freed_at``: when the batch was cancelled before it was paid."""

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


class BankAccountView(APIView):
    """An owner reads the merchant's account: ``GET /api/v1/merchants/{merchant_id}/bank-account``.

    Of the number only the last four digits are told.
    """

    @extend_schema(responses=BankAccountSerializer)
    def get(self, request: Request, merchant_id: UUID) -> Response:
        account = get_object_or_404(BankAccount, merchant=owned(request, merchant_id))
        return Response(BankAccountSerializer(account).data)

    @extend_schema(request=KeepBankAccountSerializer, responses=BankAccountSerializer)
    @idempotent(
        at_owned(lambda merchant: BankAccount.objects.filter(merchant=merchant)),
        BankAccountSerializer,
        is_required=False,
        edits=True,
    )
    def put(self, request: Request, merchant_id: UUID) -> Response:
        """An owner replaces it: ``PUT /api/v1/merchants/{merchant_id}/bank-account``.

        ``number`` is digits alone.
        """
        merchant = owned(request, merchant_id)
        body = KeepBankAccountSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        kept = bank.keep_account(merchant=merchant, by=signed_in(request), **body.validated_data)
        return Response(BankAccountSerializer(kept).data)


class BankBatchListView(WatchedCommunity, ListAPIView[BankBatch]):
    """Staff and auditors list batches for the bank, newest first.

    ``GET /api/v1/communities/{code}/bank-batches``
    """

    serializer_class = BankBatchSerializer
    queryset = BankBatch.objects.none()

    def get_queryset(self) -> QuerySet[BankBatch]:
        return selectors.bank_batches_in(self.community)

    @extend_schema(request=None, responses={201: BankBatchSerializer})
    @idempotent(in_community(HANDLES, selectors.bank_batches_in), BankBatchSerializer)
    def post(self, request: Request, code: str) -> Response:
        """Staff put what is to be paid into a new batch.

        ``POST /api/v1/communities/{code}/bank-batches``. Takes every approved statement with
        something due that is neither in a batch nor being paid by WeChat, but for those that the
        caller approved or that are owed to a merchant they work for. Nothing else pays them from
        then on. Refused with ``nothing_to_pay``.
        """
        user = signed_in(request)
        community = get_object_or_404(communities_where(user, HANDLES), code=code)
        batch = bank.make_batch(community=community, by=user)
        made = selectors.bank_batches_in(community).get(pk=batch.pk)
        return Response(BankBatchSerializer(made).data, status=status.HTTP_201_CREATED)


class BankBatchView(RetrieveAPIView[BankBatch]):
    """Staff and auditors read one: ``GET /api/v1/bank-batches/{batch_id}``."""

    serializer_class = BankBatchSerializer
    queryset = BankBatch.objects.none()
    lookup_url_kwarg = "batch_id"

    def get_queryset(self) -> QuerySet[BankBatch]:
        return selectors.bank_batches_seen_by(signed_in(self.request))


class CancelBankBatchView(APIView):
    """Staff cancel an unpaid batch: ``POST /api/v1/bank-batches/{batch_id}/cancel``.

    What is not marked as paid may then be paid otherwise. Make sure first that the bank does not
    pay it. Idempotent. Refused with ``own_merchant``.
    """

    @extend_schema(request=None, responses=BankBatchSerializer)
    @idempotent(
        seen(selectors.bank_batches_handled_by, "batch_id"), BankBatchSerializer, is_required=False
    )
    def post(self, request: Request, batch_id: UUID) -> Response:
        handled = selectors.bank_batches_handled_by(signed_in(request))
        batch = get_object_or_404(handled, pk=batch_id)
        bank.cancel_batch(batch=batch, by=signed_in(request))
        return Response(BankBatchSerializer(handled.get(pk=batch_id)).data)


@extend_schema(responses=OpenApiTypes.BINARY)
class BankBatchFileView(APIView):
    """Staff fetch the bank's file: ``GET /api/v1/bank-batches/{batch_id}/file.{format}``.

    ``csv`` or ``xlsx``: a line for each statement that is not marked as paid, with number, payee,
    bank, account and yuan. Accounts are those that merchants had when the batch was made; one that
    was not known then is empty. Refused with ``bank_batch_cancelled``.
    """

    def get(self, request: Request, batch_id: UUID) -> FileResponse:
        user = signed_in(request)
        batch = get_object_or_404(selectors.bank_batches_handled_by(user), pk=batch_id)
        lines = bank.read_batch(batch=batch, by=user)
        header = (_("Statement"), _("Payee"), _("Bank"), _("Account"), _("Amount (yuan)"))
        # Opened as CSV, a spreadsheet would take an account for a number, and round it.
        mark = "'" if request.accepted_renderer.format == files.CSVRenderer.format else ""
        rows = [_bank_line(line, mark) for line in lines]
        day = batch.made_at.astimezone(batch.community.clock).date()
        return files.answer(request, Sheet(f"{batch.community.code}-bank-{day}", header, rows))


def _bank_line(line: BankBatchLine, mark: str) -> tuple[Cell, ...]:
    account = line.account
    return (
        line.statement.number,
        line.payee,
        line.bank,
        f"{mark}{account}" if account else "",
        Decimal(line.statement.due_fen).scaleb(-2),
    )
