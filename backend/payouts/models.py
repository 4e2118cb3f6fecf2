"""Transfers by WeChat to people, and WeChat's callbacks."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.outbox.models import Owed, owed_indexes, owed_or_given_up
from backend.registries import sealed
from backend.tables import FSM, PersonKey, ReadOnly, TenantForeignKey, never

LONGEST = 32  # characters of a text that WeChat takes


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """Words that WeChat and the payee read of a payout; of each 32 characters are sent.

    ``scene`` is a transfer scene 转账场景 of the merchant account, ``report`` what it is to be
    told, ``perception`` what the payee reads it is.
    """

    remark: str
    scene: str
    report: dict[str, str]
    perception: str

    @property
    def parameters(self) -> dict[str, Any]:
        """The purpose as WeChat's parameters."""
        return {
            "transfer_scene_id": self.scene,
            "transfer_remark": self.remark[:LONGEST],
            "user_recv_perception": self.perception,
            "transfer_scene_report_infos": [
                {"info_type": kind, "info_content": content[:LONGEST]}
                for kind, content in self.report.items()
            ],
        }


_SUCCEEDED = "{row}.status = 'succeeded'"
# An openid is personal: it is kept only for as long as the payout may be sent again.
_IS_OPEN = ~Q(openid="") & Q(finished_at__isnull=True)
_IS_OVER = Q(openid="", sent_parameters={}, package_info="", finished_at__isnull=False)
# What may still change then.
_OWED = f"ARRAY{[*(field.name for field in Owed._meta.fields), 'difference']}"


class Payout(TenantModel, Owed):
    """One transfer by WeChat for one subject: pending → unknown → waiting → finished.

    A payout keeps one number at WeChat, ``out_bill_no``. Another payout of the subject, with
    another number, needs this one to be failed or cancelled. What is owed is the next step, and at
    the end to tell the subject's app. Source: shared/WECHAT.md, section 2.
    """

    class Status(models.TextChoices):
        PENDING = "pending"  # nothing was sent yet
        UNKNOWN = "unknown"  # it may have been sent, and no answer that can be trusted came yet
        WAITING = "waiting"  # WeChat has it; the payee has to confirm it
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN = (Status.PENDING, Status.UNKNOWN, Status.WAITING)

    subject = models.CharField(max_length=64)  # what is paid: "statement:<id>", see subjects.py
    # The caller's: one key orders one payout, whatever becomes of it. NULL: a person ordered it.
    key = models.CharField(max_length=64, null=True)
    holder = models.CharField(max_length=64)  # for whom, as the ledger says it: "merchant:<id>"
    title = models.CharField(max_length=100)  # the subject as staff know it, in any language
    purpose = models.JSONField()  # WeChat's parameters of a Purpose
    payee = PersonKey()  # who receives it
    openid = models.CharField(max_length=128, blank=True)  # the payee's, until it is finished
    # The parameters sent, and resent unchanged whatever the settings are then; with the openid.
    sent_parameters = models.JSONField(default=dict, blank=True)
    amount_fen = models.PositiveIntegerField()
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    wechat_status = models.CharField(max_length=32, blank=True)  # as WeChat last told it
    fail_reason = models.CharField(max_length=64, blank=True)  # WeChat's code: OVERDUE_CLOSE, …
    transfer_bill_no = models.CharField(max_length=64, blank=True)  # WeChat's own number
    package_info = models.TextField(blank=True)  # the payee's phone confirms it with this
    ordered_by = PersonKey()
    ordered_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)  # for the first time
    last_sent_at = models.DateTimeField(null=True)
    cancel_asked_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    difference = models.CharField(max_length=300, blank=True)  # from WeChat, as last compared

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="payout_once",
                fields=["community", "subject"],
                condition=~Q(status__in=["failed", "cancelled"]),
            ),
            models.UniqueConstraint(name="payout_key_once", fields=["community", "key"]),
            models.CheckConstraint(name="payout_pays_something", condition=Q(amount_fen__gt=0)),
            models.CheckConstraint(
                name="payout_ordered_by_another", condition=~Q(ordered_by=F("payee"))
            ),
            models.CheckConstraint(
                name="payout_of_a_kind", condition=Q(subject__regex=r"^[a-z_]+:[0-9a-f-]{36}$")
            ),
            models.CheckConstraint(
                name="payout_status_is_complete",
                condition=_IS_OPEN
                & Q(status="pending", sent_parameters={}, sent_at__isnull=True, fail_reason="")
                | _IS_OPEN
                & Q(status__in=["unknown", "waiting"], sent_at__isnull=False, fail_reason="")
                | _IS_OVER & Q(status="succeeded", sent_at__isnull=False, fail_reason="")
                | _IS_OVER & Q(status__in=["failed", "cancelled"]),
            ),
            owed_or_given_up("payout"),
        ]
        indexes: ClassVar = [
            models.Index(name="payout_newest", fields=["community", "-id"]),
            models.Index(name="payout_of_subject", fields=["community", "subject", "-id"]),
            *owed_indexes("payout", "community"),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="payout_stays", operation=pgtrigger.Delete),
            ReadOnly(
                name="payout_terms_are_final",
                fields=[
                    "community",
                    "subject",
                    "key",
                    "holder",
                    "title",
                    "purpose",
                    "payee",
                    "amount_fen",
                    "ordered_by",
                    "ordered_at",
                ],
            ),
            FSM(
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
            never(
                "payout_end_is_final",
                "OLD.finished_at IS NOT NULL"
                f" AND to_jsonb(OLD) - {_OWED} <> to_jsonb(NEW) - {_OWED}",
            ),
            sealed.marked("payout", _SUCCEEDED),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {self.amount_fen} fen, {self.status}"

    @property
    def out_bill_no(self) -> str:
        """Number of the payout at WeChat, made of its id: 32 letters and digits."""
        return self.pk.hex

    @property
    def is_finished(self) -> bool:
        return self.status not in self.OPEN


sealed.register(
    sealed.Kind(
        name="payout",
        table="payouts_payout",
        facts=sealed.facts_of(
            Payout,
            "subject holder payee amount_fen status transfer_bill_no ordered_by ordered_at sent_at"
            " finished_at",
        ),
        due=_SUCCEEDED,
    )
)


class PayoutCallback(TenantModel):
    """A callback from WeChat about a payout. Each of WeChat's event ids is accepted once."""

    payout = TenantForeignKey(Payout, models.PROTECT, related_name="callbacks", db_index=False)
    event_id = models.CharField(max_length=64)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="payout_callback_once", fields=["community", "event_id"])
        ]

    def __str__(self) -> str:
        return f"{self.payout_id}: {self.event_id}"
