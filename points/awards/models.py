"""Awards: the points of each record, under a version of a rule."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from backend.communities.models import TenantModel
from points.ledger import triggers
from points.ledger.clock import ClockTimestamp
from points.ledger.models import Account, Transfer
from points.rules.models import RuleVersion


class Award(TenantModel):
    """The points that one record earned under a version of a rule; 0 is an award as well."""

    source = models.CharField(max_length=80)  # the record, for example "hours:<id>"
    account = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    rule_version = models.ForeignKey(RuleVersion, models.PROTECT, related_name="+", db_index=False)
    local_day = models.DateField()  # the day its cap counts for, by the community's clock
    points = models.PositiveIntegerField()
    transfer = models.ForeignKey(
        Transfer, models.PROTECT, related_name="+", db_index=False, null=True
    )
    explanation_of_nothing = models.JSONField(null=True)  # the transfer carries it otherwise
    awarded_at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="award_once", fields=["community", "source"]),
            models.CheckConstraint(
                name="award_has_transfer_or_reason",
                condition=Q(
                    points__gt=0, transfer__isnull=False, explanation_of_nothing__isnull=True
                )
                | Q(points=0, transfer__isnull=True, explanation_of_nothing__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="award_day", fields=["community", "account", "local_day"])
        ]
        triggers: ClassVar = triggers.final("award")

    def __str__(self) -> str:
        return self.source

    @property
    def explanation(self) -> dict[str, object]:
        """The rule, version, inputs and arithmetic, whether or not the record earned anything."""
        if self.transfer is not None:
            return dict(self.transfer.explanation)
        return dict(self.explanation_of_nothing or {})
