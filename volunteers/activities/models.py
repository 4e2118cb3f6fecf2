"""Activities, and the shifts in which they take place."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import Community, TenantModel
from backend.names import ComparedField
from backend.tables import TenantForeignKey


class Status(models.TextChoices):
    """Whether an activity or a shift takes place."""

    PLANNED = "planned"
    CANCELLED = "cancelled"


class Cancellable(TenantModel):
    """A planned thing that may be cancelled, with the ``reason`` that volunteers read."""

    status = models.CharField(max_length=9, choices=Status, default=Status.PLANNED)
    reason = models.CharField(max_length=200, blank=True)
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        constraints: ClassVar = [
            models.CheckConstraint(
                name="%(class)s_cancelled_is_complete",
                condition=Q(status="planned", cancelled_at__isnull=True)
                | Q(status="cancelled", cancelled_at__isnull=False),
            )
        ]


class Activity(Cancellable):
    """Something that volunteers do together in its shifts. ``category`` decides the rule.

    The estate's staff handle an activity of an ``estate`` as well as the community's.
    """

    estate = models.ForeignKey(
        Community, models.PROTECT, related_name="+", db_index=False, null=True
    )
    title = models.CharField(max_length=80)
    title_compared = ComparedField(of="title")
    category = models.CharField(max_length=40)
    place = models.CharField(max_length=120, blank=True)
    is_public = models.BooleanField(default=False)  # a place may be somebody's home
    created_at = models.DateTimeField(db_default=Now())

    class Meta(Cancellable.Meta):
        indexes: ClassVar = [
            models.Index(name="activity_by_title", fields=["community", "title_compared"]),
            models.Index(name="activity_newest", fields=["community", "-id"]),
        ]

    def __str__(self) -> str:
        return self.title


class Shift(Cancellable):
    """One time slot of an activity, for at most ``capacity`` volunteers (NULL: any number)."""

    activity = TenantForeignKey(Activity, models.PROTECT, related_name="shifts", db_index=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    capacity = models.PositiveSmallIntegerField(null=True)

    class Meta(Cancellable.Meta):
        constraints: ClassVar = [
            *Cancellable.Meta.constraints,
            models.CheckConstraint(
                name="shift_ends_after_it_begins", condition=Q(ends_at__gt=F("starts_at"))
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="shift_by_time", fields=["community", "starts_at"]),
            models.Index(name="shift_of_activity", fields=["community", "activity", "starts_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.activity_id} {self.starts_at}"
