"""Payment by the bank: merchants' accounts, batches of statements, and files for the bank."""

from decimal import Decimal
from typing import Any

from django.http import FileResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.api.fields import DigitsField
from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api import files
from backend.api.callers import signed_in
from backend.api.fields import CharField
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, seen, writes
from backend.communities.api.shown import community, in_community
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER
from backend.files.spreadsheets import Cell, Sheet
from merchants.partners.api.members import at_owned
from merchants.partners.models.merchants import Merchant
from merchants.partners.selectors import merchants_owned_by
from merchants.settlement import selectors
from merchants.settlement.models.bank import BankAccount, BankBatch, BankBatchLine
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import bank


class BankAccountSerializer(ReadSerializer[BankAccount]):
    number = serializers.CharField(source="masked_number", read_only=True)

    class Meta:
        model = BankAccount
        fields = ("holder", "bank", "changed_at")


class KeepBankAccountSerializer(serializers.Serializer[Any]):
    holder = CharField(max_length=60)
    bank = CharField(max_length=60)
    number = DigitsField(min_length=8, max_length=32)


class BankBatchLineSerializer(ReadSerializer[BankBatchLine]):
    """A statement in a batch. ``freed_at`` is set if the batch was cancelled before it was paid."""

    number = serializers.CharField(source="statement.number", read_only=True)
    merchant = serializers.CharField(source="statement.partnership.name", read_only=True)
    amount_fen = serializers.IntegerField(source="statement.due_fen", read_only=True)
    status = serializers.ChoiceField(
        source="statement.status", choices=Statement.Status.choices, read_only=True
    )

    class Meta:
        model = BankBatchLine
        fields = ("statement_id", "freed_at")


class BankBatchSerializer(ReadSerializer[BankBatch]):
    made_by = ColleagueSerializer(read_only=True)
    cancelled_by = ColleagueSerializer(read_only=True, allow_null=True)
    lines = BankBatchLineSerializer(many=True, read_only=True)

    class Meta:
        model = BankBatch
        fields = (
            "id",
            "made_at",
            "cancelled_at",
        )


class BankAccountView(OpenView[BankAccount]):
    """Read the bank account, as owner: ``GET /api/v1/merchants/{merchant_id}/bank-account``.

    Only the last four digits of the number are shown.
    """

    serializer_class = BankAccountSerializer
    finds = at_owned(selectors.bank_accounts_of, "merchant_id")

    @writes(
        BankAccountSerializer,
        seen(merchants_owned_by, "merchant_id"),
        body=KeepBankAccountSerializer,
        shows=at_owned(selectors.bank_accounts_of),
        edits=True,
    )
    def put(self, user: User, merchant: Merchant, **facts: Any) -> BankAccount:
        """Replace the bank account, as owner: ``PUT /api/v1/merchants/{merchant_id}/bank-account``.

        ``number`` has digits only.
        """
        return bank.keep_account(merchant=merchant, by=user, **facts)


class BankBatchListView(ListView[BankBatch]):
    """List batches for the bank, as staff or auditor, newest first.

    ``GET /api/v1/communities/{code}/bank-batches``
    """

    serializer_class = BankBatchSerializer
    finds = in_community(WATCHES_OVER, selectors.bank_batches_in)

    @writes(BankBatchSerializer, community(HANDLES), creates=selectors.bank_batches_in)
    def post(self, user: User, community: Community) -> BankBatch:
        """Make a batch of the statements to pay, as staff.

        ``POST /api/v1/communities/{code}/bank-batches``. Takes every approved statement with
        something due that is neither in a batch nor being paid by WeChat, except those that the
        caller approved or that are owed to a merchant they work for. From then on they can be paid
        only by this batch.
        """
        made = bank.make_batch(community=community, by=user)
        return selectors.bank_batches_in(community).get(pk=made.pk)


class BankBatchView(OpenView[BankBatch]):
    """Open a batch, as staff or auditor: ``GET /api/v1/bank-batches/{batch_id}``."""

    serializer_class = BankBatchSerializer
    finds = seen(selectors.bank_batches_seen_by, "batch_id")


_HANDLED: Any = seen(selectors.bank_batches_handled_by, "batch_id")


class CancelBankBatchView(APIView):
    """Cancel an unpaid batch, as staff: ``POST /api/v1/bank-batches/{batch_id}/cancel``.

    Statements not marked as paid may then be paid otherwise. Make sure first that the bank does not
    pay it. Idempotent.
    """

    @writes(BankBatchSerializer, _HANDLED)
    def post(self, user: User, batch: BankBatch) -> BankBatch:
        bank.cancel_batch(batch=batch, by=user)
        return selectors.bank_batches_in(batch.community).get(pk=batch.pk)


@extend_schema(responses=OpenApiTypes.BINARY)
class BankBatchFileView(APIView):
    """Fetch the bank's file, as staff: ``GET /api/v1/bank-batches/{batch_id}/file.{format}``.

    ``csv`` or ``xlsx``: a line for each statement that is not marked as paid, with number, payee,
    bank, account and yuan. Accounts are those of the moment the batch was made; one not known then
    is empty.
    """

    def get(self, request: Request, **named: Any) -> FileResponse:
        batch = _HANDLED(request, **named)
        lines = bank.read_batch(batch=batch, by=signed_in(request))
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
