"""What partners need from volunteers and can lend them."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import PersonKey, ReadOnly, TenantForeignKey, together
from merchants.partners.models.partnerships import Partnership
from merchants.triggers import not_their_own


class Listing(TenantModel):
    """One need or resource of a partner, until it is closed."""

    class Kind(models.TextChoices):
        NEED = "need"  # 服务清单: what volunteers can do for it
        RESOURCE = "resource"  # 资源清单: what it can lend them

    partnership = TenantForeignKey(
        Partnership, models.PROTECT, related_name="listings", db_index=False
    )
    kind = models.CharField(max_length=8, choices=Kind)
    title = models.CharField(max_length=60)
    description = models.CharField(max_length=500, blank=True)
    added_at = models.DateTimeField(db_default=Now())
    added_by = PersonKey()
    closed_at = models.DateTimeField(null=True)
    closed_by = PersonKey(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="listing_closed_by_somebody",
                condition=together("closed_at", "closed_by"),
            )
        ]
        indexes: ClassVar = [
            models.Index(name="listing_of_partner", fields=["community", "partnership", "-id"])
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="listing_stays", operation=pgtrigger.Delete),
            ReadOnly(name="listing_is_final", exclude=["closed_at", "closed_by"]),
        ]

    def __str__(self) -> str:
        return self.title


class ActivityMatch(TenantModel):
    """An activity that serves a need, or that a resource is lent to, until it is ended.

    Activities belong to the volunteers app; merchants see them by registries/volunteering.py.
    """

    listing = TenantForeignKey(Listing, models.PROTECT, related_name="matches", db_index=False)
    activity_id = models.UUIDField()
    activity_title = models.CharField(max_length=80)  # as it was then
    matched_at = models.DateTimeField(db_default=Now())
    matched_by = PersonKey()
    ended_at = models.DateTimeField(null=True)
    ended_by = PersonKey(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="matched_once",
                fields=["community", "listing", "activity_id"],
                condition=Q(ended_at__isnull=True),
            )
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="match_stays", operation=pgtrigger.Delete),
            ReadOnly(name="match_is_final", exclude=["ended_at", "ended_by"]),
            not_their_own(
                "match_not_their_own",
                pgtrigger.Insert,
                "NEW.matched_by_id",
                partnership="(SELECT l.partnership_id FROM merchants_listing l"
                " WHERE l.community_id = NEW.community_id AND l.id = NEW.listing_id)",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.listing_id}: {self.activity_title}"
