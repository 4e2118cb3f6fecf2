"""Corrections of hours, and what people say for and against them."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import PersonKey, TenantForeignKey, never, stays
from volunteers.attendance.models.attendances import Attendance


def _final_but_for(*words: str) -> str:
    """Return the trigger condition that an update does more than an erasure of ``words``."""
    names = ",".join(words)
    fresh = " OR ".join(f"NEW.{name} <> OLD.{name} AND NEW.{name} <> ''" for name in words)
    rest = f"to_jsonb({{0}}) - '{{{{{names}}}}}'::text[]"
    return f"{rest.format('OLD')} IS DISTINCT FROM {rest.format('NEW')} OR {fresh}"


class Correction(TenantModel):
    """Times of an attendance set right before anybody verified it; both sides are kept."""

    attendance = TenantForeignKey(
        Attendance, models.PROTECT, related_name="corrections", db_index=False
    )
    was_in_at = models.DateTimeField()
    was_out_at = models.DateTimeField()
    checked_in_at = models.DateTimeField()
    checked_out_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)  # an erasure empties it
    corrected_by = PersonKey()
    corrected_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(name="correction_of_hours", fields=["community", "attendance", "id"])
        ]
        triggers: ClassVar = [
            *stays("correction"),
            never("correction_is_final", _final_but_for("reason")),
        ]

    def __str__(self) -> str:
        return f"correction of {self.attendance_id}"


class Objection(TenantModel):
    """Words against a decision on hours, for somebody else to decide on: open → upheld | dismissed.

    The volunteer appeals against a rejection or a no-show; anybody else of the community objects
    to hours that are public. Each person does so once.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        UPHELD = "upheld"
        DISMISSED = "dismissed"

    attendance = TenantForeignKey(
        Attendance, models.PROTECT, related_name="objections", db_index=False
    )
    raised_by = PersonKey()
    is_appeal = models.BooleanField()  # the volunteer's own
    words = models.CharField(max_length=500, blank=True)  # an erasure empties it
    raised_at = models.DateTimeField(db_default=Now())
    status = models.CharField(max_length=9, choices=Status, default=Status.OPEN)
    decided_by = PersonKey(null=True)
    decided_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=200, blank=True)  # an erasure empties it

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="objection_once", fields=["community", "attendance", "raised_by"]
            ),
            models.CheckConstraint(
                name="objection_decided_by_another", condition=~Q(decided_by=F("raised_by"))
            ),
            models.CheckConstraint(
                name="objection_decision_is_complete",
                condition=Q(status="open", decided_by__isnull=True, decided_at__isnull=True)
                | ~Q(status="open") & Q(decided_by__isnull=False, decided_at__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="objection_newest", fields=["community", "-id"]),
            models.Index(
                name="objection_open",
                fields=["community", "attendance"],
                condition=Q(status="open"),
            ),
        ]
        triggers: ClassVar = [
            *stays("objection"),
            never(
                "objection_is_final",
                f"OLD.status <> 'open' AND ({_final_but_for('words', 'answer')})",
            ),
        ]

    def __str__(self) -> str:
        return f"objection to {self.attendance_id}: {self.status}"


class Evaluation(TenantModel):
    """How service was, by the person it was for, or as staff were told: one a record."""

    attendance = TenantForeignKey(
        Attendance, models.PROTECT, related_name="evaluations", db_index=False
    )
    stars = models.PositiveSmallIntegerField()
    words = models.CharField(max_length=200, blank=True)  # an erasure empties it
    given_by = PersonKey()
    is_relayed = models.BooleanField()  # by staff, of the person served
    given_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="evaluation_once", fields=["community", "attendance"]),
            models.CheckConstraint(
                name="evaluation_has_one_to_five_stars", condition=Q(stars__range=(1, 5))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stars} stars for {self.attendance_id}"
