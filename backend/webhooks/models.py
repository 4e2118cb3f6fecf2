"""Endpoints of owners' own systems, and every delivery to them."""

import json
from datetime import datetime
from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.accounts import vault
from backend.communities.models import TenantModel
from backend.ids import new_id
from backend.outbox.models import Owed, owed_indexes, owed_or_given_up
from backend.tables import PersonKey


class Endpoint(models.Model):
    """An address of an owner's own system. Its secrets are encrypted at rest.

    ``owner_id`` is opaque: the app that the owner belongs to knows who it is (owners.py).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner_id = models.UUIDField()
    url = models.CharField(max_length=500)
    secret_encrypted = models.TextField()  # a Fernet token, see backend/accounts/vault.py
    secret_confirmed_at = models.DateTimeField(null=True)  # a delivery it alone signed was taken
    old_secrets_encrypted = models.TextField(blank=True)  # JSON, see old_secrets
    made_at = models.DateTimeField(db_default=Now())
    made_by = PersonKey(db_index=True)
    disabled_at = models.DateTimeField(null=True)  # nothing is owed to it from then on
    disabled_reason = models.CharField(max_length=10, blank=True)  # "owner" or "failing"

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="endpoint_url_once", fields=["owner_id", "url"]),
            models.CheckConstraint(
                name="endpoint_disabled_for_a_reason",
                condition=Q(disabled_at__isnull=True, disabled_reason="")
                | Q(disabled_at__isnull=False, disabled_reason__in=["owner", "failing"]),
            ),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def secret(self) -> str:
        """The secret in use, decrypted."""
        return vault.decrypt(self.secret_encrypted)

    @property
    def secret_to_tell(self) -> str | None:
        """The secret in use, until the receiver has shown that it knows it; then None."""
        return self.secret if self.secret_confirmed_at is None else None

    def old_secrets(self, now: datetime) -> dict[str, str]:
        """Return earlier secrets that still sign, newest first, and until when (ISO 8601)."""
        if not self.old_secrets_encrypted:
            return {}
        kept: dict[str, str] = json.loads(vault.decrypt(self.old_secrets_encrypted))
        return {
            secret: until for secret, until in kept.items() if datetime.fromisoformat(until) > now
        }


class Silence(models.Model):
    """The silence of an endpoint: ``times`` without an answer, left alone until ``until_at``.

    Any answer deletes the row. It is no column of Endpoint because it changes often: endpoints are
    joined by every tenant, and may stand on every machine.
    """

    endpoint = models.OneToOneField(Endpoint, models.CASCADE, primary_key=True)
    times = models.PositiveSmallIntegerField()
    until_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.endpoint_id}: {self.times}"


class Delivery(TenantModel, Owed):
    """One event for one endpoint: pending → delivered | failed; a redelivery is pending again.

    The database adds it (sql/owe.sql): an event and the ``object_id`` of its row. ``body`` is made
    at the first try and never changed. Deliveries of one ``ordering_id`` reach the endpoint in the
    order of ``happened_at``. 90 days after the event, deliveries that are not pending are deleted.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    endpoint = models.ForeignKey(
        Endpoint, models.PROTECT, related_name="deliveries", db_index=False
    )
    event = models.CharField(max_length=30)
    object_id = models.UUIDField()
    ordering_id = models.UUIDField()
    body = models.TextField(blank=True, db_default="")  # JSON; empty until it is first tried
    happened_at = models.DateTimeField()
    status = models.CharField(max_length=9, choices=Status, db_default=Status.PENDING)
    http_status = models.PositiveSmallIntegerField(null=True)  # of the last answer
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [owed_or_given_up("delivery")]
        indexes: ClassVar = [
            *owed_indexes("delivery", "community", "endpoint"),
            models.Index(
                name="delivery_in_order",
                fields=["community", "endpoint", "ordering_id", "happened_at"],
                condition=Q(next_at__isnull=False),
            ),
            models.Index(name="delivery_newest", fields=["community", "endpoint", "-id"]),
            models.Index(
                name="delivery_old",
                fields=["community", "happened_at"],
                condition=~Q(status="pending"),
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="delivery_stays",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Condition(
                    "OLD.status = 'pending' OR OLD.happened_at > now() - INTERVAL '90 days'"
                ),
            ),
            pgtrigger.Protect(
                name="delivery_says_what_happened",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.body NOT IN ('', NEW.body) OR (OLD.community_id, OLD.endpoint_id,"
                    " OLD.event, OLD.object_id, OLD.ordering_id, OLD.happened_at)"
                    " IS DISTINCT FROM (NEW.community_id, NEW.endpoint_id,"
                    " NEW.event, NEW.object_id, NEW.ordering_id, NEW.happened_at)"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.object_id}: {self.status}"
