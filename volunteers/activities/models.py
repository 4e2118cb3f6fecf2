"""Volunteers, what they do and what they report."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.names import ComparedField


class Activity(TenantModel):
    """Something to be done together; its shifts say when. ``category`` decides what it earns."""

    title = models.CharField(max_length=80)
    title_compared = ComparedField(of="title")
    category = models.CharField(max_length=40)
    place = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(name="activity_by_title", fields=["community", "title_compared"])
        ]

    def __str__(self) -> str:
        return self.title


class Shift(TenantModel):
    """One time slot of an activity, for at most ``capacity`` volunteers (NULL: any number)."""

    activity = models.ForeignKey(Activity, models.PROTECT, related_name="shifts", db_index=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    capacity = models.PositiveSmallIntegerField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="shift_ends_after_it_begins", condition=Q(ends_at__gt=F("starts_at"))
            )
        ]
        indexes: ClassVar = [
            models.Index(name="shift_by_time", fields=["community", "starts_at"]),
            models.Index(name="shift_of_activity", fields=["community", "activity", "starts_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.activity_id} {self.starts_at}"
