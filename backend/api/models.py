"""Requests already answered, so that a repeated one does nothing."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from backend.tenants import TenantModel


class Answered(models.Model):
    """One request and its answer, found by the person and the key they chose.

    Only the ids of the answer's rows are kept: it is rendered anew for whoever may see them.
    Nothing that anybody typed is readable here: a refusal, which may quote it, is encrypted. Kept
    for ``settings.IDEMPOTENCY_KEEP``; backend/api/idempotency.py says when and where it is written.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False)
    key = models.CharField(max_length=200)
    method = models.CharField(max_length=10)
    path = models.TextField()
    digest = models.CharField(max_length=64)  # keyed, of the query and the body
    status = models.PositiveSmallIntegerField()
    about = ArrayField(models.UUIDField(), default=list)  # the ids of what was made or changed
    refusal_encrypted = models.TextField(blank=True)  # JSON: which, and its facts
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.key})"


class IdempotencyKey(TenantModel, Answered):
    """A request about one community, kept with the community's rows."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="idempotency_key_once", fields=["community", "user", "key"]
            )
        ]
        indexes: ClassVar = [
            models.Index(name="idempotency_key_age", fields=["community", "created_at"])
        ]


class OwnIdempotencyKey(Answered):
    """A request of which no community is known before it is done."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="own_idempotency_key_once", fields=["user", "key"])
        ]
        indexes: ClassVar = [models.Index(name="own_idempotency_key_age", fields=["created_at"])]
