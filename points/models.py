"""The ledger's tables. The database itself refuses what may never be true (docs/ledger.md)."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import Community, TenantModel
from points import triggers


class Unit(models.TextChoices):
    """What an account counts. Nothing turns one into the other."""

    POINTS = "points"
    FEN = "fen"


class AccountKind(models.TextChoices):
    """What an account is for."""

    WALLET = "wallet"  # a volunteer's points
    FUND = "fund"  # a budget, in points or fen
    ISSUANCE = "issuance"  # where points come from
    MERCHANT = "merchant"  # redeemed, not yet settled
    SETTLED = "settled"
    EXPIRED = "expired"
    POOL = "pool"  # given back
    PAYOUT = "payout"


class Account(TenantModel):
    """One holder's account of one kind in one unit.

    Only kinds with a floor keep running totals (``triggers.FLOORED``): the others are touched by
    every posting, and a row that everybody updates would be a queue for everybody. Totals are
    moved by the triggers of Transfer and Hold and by nothing else.
    """

    kind = models.CharField(max_length=10, choices=AccountKind)
    unit = models.CharField(max_length=6, choices=Unit)
    holder = models.CharField(max_length=60, blank=True)  # opaque: "person:…", "merchant:…"
    credits = models.BigIntegerField(default=0)
    debits = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="account_once", fields=["community", "kind", "unit", "holder"]
            ),
            models.CheckConstraint(
                name="account_kind_known", condition=Q(kind__in=AccountKind.values)
            ),
            models.CheckConstraint(name="account_unit_known", condition=Q(unit__in=Unit.values)),
            models.CheckConstraint(
                name="account_never_overdrawn",
                condition=Q(credits__gte=F("debits") + F("held"))
                & Q(credits__gte=0, debits__gte=0, held__gte=0),
            ),
        ]
        triggers: ClassVar = triggers.ACCOUNT

    def __str__(self) -> str:
        return f"{self.kind} {self.holder}".strip()

    @property
    def has_floor(self) -> bool:
        return self.kind in triggers.FLOORED

    @property
    def available(self) -> int:
        """What can be spent now; only for kinds with a floor."""
        return self.credits - self.debits - self.held


class Movement(TenantModel):
    """What a transfer and a hold have in common: ``amount`` from ``debit`` to ``credit``.

    The accounts' foreign keys stand in Python only: the triggers check the accounts without the
    lock a foreign key would put on rows that everybody shares.
    """

    community = models.ForeignKey(
        Community, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    key = models.CharField(max_length=120)  # made from the event; one key moves points once
    debit = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    credit = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    amount = models.BigIntegerField()  # whole points or fen
    reason = models.CharField(max_length=30)  # why, in one word: "hours", "redemption"
    source = models.CharField(max_length=80, blank=True)  # the record it comes from
    explanation = models.JSONField(default=dict)  # rule, version, inputs, arithmetic
    occurred_at = models.DateTimeField()  # when it happened in the community
    posted_at = models.DateTimeField(db_default=Now())  # when the ledger learned of it

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.key


class Transfer(Movement):
    """One movement: ``amount`` leaves ``debit`` and reaches ``credit``.

    Both sides are one row, so the books balance. It is never changed or deleted; a mistake is
    reversed by another transfer.
    """

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="transfer_once", fields=["community", "key"]),
            models.CheckConstraint(name="transfer_moves_something", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="transfer_two_accounts", condition=~Q(debit=F("credit"))),
        ]
        indexes: ClassVar = [
            models.Index(name="transfer_out", fields=["community", "debit", "-id"]),
            models.Index(name="transfer_in", fields=["community", "credit", "-id"]),
        ]
        triggers: ClassVar = triggers.TRANSFER


class Hold(Movement):
    """``amount`` set aside in ``debit`` until it is captured (all or part) or voided, once.

    From ``expires_at`` on it can not be captured, whether or not anything has voided it yet.
    Capturing is what makes the transfer: a trigger writes it, under the hold's own key.
    """

    class State(models.TextChoices):
        HELD = "held"
        CAPTURED = "captured"
        VOIDED = "voided"

    state = models.CharField(max_length=8, choices=State, default=State.HELD)
    expires_at = models.DateTimeField()
    captured_amount = models.BigIntegerField(null=True)
    transfer_id = models.UUIDField(null=True)  # the transfer that captured it
    resolved_at = models.DateTimeField(null=True)  # when it was captured or voided

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="hold_once", fields=["community", "key"]),
            models.CheckConstraint(name="hold_holds_something", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="hold_two_accounts", condition=~Q(debit=F("credit"))),
            models.CheckConstraint(
                name="hold_captured_or_not",
                condition=Q(
                    state="captured",
                    captured_amount__gt=0,
                    captured_amount__lte=F("amount"),
                    transfer_id__isnull=False,
                    resolved_at__isnull=False,
                )
                | Q(
                    state="voided",
                    captured_amount__isnull=True,
                    transfer_id__isnull=True,
                    resolved_at__isnull=False,
                )
                | Q(
                    state="held",
                    captured_amount__isnull=True,
                    transfer_id__isnull=True,
                    resolved_at__isnull=True,
                ),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="hold_of_account", fields=["community", "debit", "-id"])
        ]
        triggers: ClassVar = triggers.HOLD


class Rule(TenantModel):
    """What a category of service or report earns; its versions say how much, and when."""

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
            pgtrigger.ReadOnly(
                name="rule_keeps_its_name", fields=["id", "community", "subject", "category"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.category}"


class RuleVersion(TenantModel):
    """One published wording of a rule, never changed: what it earned must stay explicable."""

    rule = models.ForeignKey(Rule, models.PROTECT, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()  # 1, 2, … within the rule
    parameters = models.JSONField()
    valid_from = models.DateField()  # the community's days, both ends included
    valid_to = models.DateField(null=True)
    published_at = models.DateTimeField(db_default=Now())

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
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="rule_version_is_final", operation=pgtrigger.Update | pgtrigger.Delete
            ),
            triggers.not_emptied("rule_version"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} v{self.number}"


class Award(TenantModel):
    """What one record earned, under which version of which rule; nothing, too, is an answer."""

    source = models.CharField(max_length=80)  # the record, for example "hours:<id>"
    account = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    rule_version = models.ForeignKey(RuleVersion, models.PROTECT, related_name="+", db_index=False)
    local_day = models.DateField()  # the day its cap counts for, by the community's clock
    points = models.PositiveIntegerField()
    transfer = models.ForeignKey(
        Transfer, models.PROTECT, related_name="+", db_index=False, null=True
    )
    explanation_of_nothing = models.JSONField(null=True)  # the transfer carries it otherwise
    awarded_at = models.DateTimeField(db_default=Now())

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
        triggers: ClassVar = [
            pgtrigger.Protect(name="award_is_final", operation=pgtrigger.Update | pgtrigger.Delete),
            triggers.not_emptied("award"),
        ]

    def __str__(self) -> str:
        return self.source

    @property
    def explanation(self) -> dict[str, object]:
        """Rule, version, inputs and arithmetic, whether or not it earned anything."""
        if self.transfer is not None:
            return dict(self.transfer.explanation)
        return dict(self.explanation_of_nothing or {})
