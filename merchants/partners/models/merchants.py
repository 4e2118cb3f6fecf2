"""Merchants and the people who work there."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.ids import new_id
from backend.invitations.models import Invitation as ByCode
from backend.invitations.models import invitation_triggers
from backend.tables import PersonKey


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


class Invitation(ByCode):
    """An owner's invitation to work there."""

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="invitations")
    role = models.CharField(max_length=5, choices=MerchantMember.Role)

    class Meta(ByCode.Meta):
        triggers: ClassVar = invitation_triggers("merchant", "role")

    def __str__(self) -> str:
        return f"{self.role} of {self.merchant_id}: {self.status}"
