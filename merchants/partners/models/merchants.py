"""Merchants and the people who work there."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from backend.accounts import vault
from backend.ids import new_id
from backend.tables import PersonKey, together


class Merchant(models.Model):
    """A business 合伙商企. It may be a partner of several communities."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=60)
    trade = models.CharField(max_length=30)

    def __str__(self) -> str:
        return self.name


class MerchantMember(models.Model):
    """A person who works at a merchant: a clerk scans, an owner also sees what is owed."""

    class Role(models.TextChoices):
        CLERK = "clerk"
        OWNER = "owner"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="members")
    user = PersonKey(db_index=True)
    role = models.CharField(max_length=5, choices=Role)
    since_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)  # dismissed, or left; it stays on record
    ended_by = PersonKey(db_index=True, null=True)

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


class Device(models.Model):
    """A till or phone at a merchant's counter, with a name that its people know it by."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="devices")
    name = models.CharField(max_length=40)
    registered_at = models.DateTimeField(db_default=Now())
    registered_by = PersonKey(db_index=True)
    retired_at = models.DateTimeField(null=True)  # lost or replaced: what it scans later is refused
    retired_by = PersonKey(db_index=True, null=True)

    def __str__(self) -> str:
        return self.name


class Invitation(models.Model):
    """An owner's invitation to work there, for the first who brings its code by ``expires_at``.

    The row is found by the code's digest. The code itself is kept, encrypted, until it is used or
    revoked, because the answer that tells it may get lost.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        EXPIRED = "expired"
        REVOKED = "revoked"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="invitations")
    role = models.CharField(max_length=5, choices=MerchantMember.Role)
    code_digest = models.CharField(max_length=64, unique=True)
    code_encrypted = models.TextField(blank=True)  # see backend/accounts/vault.py
    invited_by = PersonKey(db_index=True)
    invited_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = PersonKey(db_index=True, null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = PersonKey(db_index=True, null=True)

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
                    together("revoked_at", "revoked_by"),
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
        return f"{self.role} of {self.merchant_id}: {self.status}"

    @property
    def code(self) -> str | None:
        """The code in the clear; None once it is no longer good."""
        is_good = self.code_encrypted and self.status == self.Status.PENDING
        return vault.decrypt(self.code_encrypted) if is_good else None

    @property
    def status(self) -> Status:
        if self.accepted_at is not None:
            return self.Status.ACCEPTED
        if self.revoked_at is not None:
            return self.Status.REVOKED
        return self.Status.EXPIRED if self.expires_at <= timezone.now() else self.Status.PENDING
