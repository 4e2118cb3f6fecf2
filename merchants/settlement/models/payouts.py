"""How merchants are paid: transfers by WeChat, and bank accounts for the bank's own file."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.accounts import vault
from backend.communities.models import TenantModel
from merchants import triggers
from merchants.partners.models.merchants import Merchant
from merchants.settlement.models.statements import OF_STATEMENT, Statement


class Payout(TenantModel):
    """One transfer by WeChat that pays one statement: pending → unknown → waiting → its end.

    ``out_bill_no`` is its number at WeChat, whatever happens; only one that failed or was
    cancelled makes room for another, with another number. Source: shared/WECHAT.md, section 2.
    """

    class State(models.TextChoices):
        PENDING = "pending"  # nothing of it was ever sent
        UNKNOWN = "unknown"  # it may have been sent, and no answer that can be trusted came yet
        WAITING = "waiting"  # WeChat has it; the receiver is to confirm it
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN = (State.PENDING, State.UNKNOWN, State.WAITING)

    statement = models.ForeignKey(Statement, models.PROTECT, related_name="payouts", db_index=False)
    payee = models.ForeignKey(  # the owner who receives it for the merchant
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    openid = models.CharField(max_length=128, blank=True)  # the payee's, until it has ended
    # What was sent and is sent again, whatever the settings say by then; with the openid in it.
    sent_parameters = models.JSONField(default=dict, blank=True)
    amount_fen = models.PositiveIntegerField()
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    wechat_state = models.CharField(max_length=32, blank=True)  # as it was read last
    trouble = models.CharField(max_length=64, blank=True)  # why the last try told nothing
    fail_reason = models.CharField(max_length=64, blank=True)  # WeChat's, such as OVERDUE_CLOSE
    transfer_bill_no = models.CharField(max_length=64, blank=True)  # WeChat's number
    package_info = models.TextField(blank=True)  # with which the payee's phone confirms it
    ordered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    ordered_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)  # the first time
    last_sent_at = models.DateTimeField(null=True)
    cancel_asked_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(db_default=Now())  # when WeChat is asked, or asked again
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="payout_once",
                fields=["community", "statement"],
                condition=~Q(state__in=["failed", "cancelled"]),
            ),
            models.CheckConstraint(name="payout_pays_something", condition=Q(amount_fen__gt=0)),
            models.CheckConstraint(
                name="payout_state_is_complete",
                condition=Q(
                    ~Q(openid=""),
                    sent_parameters={},
                    state="pending",
                    sent_at__isnull=True,
                    finished_at__isnull=True,
                    fail_reason="",
                )
                | Q(
                    ~Q(openid=""),
                    state__in=["unknown", "waiting"],
                    sent_at__isnull=False,
                    finished_at__isnull=True,
                    fail_reason="",
                )
                # An openid is somebody's own: it is kept for as long as it may be sent again.
                | Q(
                    openid="",
                    sent_parameters={},
                    package_info="",
                    state="succeeded",
                    sent_at__isnull=False,
                    finished_at__isnull=False,
                    fail_reason="",
                )
                | Q(
                    openid="",
                    sent_parameters={},
                    package_info="",
                    state__in=["failed", "cancelled"],
                    finished_at__isnull=False,
                ),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="payout_newest", fields=["community", "-id"]),
            models.Index(
                name="payout_owed",
                fields=["community", "next_at"],
                condition=Q(state__in=["pending", "unknown", "waiting"]),
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="payout_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="payout_not_their_own",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=triggers.not_their_own("NEW.ordered_by_id", **OF_STATEMENT),
            ),
            pgtrigger.ReadOnly(
                name="payout_terms_are_final",
                fields=[
                    "community",
                    "statement",
                    "payee",
                    "amount_fen",
                    "ordered_by",
                    "ordered_at",
                ],
            ),
            pgtrigger.FSM(
                name="payout_goes_forward",
                field="state",
                transitions=[
                    ("pending", "unknown"),
                    ("pending", "cancelled"),
                    *(
                        (before, after)
                        for before in ("unknown", "waiting")
                        for after in ("succeeded", "failed", "cancelled")
                    ),
                    ("unknown", "waiting"),
                ],
            ),
            pgtrigger.Protect(
                name="payout_goes_to_one_account",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("NEW.openid NOT IN ('', OLD.openid)"),
            ),
            pgtrigger.Protect(
                name="payout_is_sent_as_it_was",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.sent_parameters <> '{}'"
                    " AND NEW.sent_parameters NOT IN ('{}', OLD.sent_parameters)"
                ),
            ),
            pgtrigger.Protect(
                name="payout_end_is_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__finished_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.statement_id}: {self.amount_fen} fen, {self.state}"

    @property
    def out_bill_no(self) -> str:
        """Its number at WeChat, which is made of its id: 32 letters and digits."""
        return self.pk.hex

    @property
    def is_finished(self) -> bool:
        return self.state not in self.OPEN


class PayoutCallback(TenantModel):
    """WeChat told us of a payout, once for each of its own ids."""

    payout = models.ForeignKey(Payout, models.PROTECT, related_name="callbacks", db_index=False)
    event_id = models.CharField(max_length=64)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="payout_callback_once", fields=["community", "event_id"])
        ]

    def __str__(self) -> str:
        return f"{self.payout_id}: {self.event_id}"


class BankAccount(models.Model):
    """Where a bank pays a merchant. Only its owner says; the number is encrypted at rest."""

    merchant = models.OneToOneField(
        Merchant, models.PROTECT, primary_key=True, related_name="bank_account"
    )
    holder = models.CharField(max_length=60)
    bank = models.CharField(max_length=60)
    number_encrypted = models.TextField()  # a Fernet token, see backend/accounts/vault.py
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.bank} {self.masked_number}"

    @property
    def number(self) -> str:
        """In the clear."""
        return vault.decrypt(self.number_encrypted)

    @number.setter
    def number(self, digits: str) -> None:
        self.number_encrypted = vault.encrypt(digits)

    @property
    def masked_number(self) -> str:
        """``6222021234567890123`` as ``****0123``."""
        return f"****{self.number[-4:]}"
