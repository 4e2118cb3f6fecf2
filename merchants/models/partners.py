"""Contracts between communities and merchants."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from merchants.models.people import Merchant


class Partnership(TenantModel):
    """The contract between a community and a merchant: what a redeemed point is worth."""

    merchant = models.ForeignKey(
        Merchant, models.PROTECT, related_name="partnerships", db_index=False
    )
    name = models.CharField(max_length=60)  # the merchant's, as this community lists it
    fen_per_point = models.PositiveIntegerField()
    is_donated = models.BooleanField(default=False)  # 公益捐赠: settled at 0
    settlement_day = models.PositiveSmallIntegerField(default=1)  # a period starts on it
    since_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="partner_once", fields=["community", "merchant"]),
            models.UniqueConstraint(name="partner_name_once", fields=["community", "name"]),
            models.CheckConstraint(
                name="partner_settled_on_a_day_of_every_month",
                condition=Q(settlement_day__range=(1, 28)),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def settled_fen_per_point(self) -> int:
        """What the community pays for one redeemed point: nothing if the merchant donates."""
        return 0 if self.is_donated else self.fen_per_point
