"""Requests already answered, so that asking again does nothing twice."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class IdempotencyKey(models.Model):
    """One request and what it was answered with, found by who asked and the key they chose.

    Of the answer only what it is about: it is rendered anew for whoever may see that. Nothing that
    anybody typed stands here to be read: a refusal may quote it.
    Kept for ``settings.IDEMPOTENCY_KEEP``; backend/api/idempotency.py says when it is written.
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
        constraints = [models.UniqueConstraint(name="idempotency_key_once", fields=["user", "key"])]
        indexes = [models.Index(name="idempotency_key_age", fields=["created_at"])]

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.key})"
