"""Notices owed to people: a row first, delivered later by a worker."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from backend.communities.models import TenantModel
from backend.outbox.models import Owed, owed_indexes, owed_or_given_up
from backend.tables import PersonKey


class Notice(TenantModel, Owed):
    """A notice that one person is owed once, from ``due_at`` on and not after ``stale_at``.

    A delivered notice stands in the in-app inbox. Its words are made from ``kind`` and ``facts``
    when it is read, in the reader's language (texts.py).
    """

    key = models.CharField(max_length=100)  # the event's; one key tells once
    recipient = PersonKey()
    kind = models.SlugField(db_index=False)
    facts = models.JSONField(default=dict)
    due_at = models.DateTimeField()
    stale_at = models.DateTimeField(null=True)  # telling it later would only confuse
    created_at = models.DateTimeField(auto_now_add=True)
    delivered_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)  # no longer true, or stale before it was told

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="notice_told_once", fields=["community", "key"]),
            models.CheckConstraint(
                name="notice_read_after_delivery",
                condition=Q(read_at__isnull=True) | Q(delivered_at__isnull=False),
            ),
            owed_or_given_up("notice"),
        ]
        indexes: ClassVar = [
            models.Index(name="notice_inbox", fields=["community", "recipient", "-id"]),
            *owed_indexes("notice", "community"),
        ]

    def __str__(self) -> str:
        return self.key
