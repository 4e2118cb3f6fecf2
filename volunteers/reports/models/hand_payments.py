"""Rewards that were paid by hand, and what keeps them from being paid by WeChat as well."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.payouts.models import Payout
from backend.tables import PersonKey, ReadOnly, TenantForeignKey, set_once, stays, together, trigger


class HandPayment(TenantModel):
    """A reward paid in cash or by a bank: one person records it, another confirms it.

    The confirmation pays the claim in the ledger. Until then it may be withdrawn. ``payee`` and
    ``amount_fen`` are the claim's.
    """

    claim = TenantForeignKey("points.Claim", models.PROTECT, related_name="+", db_index=False)
    payee = PersonKey()
    amount_fen = models.PositiveIntegerField()
    reference = models.CharField(max_length=100)  # of the receipt or the bank's transfer
    recorded_by = PersonKey()
    recorded_at = models.DateTimeField(db_default=Now())
    confirmed_by = PersonKey(null=True)
    confirmed_at = models.DateTimeField(null=True)
    withdrawn_by = PersonKey(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="hand_payment_once",
                fields=["community", "claim"],
                condition=Q(withdrawn_at__isnull=True),
            ),
            models.CheckConstraint(
                name="hand_payment_by_two",
                condition=~Q(recorded_by=F("payee"))
                & (
                    Q(confirmed_by__isnull=True)
                    | ~Q(confirmed_by=F("recorded_by")) & ~Q(confirmed_by=F("payee"))
                ),
            ),
            models.CheckConstraint(
                name="hand_payment_is_complete",
                condition=together("confirmed_by", "confirmed_at")
                & together("withdrawn_by", "withdrawn_at")
                & (Q(confirmed_at__isnull=True) | Q(withdrawn_at__isnull=True))
                & Q(amount_fen__gt=0)
                & ~Q(reference=""),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="hand_payment_of_claim", fields=["community", "claim", "-id"])
        ]
        triggers: ClassVar = [
            *stays("hand_payment"),
            ReadOnly(
                name="hand_payment_keeps_its_terms",
                fields=[
                    "id",
                    "community",
                    "claim",
                    "payee",
                    "amount_fen",
                    "reference",
                    "recorded_by",
                    "recorded_at",
                ],
            ),
            set_once("hand_payment_confirmed_once", "confirmed_at"),
            set_once("hand_payment_withdrawn_once", "withdrawn_at"),
            trigger("hand_payment_pays_its_claim", pgtrigger.Insert, when=pgtrigger.Before),
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.amount_fen} fen"


class RewardPayout(Payout):
    """A payout of a reward. No table of its own: the trigger stands on that of payouts."""

    class Meta:
        proxy = True
        triggers: ClassVar = [
            trigger(
                "payout_not_beside_a_hand_payment",
                pgtrigger.Insert,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(new__subject__startswith="reward:"),
            )
        ]
