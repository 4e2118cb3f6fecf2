"""Files that a task makes."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.outbox.models import Owed, owed_indexes, owed_or_given_up
from backend.tables import PersonKey


class Document(TenantModel, Owed):
    """One file: asked for, made by a task, removed.

    ``kind`` says who may fetch it and how it is made (``services.register``), ``about`` of what. A
    final one never changes: it is made once, kept, and for whoever asks. Others are for the person
    who asked, and kept for a day. The row stays, and says that there was a file.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        READY = "ready"
        EXPIRED = "expired"

    kind = models.SlugField(max_length=20, db_index=False)
    about = models.JSONField()
    ending = models.CharField(max_length=4)
    language = models.CharField(max_length=10)
    is_final = models.BooleanField()
    key = models.CharField(max_length=64)  # SHA-256 of all that makes it this one and no other
    asked_by = PersonKey()
    asked_at = models.DateTimeField(db_default=Now())
    # In the storage; random, and known before it is made, so that a second attempt replaces what
    # the first left half done.
    stored_as = models.CharField(max_length=60)
    name = models.CharField(max_length=255, blank=True)  # as which it is fetched
    finished_at = models.DateTimeField(null=True)
    size_bytes = models.PositiveBigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField(null=True)  # never, if it is final
    removed_at = models.DateTimeField(null=True)  # the file, that is

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="document_waits_once",
                fields=["community", "key"],
                condition=Q(finished_at__isnull=True, removed_at__isnull=True),
            ),
            models.UniqueConstraint(
                name="document_final_once",
                fields=["community", "key"],
                condition=Q(is_final=True, removed_at__isnull=True),
            ),
            models.CheckConstraint(
                name="document_finished_is_complete",
                condition=Q(
                    finished_at__isnull=True,
                    name="",
                    size_bytes__isnull=True,
                    sha256="",
                    expires_at__isnull=True,
                )
                | Q(
                    Q(is_final=True, expires_at__isnull=True)
                    | Q(is_final=False, expires_at__isnull=False),
                    finished_at__isnull=False,
                    size_bytes__isnull=False,
                    sha256__regex="^[0-9a-f]{64}$",
                ),
            ),
            owed_or_given_up("document"),
        ]
        indexes: ClassVar = [
            models.Index(name="document_by_key", fields=["community", "key", "-id"]),
            *owed_indexes("document", "community", "asked_by"),
            models.Index(
                name="document_there",
                fields=["community", "asked_by"],
                condition=Q(removed_at__isnull=True, is_final=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.about}.{self.ending}"
