"""Funds: budgets, what was put into them, and what is claimed from them."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q

from backend.communities.models import TenantModel
from backend.tables import (
    FSM,
    UPDATE_OF,
    PersonKey,
    ReadOnly,
    TenantForeignKey,
    final,
    never,
    set_once,
    stays,
    together,
    trigger,
)
from points.ledger.clock import ClockTimestamp
from points.ledger.models import Account, Hold


class Fund(TenantModel):
    """A budget of one year, in points or fen, kept by an account of kind ``fund``.

    A claim above ``approval_above`` is paid once a second person approves it; NULL: none has to.
    After its year the fund ends: what is left is carried over into another fund, or returned.
    """

    class Ending(models.TextChoices):
        CARRIED_OVER = "carried_over"
        RETURNED = "returned"

    account = TenantForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    year = models.PositiveSmallIntegerField()  # by the community's clock
    name = models.CharField(max_length=40)
    approval_above = models.BigIntegerField(null=True)  # in the account's unit
    opened_at = models.DateTimeField(db_default=ClockTimestamp())
    opened_by = PersonKey()
    ending = models.CharField(max_length=12, choices=Ending, null=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = PersonKey(null=True)
    ended_amount = models.BigIntegerField(null=True)  # what was left, and is elsewhere now
    carried_into = TenantForeignKey(
        "self", models.PROTECT, related_name="+", db_index=False, null=True
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="fund_once", fields=["community", "year", "name"]),
            models.UniqueConstraint(name="fund_has_an_account", fields=["community", "account"]),
            models.UniqueConstraint(
                name="fund_carried_into_once", fields=["community", "carried_into"]
            ),
            models.CheckConstraint(
                name="fund_threshold_not_below_zero",
                condition=Q(approval_above__isnull=True) | Q(approval_above__gte=0),
            ),
            models.CheckConstraint(
                name="fund_ending_is_complete",
                condition=together("ending", "ended_at", "ended_by", "ended_amount")
                & (
                    Q(ending="carried_over", carried_into__isnull=False)
                    | (Q(ending__isnull=True) | Q(ending="returned")) & Q(carried_into__isnull=True)
                )
                & (Q(ended_amount__isnull=True) | Q(ended_amount__gte=0)),
            ),
        ]
        triggers: ClassVar = [
            *stays("fund"),
            ReadOnly(
                name="fund_keeps_its_terms",
                fields=[
                    "id",
                    "community",
                    "account",
                    "year",
                    "name",
                    "approval_above",
                    "opened_at",
                    "opened_by",
                ],
            ),
            set_once("fund_ends_once", "ending"),
            trigger("fund_has_its_own_account", pgtrigger.Insert, when=pgtrigger.Before),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.year}"


class TopUp(TenantModel):
    """An amount put into a fund, and why. Its transfer has the key ``fund_top_up:<id>``."""

    fund = TenantForeignKey(Fund, models.PROTECT, related_name="+", db_index=False)
    amount = models.BigIntegerField()
    reason = models.CharField(max_length=200)  # in words: whose decision, which document
    topped_up_at = models.DateTimeField(db_default=ClockTimestamp())
    topped_up_by = PersonKey()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="top_up_is_something", condition=Q(amount__gt=0) & ~Q(reason="")
            )
        ]
        indexes: ClassVar = [models.Index(name="top_up_of_fund", fields=["community", "fund"])]
        triggers: ClassVar = final("top_up")

    def __str__(self) -> str:
        return f"{self.amount}: {self.reason}"


class Claim(TenantModel):
    """An amount that ``subject`` claims from a fund for ``payee``.

    waiting → reserved → committed; an open one can be released; reserved → unclaimed → waiting.
    Whoever waits is served by ``closed_at``, then by id, and nobody overtakes. ``hold`` is the
    latest reservation, which never expires. A committed claim has a transfer with the key
    ``fund_claim:<id>``.

    One that is frozen keeps its place, but is neither reserved nor paid. What its payee owes is set
    off against it when it is about to be paid; from then on it is on its way. One that was taken
    back when it was on its way or paid is owed by its payee, less its recoveries.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"  # for money
        RESERVED = "reserved"
        UNCLAIMED = "unclaimed"  # nobody took it: waits until its person asks
        COMMITTED = "committed"
        RELEASED = "released"  # for good

    OPEN: ClassVar = (Status.WAITING, Status.RESERVED, Status.UNCLAIMED)

    fund = TenantForeignKey(Fund, models.PROTECT, related_name="+", db_index=False)
    subject = models.CharField(max_length=80)  # opaque, such as "report:…"; it claims once
    payee = TenantForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    amount = models.BigIntegerField()
    closed_at = models.DateTimeField()  # the subject's closing time, which is its place
    reason = models.CharField(max_length=30)  # the transfer's
    explanation = models.JSONField(default=dict)  # the transfer's
    status = models.CharField(max_length=9, choices=Status, default=Status.WAITING)
    claimed_at = models.DateTimeField(db_default=ClockTimestamp())
    asked_by = PersonKey()
    needs_approval = models.BooleanField()
    approved_at = models.DateTimeField(null=True)
    approved_by = PersonKey(null=True)
    waiting_since = models.DateTimeField(db_default=ClockTimestamp())  # this time
    reserved_at = models.DateTimeField(null=True)  # the last time
    reservations = models.PositiveSmallIntegerField(default=0)  # so far; numbers their holds
    hold = TenantForeignKey(Hold, models.PROTECT, related_name="+", db_index=False, null=True)
    frozen_at = models.DateTimeField(null=True)  # while its subject is open again
    # The part that repays what the payee owes; NULL until it is about to be paid.
    set_off = models.BigIntegerField(null=True)
    resolved_at = models.DateTimeField(null=True)  # when it was committed or released
    taken_back_at = models.DateTimeField(null=True)
    taken_back_by = PersonKey(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="claim_once", fields=["community", "subject"]),
            models.CheckConstraint(name="claim_claims_something", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="claim_approved_by_another", condition=~Q(approved_by=F("asked_by"))
            ),
            models.CheckConstraint(
                name="claim_approval_is_complete", condition=together("approved_at", "approved_by")
            ),
            models.CheckConstraint(
                name="claim_committed_is_approved",
                condition=~Q(status="committed", needs_approval=True, approved_by__isnull=True),
            ),
            models.CheckConstraint(
                name="claim_reservation_is_complete",
                condition=together("hold", "reserved_at")
                & (Q(reservations=0, hold__isnull=True) | Q(reservations__gt=0))
                & (
                    Q(status__in=["waiting", "released"])
                    | Q(
                        status__in=["reserved", "unclaimed", "committed"], reserved_at__isnull=False
                    )
                ),
            ),
            models.CheckConstraint(
                name="claim_resolved_or_open",
                condition=Q(status__in=["committed", "released"], resolved_at__isnull=False)
                | Q(status__in=["waiting", "reserved", "unclaimed"], resolved_at__isnull=True),
            ),
            models.CheckConstraint(
                name="claim_set_off_of_what_is_paid",
                condition=Q(set_off__isnull=True) & ~Q(status="committed")
                | Q(status__in=["reserved", "committed"], set_off__range=(0, F("amount"))),
            ),
            models.CheckConstraint(
                name="claim_taken_back_is_complete",
                condition=Q(taken_back_at__isnull=True, taken_back_by__isnull=True)
                | Q(
                    status__in=["reserved", "committed", "released"],
                    taken_back_at__isnull=False,
                    taken_back_by__isnull=False,
                ),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="claim_newest", fields=["community", "fund", "-id"]),
            models.Index(
                name="claim_open",
                fields=["community", "fund", "status", "closed_at", "id"],
                condition=Q(status__in=["waiting", "reserved", "unclaimed"]),
            ),
            models.Index(
                name="claim_taken_back",
                fields=["community", "payee"],
                condition=Q(status="committed", taken_back_at__isnull=False),
            ),
            models.Index(
                name="claim_set_off",
                fields=["community", "payee"],
                condition=Q(status="reserved", set_off__gt=0),
            ),
        ]
        triggers: ClassVar = [
            *stays("claim"),
            ReadOnly(
                name="claim_keeps_its_terms",
                fields=[
                    "id",
                    "community",
                    "subject",
                    "payee",
                    "amount",
                    "closed_at",
                    "reason",
                    "explanation",
                    "claimed_at",
                    "asked_by",
                    "needs_approval",
                ],
            ),
            FSM(
                name="claim_goes_its_way",
                field="status",
                transitions=[
                    ("waiting", "reserved"),
                    ("waiting", "released"),
                    ("reserved", "committed"),
                    ("reserved", "released"),
                    ("reserved", "unclaimed"),
                    ("reserved", "waiting"),
                    ("unclaimed", "waiting"),
                    ("unclaimed", "released"),
                ],
            ),
            never(
                "claim_ends_once",
                "OLD.resolved_at IS NOT NULL AND to_jsonb(OLD) - '{taken_back_at,taken_back_by_id}'"
                "::text[] IS DISTINCT FROM to_jsonb(NEW) - '{taken_back_at,taken_back_by_id}'"
                "::text[]",
            ),
            never(
                "claim_is_taken_back_once",
                "OLD.taken_back_at IS NOT NULL AND (OLD.taken_back_at, OLD.taken_back_by_id)"
                " IS DISTINCT FROM (NEW.taken_back_at, NEW.taken_back_by_id)",
            ),
            never(
                "claim_is_approved_once",
                "OLD.approved_by_id IS NOT NULL AND (OLD.approved_by_id, OLD.approved_at)"
                " IS DISTINCT FROM (NEW.approved_by_id, NEW.approved_at)",
            ),
            never(
                "claim_moves_while_nothing_is_reserved",
                "OLD.fund_id <> NEW.fund_id"
                " AND (OLD.status NOT IN ('waiting', 'unclaimed') OR OLD.status <> NEW.status)",
            ),
            trigger("claim_begins_waiting", pgtrigger.Insert, when=pgtrigger.Before),
            trigger(
                "claim_follows_the_ledger",
                UPDATE_OF("status", "hold_id", "approved_by_id"),
                when=pgtrigger.Before,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {self.status}"

    @property
    def source(self) -> str:
        """The claim as the source and the key of its transfer."""
        return f"fund_claim:{self.pk}"

    @property
    def is_on_its_way(self) -> bool:
        """Tell whether it is about to be paid: what was set off against it is decided."""
        return self.status == self.Status.RESERVED and self.set_off is not None


class Recovery(TenantModel):
    """An amount that came back of a claim which was paid and then taken back.

    It was paid by hand, under ``reference`` and before ``recorded_by``, or was set off against
    another claim of its payee. Its reversal has the key ``recovery:<id>``.
    """

    claim = TenantForeignKey(Claim, models.PROTECT, related_name="recoveries", db_index=False)
    amount = models.BigIntegerField()
    set_off_against = TenantForeignKey(
        Claim, models.PROTECT, related_name="+", db_index=False, null=True
    )
    reference = models.CharField(max_length=60, blank=True)
    recorded_by = PersonKey(null=True)
    recovered_at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        verbose_name_plural = "recoveries"
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="recovery_once",
                fields=["community", "claim", "reference", "set_off_against"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="recovery_by_hand_or_set_off",
                condition=Q(amount__gt=0)
                & (
                    Q(set_off_against__isnull=False, reference="", recorded_by__isnull=True)
                    | Q(set_off_against__isnull=True, recorded_by__isnull=False) & ~Q(reference="")
                ),
            ),
        ]
        triggers: ClassVar = [
            *final("recovery"),
            trigger("recovery_is_of_what_is_owed", pgtrigger.Insert, when=pgtrigger.Before),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.claim_id}"

    @property
    def source(self) -> str:
        """The recovery as the source and the key of its reversal."""
        return f"recovery:{self.pk}"
