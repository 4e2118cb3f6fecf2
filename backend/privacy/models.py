"""Copies of the data we hold about people, made for them."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.ids import new_id
from backend.outbox.models import Owed, owed_indexes, owed_or_given_up
from backend.tables import PersonKey


class Export(Owed):
    """A ZIP of all that is held about one person: asked for, made by a task, removed.

    The row stays, and says that there was one.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        READY = "ready"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = PersonKey()
    language = models.CharField(max_length=10)  # of its titles and of the notices in it
    requested_at = models.DateTimeField(db_default=Now())
    # In the storage; random, and known before it is made, so that a second attempt replaces what
    # the first left half done.
    file_name = models.CharField(max_length=60)
    finished_at = models.DateTimeField(null=True)
    size_bytes = models.PositiveBigIntegerField(null=True)
    expires_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)  # the file, that is

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="export_one_at_a_time",
                fields=["user"],
                condition=Q(finished_at__isnull=True),
            ),
            models.CheckConstraint(
                name="export_finished_is_complete",
                condition=Q(
                    finished_at__isnull=True,
                    size_bytes__isnull=True,
                    expires_at__isnull=True,
                    removed_at__isnull=True,
                )
                | Q(
                    finished_at__isnull=False,
                    size_bytes__isnull=False,
                    expires_at__isnull=False,
                ),
            ),
            owed_or_given_up("export"),
        ]
        indexes: ClassVar = [
            *owed_indexes("export", "user"),
            models.Index(name="export_of_person", fields=["user", "-id"]),
            models.Index(
                name="export_to_be_removed",
                fields=["expires_at"],
                condition=Q(removed_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.requested_at}"
