"""Photos of reports."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import PersonKey, TenantForeignKey
from volunteers.reports.models.reports import Report


class ReportPhoto(TenantModel):
    """A photo of a report, re-encoded, without EXIF, with its thumbnail."""

    class Shows(models.TextChoices):
        FOUND = "found"  # what was reported
        FIXED = "fixed"  # what was done about it

    report = TenantForeignKey(Report, models.PROTECT, related_name="photos", db_index=False)
    shows = models.CharField(max_length=5, choices=Shows, default=Shows.FOUND)
    image = models.ImageField(upload_to="reports", blank=True)  # empty once it was removed
    thumbnail = models.ImageField(upload_to="reports", blank=True)
    taken_in_at = models.DateTimeField(db_default=Now())
    sent_by = PersonKey(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(name="photo_of_report", fields=["community", "report"])]

    def __str__(self) -> str:
        return f"photo {self.pk} of {self.report_id}"
