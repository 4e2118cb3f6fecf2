"""What is on offer."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from backend.communities.models import TenantModel
from merchants.models.partners import Partnership


class Offer(TenantModel):
    """Something to be had for points. ``stock`` is what is left to be taken now."""

    partnership = models.ForeignKey(
        Partnership, models.PROTECT, related_name="offers", db_index=False
    )
    code = models.CharField(max_length=30)
    title = models.CharField(max_length=60)
    price_points = models.PositiveIntegerField()
    value_fen = models.PositiveIntegerField(null=True)  # what a piece costs in the shop
    settled_fen = models.PositiveIntegerField(null=True)  # agreed for a piece; by ``Terms``
    stock = models.PositiveIntegerField()
    is_listed = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="offer_code_once", fields=["community", "code"]),
            models.CheckConstraint(name="offer_costs_points", condition=Q(price_points__gt=0)),
        ]
        indexes: ClassVar = [
            models.Index(name="offer_of_partner", fields=["community", "partnership"])
        ]

    def __str__(self) -> str:
        return self.title
