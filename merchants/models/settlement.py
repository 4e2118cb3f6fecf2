"""What merchants are owed."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from merchants.models.partners import Partnership


class Statement(TenantModel):
    """What one merchant is owed for one period: drafted → approved → paid.

    Every redemption stands in exactly one statement: it points to it. What is redeemed after
    the draft is a line of the next.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        APPROVED = "approved"
        PAID = "paid"

    partnership = models.ForeignKey(
        Partnership, models.PROTECT, related_name="statements", db_index=False
    )
    period_start = models.DateField()  # the community's days; the end is not included
    period_end = models.DateField()
    status = models.CharField(max_length=8, choices=Status, default=Status.DRAFT)
    redemptions_count = models.PositiveIntegerField()
    points = models.PositiveBigIntegerField()
    amount_fen = models.PositiveBigIntegerField()
    drafted_at = models.DateTimeField(db_default=Now())
    drafted_by = models.ForeignKey(  # NULL: the nightly task
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    approved_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    paid_at = models.DateTimeField(null=True)
    paid_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    payment_reference = models.CharField(max_length=64, blank=True)  # the bank's, for instance

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="statement_once", fields=["community", "partnership", "period_start"]
            ),
            models.CheckConstraint(
                name="statement_approved_by_another",
                condition=~Q(approved_by=F("drafted_by")),
            ),
            models.CheckConstraint(
                name="statement_status_is_complete",
                condition=Q(status="draft", approved_at__isnull=True, paid_at__isnull=True)
                | Q(
                    status="approved",
                    approved_at__isnull=False,
                    approved_by__isnull=False,
                    paid_at__isnull=True,
                )
                | Q(
                    status="paid",
                    approved_at__isnull=False,
                    approved_by__isnull=False,
                    paid_at__isnull=False,
                    paid_by__isnull=False,
                ),
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="statement_stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="statement_figures_are_final",
                fields=[
                    "community",
                    "partnership",
                    "period_start",
                    "period_end",
                    "redemptions_count",
                    "points",
                    "amount_fen",
                    "drafted_by",
                ],
            ),
            pgtrigger.FSM(
                name="statement_goes_forward",
                field="status",
                transitions=[("draft", "approved"), ("approved", "paid")],
            ),
            pgtrigger.Protect(
                name="paid_statement_is_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__status="paid"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partnership_id} {self.period_start}"
