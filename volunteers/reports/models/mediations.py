"""Mediation of disputes: who quarrelled, when they met, and how it ended."""

import json
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.accounts import vault
from backend.communities.models import TenantModel
from backend.tables import PersonKey, TenantForeignKey, never, stays
from volunteers.reports.models.reports import Report


class Mediation(TenantModel):
    """The mediation of a dispute that was reported: open, until it ends in one of five ways.

    The parties need not be users, so their names and the notes of sessions are encrypted, and are
    emptied in time.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        SETTLED = "settled"
        PARTLY = "partly_settled"
        NOT_SETTLED = "not_settled"
        WITHDRAWN = "withdrawn"
        REFERRED = "referred"  # to a court, an arbitration, another office

    report = TenantForeignKey(Report, models.PROTECT, related_name="+", db_index=False)
    parties_encrypted = models.TextField(blank=True)  # JSON, a Fernet token: backend/accounts/vault
    status = models.CharField(max_length=14, choices=Status, default=Status.OPEN)
    opened_at = models.DateTimeField(db_default=Now())
    opened_by = PersonKey()
    ended_at = models.DateTimeField(null=True)
    ended_by = PersonKey(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="mediation_once", fields=["community", "report"]),
            models.CheckConstraint(
                name="mediation_end_is_complete",
                condition=Q(status="open", ended_at__isnull=True, ended_by__isnull=True)
                | ~Q(status="open") & Q(ended_at__isnull=False, ended_by__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="mediation_newest", fields=["community", "-id"]),
            models.Index(name="mediation_by_end", fields=["community", "ended_at"]),
        ]
        triggers: ClassVar = [
            *stays("mediation"),
            # Names may still be emptied, and encrypted with a new key.
            never(
                "ended_mediation_is_final",
                "OLD.status <> 'open' AND to_jsonb(OLD) - 'parties_encrypted'"
                " IS DISTINCT FROM to_jsonb(NEW) - 'parties_encrypted'",
            ),
        ]

    def __str__(self) -> str:
        return f"mediation of {self.report_id}: {self.status}"

    @property
    def parties(self) -> list[str]:
        """Names of the parties, decrypted; none once they were emptied."""
        if not self.parties_encrypted:
            return []
        names: list[str] = json.loads(vault.decrypt(self.parties_encrypted))
        return names

    @parties.setter
    def parties(self, names: list[str]) -> None:
        told = json.dumps(names, ensure_ascii=False)
        self.parties_encrypted = vault.encrypt(told) if names else ""


class MediationSession(TenantModel):
    """A meeting of the parties with a mediator."""

    mediation = TenantForeignKey(Mediation, models.PROTECT, related_name="sessions", db_index=False)
    held_at = models.DateTimeField()
    mediator = PersonKey()
    note_encrypted = models.TextField(blank=True)  # a Fernet token
    recorded_by = PersonKey()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="mediation_session_once", fields=["community", "mediation", "held_at"]
            )
        ]
        triggers: ClassVar = [
            *stays("mediation_session"),
            never(
                "mediation_session_is_final",
                "to_jsonb(OLD) - 'note_encrypted' IS DISTINCT FROM to_jsonb(NEW)"
                " - 'note_encrypted'",
            ),
        ]

    def __str__(self) -> str:
        return f"session of {self.mediation_id} at {self.held_at}"

    @property
    def note(self) -> str:
        """Words about the session, decrypted."""
        return vault.decrypt(self.note_encrypted) if self.note_encrypted else ""

    @note.setter
    def note(self, words: str) -> None:
        self.note_encrypted = vault.encrypt(words) if words else ""
