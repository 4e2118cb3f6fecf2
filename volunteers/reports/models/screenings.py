"""Screenings of reports by WeChat, before others may read them."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.outbox.models import Owed, owed_indexes, owed_or_given_up
from backend.tables import TenantForeignKey
from volunteers.reports.models.photos import ReportPhoto
from volunteers.reports.models.reports import Report


class Screening(TenantModel, Owed):
    """WeChat's opinion of a report's words, or of one of its ``photo``s; owed until it says.

    A photo's opinion comes later, under the ``trace_id`` that WeChat gave. Whatever is changed in
    a report is screened anew, by rows that replace the earlier ones.
    """

    class Opinion(models.TextChoices):
        PASS = "pass"  # noqa: S105
        REVIEW = "review"
        RISKY = "risky"

    report = TenantForeignKey(Report, models.PROTECT, related_name="screenings", db_index=False)
    photo = TenantForeignKey(
        ReportPhoto, models.PROTECT, related_name="+", db_index=False, null=True
    )
    opinion = models.CharField(max_length=6, choices=Opinion, blank=True, db_default="")
    trace_id = models.CharField(max_length=64, blank=True, db_default="")
    owed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="screening_once", fields=["community", "report", "photo"], nulls_distinct=False
            ),
            owed_or_given_up("screening"),
        ]
        indexes: ClassVar = [
            *owed_indexes("screening", "community"),
            models.Index(
                name="screening_traced",
                fields=["community", "trace_id"],
                condition=Q(opinion="") & ~Q(trace_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"screening of {self.report_id}"
