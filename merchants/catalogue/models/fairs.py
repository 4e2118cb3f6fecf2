"""Redemption fairs 积分兑换集市: one session, many merchants."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from merchants import triggers
from merchants.partners.models.partnerships import Partnership


class Fair(TenantModel):
    """When and where it is. What its merchants redeem meanwhile is what was redeemed there."""

    title = models.CharField(max_length=60)
    place = models.CharField(max_length=120, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    partners = models.ManyToManyField(Partnership, through="FairStall", related_name="+")
    announced_at = models.DateTimeField(db_default=Now())
    announced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    cancelled_at = models.DateTimeField(null=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="fair_ends_after_it_begins", condition=Q(ends_at__gt=F("starts_at"))
            )
        ]
        indexes: ClassVar = [models.Index(name="fair_by_end", fields=["community", "ends_at"])]
        triggers: ClassVar = [
            pgtrigger.Protect(name="fair_stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="fair_is_final", exclude=["cancelled_at", "cancelled_by"]),
        ]

    def __str__(self) -> str:
        return self.title


class FairStall(TenantModel):
    """A merchant that is there."""

    fair = models.ForeignKey(Fair, models.PROTECT, related_name="stalls", db_index=False)
    partnership = models.ForeignKey(
        Partnership, models.PROTECT, related_name="stalls", db_index=False
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="stall_once", fields=["community", "fair", "partnership"])
        ]
        indexes: ClassVar = [
            models.Index(name="stall_of_partner", fields=["community", "partnership"])
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="stall_stays", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="stall_not_their_own",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=triggers.not_their_own(
                    "(SELECT f.announced_by_id FROM merchants_fair f"
                    " WHERE f.community_id = NEW.community_id AND f.id = NEW.fair_id)"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partnership_id} at {self.fair_id}"
