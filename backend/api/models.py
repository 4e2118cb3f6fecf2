"""Answers already given, so that asking again gives them again."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class IdempotencyKey(models.Model):
    """One request and the answer it got, found by who asked and the key they chose.

    Kept for ``settings.IDEMPOTENCY_KEEP``; backend/api/idempotency.py says when it is written.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False)
    key = models.CharField(max_length=200)
    method = models.CharField(max_length=10)
    path = models.TextField()  # with its query
    body_sha256 = models.CharField(max_length=64)  # of the request
    status = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=100)  # "" if the answer has no body
    body = models.TextField()  # of the answer
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(name="idempotency_key_once", fields=["user", "key"])]
        indexes = [models.Index(name="idempotency_key_age", fields=["created_at"])]

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.key})"
