"""Policies of when points expire."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from backend.communities.models import TenantModel
from backend.registries import sealed
from backend.tables import final
from points.ledger.clock import ClockTimestamp


class ExpiryPolicy(TenantModel):
    """A policy, never changed: how long points earned from ``valid_from`` on can be spent.

    A place without a policy follows the place above it; without any, points expire at the end of
    the year after they were earned. Points earned before keep their last day. ``at_least_days`` is
    for points that arrive late: what is posted from ``valid_from`` on can be spent for that many
    days at least, whenever the service was.
    """

    class Kind(models.TextChoices):
        NEVER = "never"
        END_OF_YEAR = "end_of_year"
        END_OF_NEXT_YEAR = "end_of_next_year"
        MONTHS = "months"  # at the end of the month that is ``months`` after the month earned

    kind = models.CharField(max_length=16, choices=Kind)
    months = models.PositiveSmallIntegerField(null=True)
    at_least_days = models.PositiveSmallIntegerField(default=90)
    valid_from = models.DateField()  # the community's day
    published_at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="expiry_policy_kind_known",
                condition=Q(kind="months", months__gte=1, months__lte=120)
                | Q(kind__in=["never", "end_of_year", "end_of_next_year"], months__isnull=True),
            ),
            models.CheckConstraint(
                name="expiry_policy_lasts_some_days", condition=Q(at_least_days__lte=366)
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="expiry_policy_of", fields=["community", "-valid_from", "-id"])
        ]
        triggers: ClassVar = [*final("expiry_policy"), sealed.marked("expiry_policy")]

    def __str__(self) -> str:
        return f"{self.kind} from {self.valid_from}"


sealed.register(
    sealed.Kind(
        name="expiry_policy",
        table="points_expirypolicy",
        facts=sealed.facts_of(ExpiryPolicy, "kind months at_least_days valid_from published_at"),
        happened="published_at",
    )
)
