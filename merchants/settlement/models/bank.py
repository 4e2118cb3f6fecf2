"""Bank accounts of merchants, and the batches of statements that a bank is told to pay."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.accounts import vault
from backend.communities.models import TenantModel
from backend.registries import sealed
from backend.tables import PersonKey, ReadOnly, TenantForeignKey, set_once, together
from merchants.partners.models.merchants import Merchant
from merchants.settlement.models.statements import OF_STATEMENT, Statement
from merchants.triggers import not_their_own


class BankAccount(models.Model):
    """The account where a bank pays a merchant, given by its owner. The number is encrypted."""

    merchant = models.OneToOneField(
        Merchant, models.PROTECT, primary_key=True, related_name="bank_account"
    )
    holder = models.CharField(max_length=60)
    bank = models.CharField(max_length=60)
    number_encrypted = models.TextField()  # a Fernet token: backend/accounts/vault.py
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.bank} {self.masked_number}"

    @property
    def number(self) -> str:
        """The account number in the clear."""
        return vault.decrypt(self.number_encrypted)

    @number.setter
    def number(self, digits: str) -> None:
        self.number_encrypted = vault.encrypt(digits)

    @property
    def masked_number(self) -> str:
        """The number's last four digits: ``****0123``."""
        return f"****{self.number[-4:]}"


class BankBatch(TenantModel):
    """Statements that the bank pays with one file. A batch is open until it is cancelled."""

    made_at = models.DateTimeField(db_default=Now())
    made_by = PersonKey()
    cancelled_at = models.DateTimeField(null=True)
    cancelled_by = PersonKey(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="bank_batch_cancel_is_complete",
                condition=together("cancelled_at", "cancelled_by"),
            )
        ]
        indexes: ClassVar = [models.Index(name="bank_batch_newest", fields=["community", "-id"])]
        triggers: ClassVar = [
            pgtrigger.Protect(name="bank_batch_stays", operation=pgtrigger.Delete),
            ReadOnly(name="bank_batch_as_it_was_made", fields=["community", "made_at", "made_by"]),
            set_once("bank_batch_cancelled_once", "cancelled_at"),
        ]

    def __str__(self) -> str:
        return f"{self.community_id}, {self.made_at}"


class BankBatchLine(TenantModel):
    """A statement in a batch, which no other batch or payout pays until the line is freed.

    Payee, bank and account are those of the moment the batch was made, whatever the owner changes
    later. An account not known then is empty.
    """

    batch = TenantForeignKey(BankBatch, models.PROTECT, related_name="lines", db_index=False)
    statement = TenantForeignKey(
        Statement, models.PROTECT, related_name="bank_lines", db_index=False
    )
    payee = models.CharField(max_length=60)
    bank = models.CharField(max_length=60, blank=True)
    account_encrypted = models.TextField(blank=True)  # a Fernet token: backend/accounts/vault.py
    freed_at = models.DateTimeField(null=True)  # the batch was cancelled before the bank paid

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="bank_line_once",
                fields=["community", "statement"],
                condition=Q(freed_at__isnull=True),
            ),
            models.UniqueConstraint(
                name="bank_line_of_batch", fields=["community", "batch", "statement"]
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="bank_line_stays", operation=pgtrigger.Delete),
            not_their_own(
                "bank_line_not_their_own",
                pgtrigger.Insert,
                "(SELECT b.made_by_id FROM merchants_bankbatch b"
                " WHERE b.community_id = NEW.community_id AND b.id = NEW.batch_id)",
                **OF_STATEMENT,
            ),
            ReadOnly(
                name="bank_line_as_it_was_made",
                fields=["community", "batch", "statement", "payee", "bank"],
            ),
            set_once("bank_line_freed_once", "freed_at"),
            sealed.marked("bank_line"),
        ]

    def __str__(self) -> str:
        return f"{self.statement_id} in {self.batch_id}"

    @property
    def account(self) -> str:
        """The account number in the clear."""
        return vault.decrypt(self.account_encrypted) if self.account_encrypted else ""


# Payee and account are personal, and the account is encrypted anew when keys change.
sealed.register(
    sealed.Kind(
        name="bank_line",
        table="merchants_bankbatchline",
        facts={
            **sealed.facts_of(BankBatchLine, "batch statement"),
            "made_by": "batch.made_by_id",
        },
        joins="LEFT JOIN merchants_bankbatch batch"
        " ON batch.community_id = %(community)s AND batch.id = t.batch_id",
    )
)
