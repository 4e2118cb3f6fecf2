"""Rules and their versions."""

from datetime import date
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from backend.communities.models import TenantModel
from backend.registries import sealed
from backend.tables import ReadOnly, TenantForeignKey, final
from points.ledger.clock import ClockTimestamp


class Rule(TenantModel):
    """A rule: what a category of service or report earns. Its versions say how much, and when."""

    class Subject(models.TextChoices):
        HOURS = "hours"
        REPORT = "report"

    subject = models.CharField(max_length=6, choices=Subject)
    category = models.CharField(max_length=40)  # "*": every category without a rule of its own

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="rule_once", fields=["community", "subject", "category"])
        ]
        triggers: ClassVar = [
            ReadOnly(name="rule_keeps_its_name", fields=["id", "community", "subject", "category"])
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.category}"


class RuleVersion(TenantModel):
    """One published version of a rule, never changed: awards under it must stay explicable."""

    rule = TenantForeignKey(Rule, models.PROTECT, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()  # 1, 2, … within the rule
    parameters = models.JSONField()
    valid_from = models.DateField()  # the community's days, both ends included
    valid_to = models.DateField(null=True)
    published_at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="rule_version_once", fields=["community", "rule", "number"]
            ),
            models.CheckConstraint(
                name="rule_version_days_in_order",
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
            ),
        ]
        triggers: ClassVar = final("rule_version")

    def __str__(self) -> str:
        return f"{self.rule_id} v{self.number}"

    def is_valid_on(self, day: date) -> bool:
        """Tell whether the version is valid on that day, the community's own."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


sealed.register(
    sealed.Kind(
        name="rule_version",
        table="points_ruleversion",
        facts={
            **sealed.facts_of(
                RuleVersion, "rule number parameters valid_from valid_to published_at"
            ),
            "subject": "rule.subject",
            "category": "rule.category",
        },
        joins="LEFT JOIN points_rule rule"
        " ON rule.community_id = %(community)s AND rule.id = t.rule_id",
        happened="published_at",
    )
)
