"""Patrols: walks of volunteers, and what they count, photograph and report on them."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import Community, TenantModel
from backend.tables import PersonKey, TenantForeignKey, never, stays
from volunteers.attendance.models.attendances import Attendance
from volunteers.reports.models.reports import Report


class PatrolOutcome(TenantModel):
    """A kind of outcome that a community counts on patrols: fire lanes cleared, leaflets."""

    code = models.SlugField(max_length=40, db_index=False)
    name = models.CharField(max_length=40)
    is_retired = models.BooleanField(default=False)  # counted no more; old counts stay

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="patrol_outcome_once", fields=["community", "code"])
        ]

    def __str__(self) -> str:
        return self.name


class Patrol(TenantModel):
    """A walk through a community or an ``estate`` of it, recorded by one of those who walk.

    ``attendance`` is the shift at which its walker was when it began; NULL: at none.
    """

    estate = models.ForeignKey(
        Community, models.PROTECT, related_name="+", db_index=False, null=True
    )
    walker = PersonKey()
    attendance = TenantForeignKey(
        Attendance, models.PROTECT, related_name="+", db_index=False, null=True
    )
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    people = models.PositiveSmallIntegerField(default=1)  # who walked, the walker included
    note = models.CharField(max_length=500, blank=True)  # an erasure empties it

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="patrol_under_way_once",
                fields=["community", "walker"],
                condition=Q(ended_at__isnull=True),
            ),
            models.CheckConstraint(
                name="patrol_ends_after_it_begins", condition=Q(ended_at__gte=F("started_at"))
            ),
            models.CheckConstraint(name="patrol_is_walked", condition=Q(people__gte=1)),
        ]
        indexes: ClassVar = [
            models.Index(name="patrol_newest", fields=["community", "-id"]),
        ]
        triggers: ClassVar = [
            *stays("patrol"),
            never(
                "ended_patrol_is_final",
                "OLD.ended_at IS NOT NULL AND (to_jsonb(OLD) - 'note' IS DISTINCT FROM"
                " to_jsonb(NEW) - 'note' OR NEW.note NOT IN (OLD.note, ''))",
            ),
        ]

    def __str__(self) -> str:
        return f"patrol of {self.walker_id} at {self.started_at}"


class PatrolCount(TenantModel):
    """The number of one kind of outcome on a patrol."""

    patrol = TenantForeignKey(Patrol, models.PROTECT, related_name="counts", db_index=False)
    outcome = TenantForeignKey(PatrolOutcome, models.PROTECT, related_name="+", db_index=False)
    count = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="patrol_count_once", fields=["community", "patrol", "outcome"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.count} of {self.outcome_id}"


class PatrolPhoto(TenantModel):
    """A photo of a patrol, re-encoded, without EXIF."""

    patrol = TenantForeignKey(Patrol, models.PROTECT, related_name="photos", db_index=False)
    image = models.ImageField(upload_to="patrols", blank=True)  # empty once it was removed
    taken_in_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [models.Index(name="photo_of_patrol", fields=["community", "patrol"])]

    def __str__(self) -> str:
        return f"photo {self.pk} of {self.patrol_id}"


class PatrolReport(TenantModel):
    """A report that was made on a patrol."""

    patrol = TenantForeignKey(Patrol, models.PROTECT, related_name="reports", db_index=False)
    report = TenantForeignKey(Report, models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="report_of_one_patrol", fields=["community", "report"])
        ]
        indexes: ClassVar = [models.Index(name="report_of_patrol", fields=["community", "patrol"])]

    def __str__(self) -> str:
        return f"{self.report_id} on {self.patrol_id}"
