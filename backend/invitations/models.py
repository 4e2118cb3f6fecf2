"""Columns, constraints and triggers of a table of invitations by code."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from backend.accounts import vault
from backend.ids import new_id
from backend.tables import PersonKey, ReadOnly, together


class Invitation(models.Model):
    """An invitation for the first who brings its code by ``expires_at``.

    The row is found by the code's digest. The code itself is kept, encrypted, until it is used or
    revoked, because the answer that tells it may get lost.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        EXPIRED = "expired"
        REVOKED = "revoked"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
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
        abstract = True
        constraints: ClassVar = [
            models.CheckConstraint(
                name="%(class)s_accepted_by_another",
                condition=~Q(accepted_by=F("invited_by")),
            ),
            models.CheckConstraint(
                name="%(class)s_outcome_is_complete",
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


def invitation_triggers(*terms: str) -> list[pgtrigger.Trigger]:
    """Return the triggers of a table of invitations; ``terms`` are its fields that never change."""
    made = ["code_digest", "invited_by", "invited_at", "expires_at"]
    return [
        pgtrigger.Protect(name="invitation_stays", operation=pgtrigger.Delete),
        ReadOnly(name="invitation_terms_are_final", fields=[*terms, *made]),
        pgtrigger.Protect(
            name="invitation_outcome_is_final",
            operation=pgtrigger.Update,
            condition=pgtrigger.Q(old__accepted_at__isnull=False)
            | pgtrigger.Q(old__revoked_at__isnull=False),
        ),
    ]
