"""What merchants' own systems are told: where, and every delivery. Triggers write what is owed."""

import json
from datetime import datetime
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.accounts import vault
from backend.communities.models import TenantModel
from backend.ids import new_id
from merchants.partners.models.merchants import Merchant


class WebhookEndpoint(models.Model):
    """An address of a merchant's own system. Its secrets are encrypted at rest."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="webhooks")
    url = models.CharField(max_length=500)
    secret_encrypted = models.TextField()  # a Fernet token, see backend/accounts/vault.py
    secret_confirmed_at = models.DateTimeField(null=True)  # a delivery it alone signed was taken
    old_secrets_encrypted = models.TextField(blank=True)  # JSON, see old_secrets
    made_at = models.DateTimeField(db_default=Now())
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    disabled_at = models.DateTimeField(null=True)  # nothing is owed to it from then on
    disabled_because = models.CharField(max_length=10, blank=True)  # "owner" or "failing"
    # Tries in a row that had no answer at all, and when it is asked again because of them.
    silences = models.PositiveSmallIntegerField(db_default=0)
    silent_until = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="webhook_url_once", fields=["merchant", "url"]),
            models.CheckConstraint(
                name="webhook_disabled_for_a_reason",
                condition=Q(disabled_at__isnull=True, disabled_because="")
                | Q(disabled_at__isnull=False, disabled_because__in=["owner", "failing"]),
            ),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def secret(self) -> str:
        """In the clear."""
        return vault.decrypt(self.secret_encrypted)

    @property
    def secret_to_tell(self) -> str | None:
        """The one in use, until the receiver has shown that it knows it."""
        return self.secret if self.secret_confirmed_at is None else None

    def old_secrets(self, now: datetime) -> dict[str, str]:
        """Those before it that sign beside it, newest first, and until when (ISO 8601)."""
        if not self.old_secrets_encrypted:
            return {}
        kept: dict[str, str] = json.loads(vault.decrypt(self.old_secrets_encrypted))
        return {
            secret: until for secret, until in kept.items() if datetime.fromisoformat(until) > now
        }


class WebhookDelivery(TenantModel):
    """One event for one endpoint: pending → delivered | failed; repeated, it is pending again.

    ``data`` is as it was when it happened. Of one object (``object_id``) an event waits for the
    earlier ones, by ``happened_at``: they come to the endpoint in order. 90 days after it happened
    what is not pending is forgotten.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    endpoint = models.ForeignKey(
        WebhookEndpoint, models.PROTECT, related_name="deliveries", db_index=False
    )
    event = models.CharField(max_length=30)
    object_id = models.UUIDField()
    data = models.JSONField()
    happened_at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()  # also while somebody is at it, lest they die
    last_status = models.PositiveSmallIntegerField(null=True)  # HTTP's
    trouble = models.CharField(max_length=40, blank=True)  # why there was no answer
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                name="webhook_owed",
                fields=["community", "next_at"],
                condition=Q(state="pending"),
            ),
            models.Index(
                name="webhook_in_order",
                fields=["community", "endpoint", "object_id", "happened_at"],
                condition=Q(state="pending"),
            ),
            models.Index(name="webhook_newest", fields=["community", "endpoint", "-id"]),
            models.Index(
                name="webhook_old",
                fields=["community", "happened_at"],
                condition=~Q(state="pending"),
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="webhook_stays",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Condition(
                    "OLD.state = 'pending' OR OLD.happened_at > now() - INTERVAL '90 days'"
                ),
            ),
            pgtrigger.ReadOnly(
                name="webhook_says_what_happened",
                fields=["community", "endpoint", "event", "object_id", "data", "happened_at"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.object_id}: {self.state}"
