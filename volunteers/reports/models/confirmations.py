"""Confirmations: people who saw what somebody else had reported."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import PersonKey, ReadOnly, TenantForeignKey, set_once, stays
from volunteers.reports.models.reports import Report


class Confirmation(TenantModel):
    """A person's "me too" to a report of somebody else, once.

    ``rewarded_as`` numbers those who get a share of the report's reward.
    """

    MOST_REWARDED: ClassVar = 3

    report = TenantForeignKey(Report, models.PROTECT, related_name="confirmations", db_index=False)
    confirmer = PersonKey()
    confirmed_at = models.DateTimeField(db_default=Now())
    rewarded_as = models.PositiveSmallIntegerField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="confirmation_once", fields=["community", "report", "confirmer"]
            ),
            models.UniqueConstraint(
                name="confirmation_rewarded_once", fields=["community", "report", "rewarded_as"]
            ),
            models.CheckConstraint(
                name="confirmation_of_the_first_three",
                condition=Q(rewarded_as__isnull=True) | Q(rewarded_as__range=(1, 3)),
            ),
        ]
        triggers: ClassVar = [
            *stays("confirmation"),
            ReadOnly(
                name="confirmation_is_final",
                fields=["id", "community", "report", "confirmer", "confirmed_at"],
            ),
            set_once("confirmation_is_rewarded_once", "rewarded_as"),
        ]

    def __str__(self) -> str:
        return f"{self.confirmer_id} confirms {self.report_id}"

    @property
    def award_source(self) -> str:
        """Source under which this confirmation earns its share, once."""
        return f"confirmation:{self.pk}"
