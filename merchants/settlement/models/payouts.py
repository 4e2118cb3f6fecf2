"""Transfers by WeChat that pay statements, and WeChat's callbacks."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import PersonKey, never, set_once
from merchants.settlement.models.statements import OF_STATEMENT, Statement
from merchants.triggers import not_their_own

# An openid is personal: it is kept only for as long as the payout may be sent again.
_IS_OPEN = ~Q(openid="") & Q(finished_at__isnull=True)
_IS_OVER = Q(openid="", sent_parameters={}, package_info="", finished_at__isnull=False)


class Payout(TenantModel):
    """One transfer by WeChat that pays one statement: pending → unknown → waiting → finished.

    A payout keeps one number at WeChat, ``out_bill_no``. Another payout of the statement, with
    another number, needs this one to be failed or cancelled. Source: shared/WECHAT.md, section 2.
    """

    class Status(models.TextChoices):
        PENDING = "pending"  # nothing was sent yet
        UNKNOWN = "unknown"  # it may have been sent, and no answer that can be trusted came yet
        WAITING = "waiting"  # WeChat has it; the payee has to confirm it
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN = (Status.PENDING, Status.UNKNOWN, Status.WAITING)

    statement = models.ForeignKey(Statement, models.PROTECT, related_name="payouts", db_index=False)
    payee = PersonKey()  # the owner who receives it for the merchant
    openid = models.CharField(max_length=128, blank=True)  # the payee's, until it is finished
    # The parameters sent, and resent unchanged whatever the settings are then; with the openid.
    sent_parameters = models.JSONField(default=dict, blank=True)
    amount_fen = models.PositiveIntegerField()
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    wechat_status = models.CharField(max_length=32, blank=True)  # as WeChat last told it
    # WeChat's code for why it failed, or why the last try gave no answer: OVERDUE_CLOSE, …
    reason = models.CharField(max_length=64, blank=True)
    transfer_bill_no = models.CharField(max_length=64, blank=True)  # WeChat's own number
    package_info = models.TextField(blank=True)  # the payee's phone confirms it with this
    ordered_by = PersonKey()
    ordered_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)  # for the first time
    last_sent_at = models.DateTimeField(null=True)
    cancel_asked_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(db_default=Now())  # when WeChat is asked next
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="payout_once",
                fields=["community", "statement"],
                condition=~Q(status__in=["failed", "cancelled"]),
            ),
            models.CheckConstraint(name="payout_pays_something", condition=Q(amount_fen__gt=0)),
            models.CheckConstraint(
                name="payout_status_is_complete",
                condition=_IS_OPEN
                & Q(status="pending", sent_parameters={}, sent_at__isnull=True, reason="")
                | _IS_OPEN & Q(status__in=["unknown", "waiting"], sent_at__isnull=False)
                | _IS_OVER & Q(status="succeeded", sent_at__isnull=False, reason="")
                | _IS_OVER & Q(status__in=["failed", "cancelled"]),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="payout_newest", fields=["community", "-id"]),
            models.Index(
                name="payout_owed",
                fields=["community", "next_at"],
                condition=Q(status__in=["pending", "unknown", "waiting"]),
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="payout_stays", operation=pgtrigger.Delete),
            not_their_own(
                "payout_not_their_own", pgtrigger.Insert, "NEW.ordered_by_id", **OF_STATEMENT
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
                field="status",
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
            never("payout_goes_to_one_account", "NEW.openid NOT IN ('', OLD.openid)"),
            never(
                "payout_is_sent_as_it_was",
                "OLD.sent_parameters <> '{}'"
                " AND NEW.sent_parameters NOT IN ('{}', OLD.sent_parameters)",
            ),
            set_once("payout_end_is_final", "finished_at"),
        ]

    def __str__(self) -> str:
        return f"{self.statement_id}: {self.amount_fen} fen, {self.status}"

    @property
    def out_bill_no(self) -> str:
        """Number of the payout at WeChat, made of its id: 32 letters and digits."""
        return self.pk.hex

    @property
    def is_finished(self) -> bool:
        return self.status not in self.OPEN


class PayoutCallback(TenantModel):
    """A callback from WeChat about a payout. Each of WeChat's event ids is accepted once."""

    payout = models.ForeignKey(Payout, models.PROTECT, related_name="callbacks", db_index=False)
    event_id = models.CharField(max_length=64)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="payout_callback_once", fields=["community", "event_id"])
        ]

    def __str__(self) -> str:
        return f"{self.payout_id}: {self.event_id}"
