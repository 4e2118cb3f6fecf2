"""Reports of what volunteers see on their rounds."""

from typing import ClassVar

import pgtrigger
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import Community, CoordType, TenantModel
from backend.tables import PersonKey, TenantForeignKey, never
from volunteers.attendance.models.attendances import Attendance, beyond_a_void


class Report(TenantModel):
    """A volunteer's report from their rounds: submitted → accepted → verified | rejected.

    A verified one may end as voided; ``reason`` says why. ``made_during`` is the attendance at
    which its reporter was when they submitted it, as known when it was verified. The staff of its
    ``estate`` handle it as well as the community's.
    """

    class Category(models.TextChoices):
        HAZARD = "hazard"  # 安全隐患
        DIRTY_CORNER = "dirty_corner"  # 卫生死角
        FACILITY = "facility"  # 设施损坏
        DISPUTE = "dispute"  # 邻里纠纷
        HOTLINE = "hotline"  # 市长热线
        ASSISTANCE = "assistance"  # 帮扶救助

    # Disputes and calls for help never stand on a public page.
    CONFIDENTIAL: ClassVar = (Category.DISPUTE, Category.ASSISTANCE)

    class Status(models.TextChoices):
        SUBMITTED = "submitted"
        ACCEPTED = "accepted"
        VERIFIED = "verified"
        REJECTED = "rejected"
        VOIDED = "voided"

    OPEN: ClassVar = (Status.SUBMITTED, Status.ACCEPTED)

    estate = models.ForeignKey(
        Community, models.PROTECT, related_name="+", db_index=False, null=True
    )
    reporter = PersonKey()
    category = models.CharField(max_length=12, choices=Category)
    text = models.CharField(max_length=1000)
    place = models.CharField(max_length=120, blank=True)
    # NULL without the reporter's consent, and once 30 days have passed.
    latitude = models.FloatField(
        null=True, validators=[MinValueValidator(-90), MaxValueValidator(90)]
    )
    longitude = models.FloatField(
        null=True, validators=[MinValueValidator(-180), MaxValueValidator(180)]
    )
    coord_type = models.CharField(max_length=5, choices=CoordType, default=CoordType.WGS84)
    photo = models.ImageField(upload_to="reports", blank=True)  # re-encoded, without EXIF
    status = models.CharField(max_length=9, choices=Status, default=Status.SUBMITTED)
    submitted_at = models.DateTimeField(db_default=Now())
    is_by_child = models.BooleanField(default=False)  # by the age known when it was submitted
    accepted_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    closed_by = PersonKey(null=True)
    answer = models.CharField(max_length=500, blank=True)  # read by the public
    made_during = TenantForeignKey(
        Attendance, models.PROTECT, related_name="+", db_index=False, null=True
    )
    voided_at = models.DateTimeField(null=True)
    voided_by = PersonKey(null=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="report_closed_by_another", condition=~Q(closed_by=F("reporter"))
            ),
            models.CheckConstraint(
                name="report_closed_is_complete",
                condition=Q(status__in=["submitted", "accepted"])
                | Q(closed_at__isnull=False, closed_by__isnull=False),
            ),
            models.CheckConstraint(
                name="report_voided_by_another",
                condition=~Q(voided_by=F("reporter")) & ~Q(voided_by=F("closed_by")),
            ),
            models.CheckConstraint(
                name="report_void_is_complete",
                condition=Q(status="voided", voided_at__isnull=False, voided_by__isnull=False)
                | ~Q(status="voided") & Q(voided_at__isnull=True, voided_by__isnull=True),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="report_of_reporter", fields=["community", "reporter", "-id"]),
            models.Index(name="report_by_status", fields=["community", "status", "-id"]),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="closed_report_stays",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__status__in=["verified", "rejected", "voided"]),
            ),
            # A verified one may be voided, once. Privacy may still take away coordinates, the photo
            # and people's own words.
            never(
                "closed_report_is_final",
                "OLD.status IN ('verified', 'rejected', 'voided') AND ("
                + beyond_a_void("latitude", "longitude", "photo", "text", "place")
                + " OR NEW.latitude IS DISTINCT FROM OLD.latitude AND NEW.latitude IS NOT NULL"
                " OR NEW.longitude IS DISTINCT FROM OLD.longitude AND NEW.longitude IS NOT NULL"
                " OR NEW.photo <> OLD.photo AND NEW.photo <> ''"
                " OR NEW.text <> OLD.text AND NEW.text <> ''"
                " OR NEW.place <> OLD.place AND NEW.place <> '')",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.pk}"

    @property
    def award_source(self) -> str:
        """Source under which this report earns points, once."""
        return f"report:{self.pk}"
