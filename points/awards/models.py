"""Awards: what each record brought, under a version of a rule; and what changes balances else."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import PersonKey, ReadOnly, TenantForeignKey, final, never, stays
from points.funds.models import Claim
from points.kinds import Unit
from points.ledger.clock import ClockTimestamp
from points.ledger.models import Account, Reversal, Transfer
from points.rules.models import RuleVersion

REASON_MAX = 200  # characters
# An erasure may still take away the words.
_BUT_THE_WORDS = "to_jsonb(OLD) - 'reason' IS DISTINCT FROM to_jsonb(NEW) - 'reason'"
_NEW_WORDS = "NEW.reason <> OLD.reason AND NEW.reason <> ''"


class Award(TenantModel):
    """Amount that one record brought under a version of a rule; 0 is an award as well.

    ``amount`` is whole points or fen; below zero it is a correction that took them. Points have a
    ``transfer``; fen have a ``claim`` on a fund, which pays them in its turn. A kind without a
    rule, such as ``opening``, has no ``rule_version``.
    """

    source = models.CharField(max_length=80)  # the record, for example "hours:<id>"
    kind = models.CharField(max_length=30)  # points/awards/kinds.py
    inputs_version = models.PositiveSmallIntegerField()
    account = TenantForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    # Not a TenantForeignKey: the street above may lend the rule.
    rule_version = models.ForeignKey(
        RuleVersion, models.PROTECT, related_name="+", db_index=False, null=True
    )
    local_day = models.DateField()  # the day its cap counts for, by the community's clock
    unit = models.CharField(max_length=6, choices=Unit)
    amount = models.IntegerField()
    transfer = TenantForeignKey(
        Transfer, models.PROTECT, related_name="+", db_index=False, null=True
    )
    claim = TenantForeignKey(Claim, models.PROTECT, related_name="+", db_index=False, null=True)
    # The transfer or the claim carries it otherwise.
    explanation_of_nothing = models.JSONField(null=True)
    awarded_at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="award_once", fields=["community", "source"]),
            models.UniqueConstraint(name="award_claims_once", fields=["community", "claim"]),
            models.CheckConstraint(
                name="award_moves_or_says_why_not",
                condition=Q(unit="points", transfer__isnull=False, claim__isnull=True)
                & Q(explanation_of_nothing__isnull=True)
                & ~Q(amount=0)
                | Q(unit="fen", transfer__isnull=True, claim__isnull=False)
                & Q(explanation_of_nothing__isnull=True)
                & ~Q(amount=0)
                | Q(amount=0, transfer__isnull=True, claim__isnull=True)
                & Q(explanation_of_nothing__isnull=False),
            ),
            models.CheckConstraint(
                name="award_takes_by_correction_only",
                condition=Q(amount__gte=0) | Q(kind="correction"),
            ),
            models.CheckConstraint(
                name="award_of_hours_is_never_cash", condition=~Q(kind="hours", unit="fen")
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="award_day", fields=["community", "account", "local_day"])
        ]
        triggers: ClassVar = final("award")

    def __str__(self) -> str:
        return self.source

    @property
    def explanation(self) -> dict[str, object]:
        """The kind, rule, version, inputs and arithmetic, whether or not it brought anything."""
        if carrier := self.transfer or self.claim:
            return dict(carrier.explanation)
        return dict(self.explanation_of_nothing or {})


class Void(TenantModel):
    """A whole award taken back, once, with its reason. One that moved nothing has no ``reversal``.

    Of an award in fen its claim is taken back.
    """

    award = TenantForeignKey(Award, models.PROTECT, related_name="voids", db_index=False)
    reversal = TenantForeignKey(
        Reversal, models.PROTECT, related_name="+", db_index=False, null=True
    )
    reason = models.CharField(max_length=REASON_MAX)  # people's words; an erasure empties it
    voided_at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="void_once", fields=["community", "award"])
        ]
        triggers: ClassVar = [
            *stays("void"),
            never("void_is_final", f"{_BUT_THE_WORDS} OR {_NEW_WORDS}"),
        ]

    def __str__(self) -> str:
        return f"void of {self.award_id}"


class Adjustment(TenantModel):
    """A change of points that no record of the person's brings: proposed → approved | rejected.

    Two members of staff decide on it, neither of them the person. ``amount`` is whole points: an
    opening brings along what stood on paper, a correction brings or takes.
    """

    class Kind(models.TextChoices):
        OPENING = "opening"
        CORRECTION = "correction"

    class Status(models.TextChoices):
        PROPOSED = "proposed"
        APPROVED = "approved"
        REJECTED = "rejected"

    kind = models.CharField(max_length=10, choices=Kind)
    person = PersonKey()
    amount = models.IntegerField()
    expires_on = models.DateField(null=True)  # the last day of points it brings; NULL: for good
    reason = models.CharField(max_length=REASON_MAX)  # people's words; an erasure empties it
    status = models.CharField(max_length=8, choices=Status, default=Status.PROPOSED)
    proposed_by = PersonKey()
    proposed_at = models.DateTimeField(db_default=Now())
    decided_by = PersonKey(null=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="opening_once",
                fields=["community", "person"],
                condition=Q(kind="opening") & ~Q(status="rejected"),
            ),
            models.CheckConstraint(
                name="adjustment_changes_something",
                condition=Q(kind="opening", amount__gt=0)
                | Q(kind="correction", amount__gt=0)
                | Q(kind="correction", amount__lt=0, expires_on__isnull=True),
            ),
            # The person who proposed it may take it back, which is a rejection.
            models.CheckConstraint(
                name="adjustment_approved_by_another",
                condition=~Q(status="approved", decided_by=F("proposed_by")),
            ),
            models.CheckConstraint(
                name="adjustment_of_somebody_else",
                condition=~Q(proposed_by=F("person")) & ~Q(decided_by=F("person")),
            ),
            models.CheckConstraint(
                name="adjustment_decision_is_complete",
                condition=Q(status="proposed", decided_by__isnull=True, decided_at__isnull=True)
                | Q(
                    status__in=["approved", "rejected"],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                ),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="adjustment_by_status", fields=["community", "status", "-id"])
        ]
        triggers: ClassVar = [
            *stays("adjustment"),
            ReadOnly(
                name="adjustment_terms_are_final",
                fields=[
                    *("id", "community", "kind", "person", "amount", "expires_on"),
                    *("proposed_by", "proposed_at"),
                ],
            ),
            never(
                "adjustment_decision_is_final",
                f"OLD.status <> 'proposed' AND {_BUT_THE_WORDS} OR {_NEW_WORDS}",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.amount}"

    @property
    def award_source(self) -> str:
        """Source under which this changes the balance, once."""
        return f"{self.kind}:{self.pk}"
