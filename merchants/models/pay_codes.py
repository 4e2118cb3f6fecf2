"""Codes that pay without a voucher."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from backend.communities.models import TenantModel


class PayCode(TenantModel):
    """A volunteer's phone shows it for a minute; the counter takes points with it, once.

    Of the code only a digest is kept. It stays for a while after, so that an old or a used one is
    refused as what it is.
    """

    volunteer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    code_digest = models.CharField(max_length=64)
    made_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="pay_code_once", fields=["community", "code_digest"])
        ]
        indexes: ClassVar = [
            models.Index(name="pay_code_of_volunteer", fields=["community", "volunteer"])
        ]

    def __str__(self) -> str:
        return f"until {self.expires_at}"
