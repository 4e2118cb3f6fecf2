"""What people ask of us about their own data."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.ids import new_id


class Export(models.Model):
    """All that is kept about one person, as a file for them alone: owed, made, gone after a day."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(db_default=Now())
    made_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    file = models.FileField(upload_to="exports", blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="export_owed_once", fields=["user"], condition=Q(made_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"export {self.pk}"
