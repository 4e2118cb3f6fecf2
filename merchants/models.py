"""Merchants, what they offer, what was redeemed and what they are owed."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from backend.communities.models import TenantModel
from backend.ids import new_id


class Merchant(models.Model):
    """A business 合伙商企. It may be a partner of several communities."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=60)
    trade = models.CharField(max_length=30)

    def __str__(self) -> str:
        return self.name


class MerchantMember(models.Model):
    """Who works at a merchant: a clerk scans, an owner also sees what is owed."""

    class Role(models.TextChoices):
        CLERK = "clerk"
        OWNER = "owner"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    role = models.CharField(max_length=5, choices=Role)
    since_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)  # dismissed, or left; it stays on record
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="merchant_member_once",
                fields=["merchant", "user"],
                condition=Q(ended_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id}, {self.role} of {self.merchant_id}"


class Invitation(models.Model):
    """An owner lets somebody work there: whoever brings the code first, until ``expires_at``.

    Of the code only a digest is kept: it is shown once.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        EXPIRED = "expired"
        REVOKED = "revoked"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="invitations")
    role = models.CharField(max_length=5, choices=MerchantMember.Role)
    code_digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    invited_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True
    )
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="invitation_accepted_by_another",
                condition=~Q(accepted_by=F("invited_by")),
            ),
            models.CheckConstraint(
                name="invitation_outcome_is_complete",
                condition=Q(
                    Q(accepted_at__isnull=True, accepted_by__isnull=True)
                    | Q(
                        accepted_at__isnull=False,
                        accepted_by__isnull=False,
                        revoked_at__isnull=True,
                    ),
                    Q(revoked_at__isnull=True, revoked_by__isnull=True)
                    | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                ),
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="invitation_stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="invitation_terms_are_final",
                fields=[
                    "merchant",
                    "role",
                    "code_digest",
                    "invited_by",
                    "invited_at",
                    "expires_at",
                ],
            ),
            pgtrigger.Protect(
                name="invitation_outcome_is_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__accepted_at__isnull=False)
                | pgtrigger.Q(old__revoked_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.merchant_id}: {self.state}"

    @property
    def state(self) -> State:
        if self.accepted_at is not None:
            return self.State.ACCEPTED
        if self.revoked_at is not None:
            return self.State.REVOKED
        return self.State.EXPIRED if self.expires_at <= timezone.now() else self.State.PENDING


class Partnership(TenantModel):
    """The contract between a community and a merchant: what a redeemed point is worth."""

    merchant = models.ForeignKey(
        Merchant, models.PROTECT, related_name="partnerships", db_index=False
    )
    name = models.CharField(max_length=60)  # the merchant's, as this community lists it
    fen_per_point = models.PositiveIntegerField()
    is_donated = models.BooleanField(default=False)  # 公益捐赠: settled at 0
    since_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="partner_once", fields=["community", "merchant"]),
            models.UniqueConstraint(name="partner_name_once", fields=["community", "name"]),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def settled_fen_per_point(self) -> int:
        """What the community pays for one redeemed point: nothing if the merchant donates."""
        return 0 if self.is_donated else self.fen_per_point


class Offer(TenantModel):
    """Something to be had for points. ``stock`` is what is left to be taken now."""

    partnership = models.ForeignKey(
        Partnership, models.PROTECT, related_name="offers", db_index=False
    )
    code = models.CharField(max_length=30)
    title = models.CharField(max_length=60)
    price_points = models.PositiveIntegerField()
    stock = models.PositiveIntegerField()
    is_listed = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="offer_code_once", fields=["community", "code"]),
            models.CheckConstraint(name="offer_costs_points", condition=Q(price_points__gt=0)),
        ]
        indexes: ClassVar = [
            models.Index(name="offer_of_partner", fields=["community", "partnership"])
        ]

    def __str__(self) -> str:
        return self.title


class Statement(TenantModel):
    """What one merchant is owed for one period: drafted → approved → paid.

    Every redemption stands in exactly one statement: it points to it. What is redeemed after
    the draft is a line of the next.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        APPROVED = "approved"
        PAID = "paid"

    partnership = models.ForeignKey(
        Partnership, models.PROTECT, related_name="statements", db_index=False
    )
    period_start = models.DateField()  # the community's days; the end is not included
    period_end = models.DateField()
    status = models.CharField(max_length=8, choices=Status, default=Status.DRAFT)
    redemptions_count = models.PositiveIntegerField()
    points = models.PositiveBigIntegerField()
    amount_fen = models.PositiveBigIntegerField()
    drafted_at = models.DateTimeField(db_default=Now())
    drafted_by = models.ForeignKey(  # NULL: the nightly task
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    approved_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    paid_at = models.DateTimeField(null=True)
    paid_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    payment_reference = models.CharField(max_length=64, blank=True)  # the bank's, for instance

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="statement_once", fields=["community", "partnership", "period_start"]
            ),
            models.CheckConstraint(
                name="statement_approved_by_another",
                condition=~Q(approved_by=F("drafted_by")),
            ),
            models.CheckConstraint(
                name="statement_status_is_complete",
                condition=Q(status="draft", approved_at__isnull=True, paid_at__isnull=True)
                | Q(
                    status="approved",
                    approved_at__isnull=False,
                    approved_by__isnull=False,
                    paid_at__isnull=True,
                )
                | Q(
                    status="paid",
                    approved_at__isnull=False,
                    approved_by__isnull=False,
                    paid_at__isnull=False,
                    paid_by__isnull=False,
                ),
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="statement_stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="statement_figures_are_final",
                fields=[
                    "community",
                    "partnership",
                    "period_start",
                    "period_end",
                    "redemptions_count",
                    "points",
                    "amount_fen",
                    "drafted_by",
                ],
            ),
            pgtrigger.FSM(
                name="statement_goes_forward",
                field="status",
                transitions=[("draft", "approved"), ("approved", "paid")],
            ),
            pgtrigger.Protect(
                name="paid_statement_is_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__status="paid"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partnership_id} {self.period_start}"


class Redemption(TenantModel):
    """An offer taken for points: a voucher until it is scanned, cancelled or lapses.

    Price and rate are frozen when it is taken. The points are held (``hold``) until then.
    """

    class Status(models.TextChoices):
        HELD = "held"
        REDEEMED = "redeemed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"

    offer = models.ForeignKey(Offer, models.PROTECT, related_name="redemptions", db_index=False)
    partnership = models.ForeignKey(
        Partnership, models.PROTECT, related_name="redemptions", db_index=False
    )
    volunteer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    code = models.CharField(max_length=12)  # random; names nobody and opens nothing else
    quantity = models.PositiveIntegerField()
    price_points = models.PositiveBigIntegerField()  # for the whole quantity
    fen_per_point = models.PositiveIntegerField()
    status = models.CharField(max_length=9, choices=Status, default=Status.HELD)
    hold = models.ForeignKey("points.Hold", models.PROTECT, related_name="+", db_index=False)
    transfer = models.ForeignKey(
        "points.Transfer", models.PROTECT, related_name="+", db_index=False, null=True
    )
    taken_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)  # redeemed, cancelled or expired
    redeemed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    statement = models.ForeignKey(
        Statement, models.PROTECT, related_name="redemptions", db_index=False, null=True
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="voucher_code_once", fields=["community", "code"]),
            models.CheckConstraint(name="redemption_of_something", condition=Q(quantity__gt=0)),
            models.CheckConstraint(
                name="redeemed_moved_points",
                condition=Q(status="redeemed", transfer__isnull=False, closed_at__isnull=False)
                | Q(~Q(status="redeemed"), transfer__isnull=True, statement__isnull=True),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="redemption_of_volunteer", fields=["community", "volunteer", "-id"]),
            models.Index(name="redemption_at_partner", fields=["community", "partnership", "-id"]),
            models.Index(
                name="voucher_that_may_lapse",
                fields=["community", "expires_at"],
                condition=Q(status="held"),
            ),
            models.Index(
                name="redemption_unsettled",
                fields=["community", "partnership", "closed_at"],
                condition=Q(status="redeemed", statement__isnull=True),
            ),
            models.Index(name="redemption_in_statement", fields=["community", "statement"]),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="redemption_stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="redemption_terms_are_final",
                fields=[
                    "community",
                    "offer",
                    "partnership",
                    "volunteer",
                    "code",
                    "quantity",
                    "price_points",
                    "fen_per_point",
                    "hold",
                ],
            ),
            pgtrigger.FSM(
                name="redemption_closes_once",
                field="status",
                transitions=[("held", "redeemed"), ("held", "cancelled"), ("held", "expired")],
            ),
            # Above all closed_at, which decides the period it is settled in.
            pgtrigger.Protect(
                name="redemption_outcome_is_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.status <> 'held' AND (OLD.transfer_id, OLD.taken_at, OLD.expires_at,"
                    " OLD.closed_at, OLD.redeemed_by_id) IS DISTINCT FROM (NEW.transfer_id,"
                    " NEW.taken_at, NEW.expires_at, NEW.closed_at, NEW.redeemed_by_id)"
                ),
            ),
            pgtrigger.Protect(
                name="redemption_settled_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(
                    old__statement__isnull=False, new__statement__df=pgtrigger.F("old__statement")
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.offer_id}: {self.status}"


class ScanAttempt(TenantModel):
    """A clerk scanned something; refused attempts stay on record with their reason."""

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_index=False)
    clerk = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    code = models.CharField(max_length=64)
    outcome = models.CharField(max_length=30)  # "redeemed", or the refusal's code
    redemption = models.ForeignKey(
        Redemption, models.PROTECT, related_name="+", db_index=False, null=True
    )
    scanned_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(name="scan_at_merchant", fields=["community", "merchant", "-id"])
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="scan_stays", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.outcome}"
