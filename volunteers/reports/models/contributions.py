"""Contributions: who gave what a report's repair took."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import PersonKey, TenantForeignKey, stays
from volunteers.reports.models.reports import Report


class Contribution(TenantModel):
    """A gift of somebody for what was reported, such as cement.

    Whoever gave it is a person of the community, or anybody else in words (a shop's name), with an
    opaque ``reference``. They are thanked in public only if they agreed.
    """

    report = TenantForeignKey(Report, models.PROTECT, related_name="+", db_index=False)
    what = models.CharField(max_length=80)
    quantity = models.CharField(max_length=40, blank=True)
    giver = PersonKey(null=True)
    giver_name = models.CharField(max_length=60, blank=True)
    reference = models.CharField(max_length=60, blank=True)
    agreed_at = models.DateTimeField(null=True)  # to be thanked in public
    given_on = models.DateField()
    recorded_by = PersonKey()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="contribution_of_a_person_or_another",
                condition=Q(giver__isnull=False, giver_name="", reference="")
                | Q(giver__isnull=True) & ~Q(giver_name=""),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="contribution_newest", fields=["community", "-id"]),
            models.Index(name="contribution_to_report", fields=["community", "report"]),
        ]
        triggers: ClassVar = stays("contribution")

    def __str__(self) -> str:
        return f"{self.what} for {self.report_id}"
