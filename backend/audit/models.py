"""The audit trail: written with the change itself, and never changed."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models.functions import Now

from backend.ids import new_id
from backend.registries import sealed
from backend.tables import PersonKey


def _stays(table: str) -> pgtrigger.Trigger:
    return pgtrigger.Protect(name=f"{table}_stays", operation=pgtrigger.Update | pgtrigger.Delete)


class Act(models.Model):
    """One act of one person on one thing, and how the thing was before and after.

    An act holds ids and facts, never a name, phone or other personal data, because it outlives its
    people. ``actor`` is NULL for acts of a command or a task.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    actor = PersonKey(null=True)
    action = models.CharField(max_length=60)  # "attendance.verify": the noun, then the verb
    target_type = models.CharField(max_length=40)  # "attendance"
    target_id = models.CharField(max_length=64)
    before = models.JSONField(default=dict)  # what changed, as it was
    after = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.action} {self.target_id}"


class AuditEntry(Act):
    """An act in a place, on the trail that its auditors read. It is sealed."""

    community = models.ForeignKey(
        "communities.Community", models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(name="audit_newest", fields=["community", "-id"]),
            models.Index(name="audit_of_actor", fields=["community", "actor", "-id"]),
            models.Index(
                name="audit_of_target", fields=["community", "target_type", "target_id", "-id"]
            ),
        ]
        triggers: ClassVar = [_stays("audit_entry"), sealed.marked("audit")]


class OwnAct(Act):
    """An act of no place: of people about themselves, or one that no place is to learn of."""

    class Meta:
        triggers: ClassVar = [_stays("own_act")]


sealed.register(
    sealed.Kind(
        name="audit",
        table="audit_auditentry",
        facts=sealed.facts_of(
            AuditEntry, "actor action target_type target_id before after request_id at"
        ),
        happened="at",
    )
)
