"""The audit trail: written with the change itself, and never changed."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models.functions import Now

from backend.ids import new_id
from backend.tables import PersonKey


class AuditEntry(models.Model):
    """One act of one person on one thing, and how the thing was before and after.

    An entry holds ids and facts, never a name, phone or other personal data, because it outlives
    its people. ``community`` is NULL for acts of people about themselves, ``actor`` for acts of a
    command or a task.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    community = models.ForeignKey(
        "communities.Community", models.PROTECT, related_name="+", db_index=False, null=True
    )
    actor = PersonKey(null=True)
    action = models.CharField(max_length=60)  # "attendance.verify": the noun, then the verb
    target_type = models.CharField(max_length=40)  # "attendance"
    target_id = models.CharField(max_length=64)
    before = models.JSONField(default=dict)  # what changed, as it was
    after = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(name="audit_newest", fields=["community", "-id"]),
            models.Index(name="audit_of_actor", fields=["community", "actor", "-id"]),
            models.Index(
                name="audit_of_target", fields=["community", "target_type", "target_id", "-id"]
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="audit_entry_stays", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_id}"
