"""Codes that pay without a voucher."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from backend.accounts import vault
from backend.communities.models import TenantModel


class PayCode(TenantModel):
    """A volunteer's phone shows it for a minute; the counter takes points with it, once.

    It is found by the code's digest; the code itself is kept, encrypted, until it is used. The row
    stays for a while after, so that an old or a used one is refused as what it is.
    """

    volunteer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    code_digest = models.CharField(max_length=64)
    code_encrypted = models.TextField(blank=True)  # see backend/accounts/vault.py
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

    @property
    def code(self) -> str | None:
        """In the clear; None once it was used."""
        return vault.decrypt(self.code_encrypted) if self.code_encrypted else None
