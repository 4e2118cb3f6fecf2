"""What vouchers are signed with that a counter may take without signal."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models.functions import Now

from backend.accounts import vault
from backend.communities.models import TenantModel


class VoucherKey(TenantModel):
    """An Ed25519 key of one community: the newest signs, all that are not withdrawn are published
    to its merchants."""

    kid = models.CharField(max_length=8)  # of the public key's SHA-256, in hexadecimal
    public_key = models.CharField(max_length=43)  # its 32 bytes in base64url, as in a JWK
    private_key_encrypted = models.TextField()  # a Fernet token of its 32 bytes in hexadecimal
    made_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True)  # it got out: nothing it signed is taken

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="voucher_key_once", fields=["community", "kid"])
        ]
        triggers: ClassVar = [
            pgtrigger.ReadOnly(
                name="voucher_key_is_final", exclude=["private_key_encrypted", "withdrawn_at"]
            )
        ]

    def __str__(self) -> str:
        return self.kid

    @property
    def private_key(self) -> bytes:
        """Its 32 bytes, in the clear."""
        return bytes.fromhex(vault.decrypt(self.private_key_encrypted))

    @private_key.setter
    def private_key(self, raw: bytes) -> None:
        self.private_key_encrypted = vault.encrypt(raw.hex())
