"""Accounts and what moves between them. The database refuses what may never be true."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import Community, TenantModel
from backend.registries import sealed
from backend.tables import TenantForeignKey
from points.kinds import AccountKind, Unit
from points.ledger import triggers
from points.ledger.clock import ClockTimestamp


def unchecked(to: Any, **options: Any) -> "models.ForeignKey[Any, Any]":
    """Make a foreign key that exists in Python only.

    Triggers check accounts without the lock that a real foreign key would put on rows that
    everybody shares.
    """
    key = models.ForeignKey if to is Community else TenantForeignKey
    return key(
        to,
        models.DO_NOTHING,
        related_name="+",
        db_index=False,
        db_constraint=False,
        **options,
    )


_OF_A_KIND = Q(source__contains=":")  # "redemption:<id>"; whether it opens, a verification tells


class Account(TenantModel):
    """One holder's account of one kind in one unit.

    Only kinds with a floor keep running totals (``triggers.FLOORED``): every posting touches the
    others, and a row that everybody updates would be a queue for everybody. Only the triggers of
    Transfer and Hold change the totals.
    """

    kind = models.CharField(max_length=10, choices=AccountKind)
    unit = models.CharField(max_length=6, choices=Unit)
    holder = models.CharField(max_length=60, blank=True)  # opaque: "person:…", "merchant:…"
    credits = models.BigIntegerField(default=0)
    debits = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    shortfall = models.BigIntegerField(default=0)  # reversed, but spent before: to be repaid first
    opened_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="account_once", fields=["community", "kind", "unit", "holder"]
            ),
            # Kept short, because PostgreSQL parses it for every posting. A trigger checks kind and
            # unit, which never change.
            models.CheckConstraint(
                name="account_never_overdrawn",
                condition=Q(
                    credits__gte=F("debits") + F("held"),
                    debits__gte=0,
                    held__gte=0,
                    shortfall__gte=0,
                ),
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
        """The amount that can be spent now; only for kinds with a floor."""
        return self.credits - self.debits - self.held


class Movement(TenantModel):
    """The fields that a transfer and a hold share: ``amount`` from ``debit`` to ``credit``."""

    community = unchecked(Community)
    key = models.CharField(max_length=120)  # made from the event; one key moves points once
    debit = unchecked(Account)
    credit = unchecked(Account)
    amount = models.BigIntegerField()  # whole points or fen
    reason = models.CharField(max_length=30)  # why, in one word: "hours", "redemption"
    source = models.CharField(max_length=80)  # opens its event: backend/registries/events.py
    explanation = models.JSONField(default=dict)  # rule, version, inputs, arithmetic
    occurred_at = models.DateTimeField()  # when it happened in the community
    posted_at = models.DateTimeField(db_default=ClockTimestamp())  # when the ledger learned of it

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.key


class Transfer(Movement):
    """One movement: ``amount`` leaves ``debit`` and reaches ``credit``.

    Both sides are one row, so the books balance. A transfer is never changed or deleted; a mistake
    is reversed by another transfer, which names it.
    """

    reverses = unchecked("self", null=True)
    # The last day of points that reached a wallet; NULL: they never expire, or it was no wallet.
    expires_on = models.DateField(null=True)
    seen_from: Account  # of a statement's line: the account whose statement it is

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="transfer_once", fields=["community", "key"]),
            models.CheckConstraint(name="transfer_moves_something", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="transfer_two_accounts", condition=~Q(debit=F("credit"))),
            models.CheckConstraint(name="transfer_has_a_source", condition=_OF_A_KIND),
        ]
        indexes: ClassVar = [
            models.Index(name="transfer_out", fields=["community", "debit", "-id"]),
            models.Index(name="transfer_in", fields=["community", "credit", "-id"]),
            models.Index(name="transfer_newest", fields=["community", "-id"]),
            models.Index(
                name="transfer_reversals",
                fields=["community", "reverses"],
                condition=Q(reverses__isnull=False),
            ),
            # Nearly none: a trial balance by occurrence has to find them, however old they are.
            models.Index(
                name="transfer_ahead",
                fields=["community", "occurred_at"],
                condition=Q(occurred_at__gt=F("posted_at")),
            ),
        ]
        triggers: ClassVar = triggers.TRANSFER

    @property
    def brought(self) -> int:
        """The amount as ``seen_from`` sees it: positive if it came in, negative if it went out."""
        return self.amount if self.credit_id == self.seen_from.pk else -self.amount


sealed.register(
    sealed.Kind(
        name="transfer",
        table="points_transfer",
        facts={
            **sealed.facts_of(
                Transfer,
                "key amount reason source explanation occurred_at posted_at reverses expires_on",
            ),
            # Who the two accounts are as well.
            **{
                side: f"jsonb_build_object('id', t.{side}_id, 'kind', {side}.kind,"
                f" 'unit', {side}.unit, 'holder', {side}.holder)"
                for side in ("debit", "credit")
            },
        },
        joins="\n".join(
            f"LEFT JOIN points_account {side}"
            f" ON {side}.community_id = %(community)s AND {side}.id = t.{side}_id"
            for side in ("debit", "credit")
        ),
        happened="posted_at",
    )
)


class Hold(Movement):
    """An ``amount`` set aside in ``debit`` until it is captured (all or part) or voided, once.

    From ``expires_at`` on a hold can not be captured, whether or not anything has voided it yet;
    NULL: it never expires.
    Capturing makes the transfer: a trigger writes it, under the hold's own key.
    """

    class State(models.TextChoices):
        HELD = "held"
        CAPTURED = "captured"
        VOIDED = "voided"

    state = models.CharField(max_length=8, choices=State, default=State.HELD)
    expires_at = models.DateTimeField(null=True)
    captured_amount = models.BigIntegerField(null=True)
    transfer_id = models.UUIDField(null=True)  # the transfer that captured it
    resolved_at = models.DateTimeField(null=True)  # when it was captured or voided

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="hold_once", fields=["community", "key"]),
            models.CheckConstraint(name="hold_holds_something", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="hold_two_accounts", condition=~Q(debit=F("credit"))),
            models.CheckConstraint(name="hold_has_a_source", condition=_OF_A_KIND),
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
        triggers: ClassVar = triggers.HOLD


class Reversal(TenantModel):
    """A request to take back ``amount`` of ``transfer``, as far as it is still there.

    What ``account`` (the one that was credited) can not give now is its shortfall: whatever reaches
    the account repays it first, oldest reversal first. ``recovered`` is what has been repaid so
    far; only triggers change it.
    """

    key = models.CharField(max_length=120)  # made from the event; one key reverses once
    transfer = unchecked(Transfer)
    account = unchecked(Account)
    amount = models.BigIntegerField()
    recovered = models.BigIntegerField()
    reason = models.CharField(max_length=30)
    source = models.CharField(max_length=80)
    explanation = models.JSONField(default=dict)
    occurred_at = models.DateTimeField()
    requested_at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="reversal_once", fields=["community", "key"]),
            models.CheckConstraint(
                name="reversal_recovers_its_amount",
                condition=Q(amount__gt=0, recovered__gte=0, recovered__lte=F("amount")),
            ),
            models.CheckConstraint(name="reversal_has_a_source", condition=_OF_A_KIND),
        ]
        indexes: ClassVar = [
            models.Index(name="reversal_of_transfer", fields=["community", "transfer"]),
            models.Index(
                name="reversal_outstanding",
                fields=["community", "account", "id"],
                condition=Q(recovered__lt=F("amount")),
            ),
        ]
        triggers: ClassVar = triggers.REVERSAL

    def __str__(self) -> str:
        return self.key

    @property
    def outstanding(self) -> int:
        """The amount that could not be taken back yet."""
        return self.amount - self.recovered


class Earned(TenantModel):
    """The points a wallet earned that expire at the end of ``expires_on``, less reversed awards.

    Spending is first-expiring-first by definition, so expiry needs to know no more than this
    (docs/ledger.md, "Expiry"). Only the triggers of Transfer change these rows.
    """

    account = unchecked(Account)
    expires_on = models.DateField(null=True)  # NULL: never
    points = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="earned_once",
                fields=["community", "account", "expires_on"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="earned_not_below_zero", condition=Q(points__gte=0)),
        ]
        triggers: ClassVar = triggers.EARNED

    def __str__(self) -> str:
        return f"{self.points} until {self.expires_on}"
