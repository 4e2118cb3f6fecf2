"""Who a person is. What they may do is a Membership (backend/communities)."""

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models

from backend.accounts import phones
from backend.ids import new_id


class User(AbstractBaseUser, PermissionsMixin):
    """One person, whatever the communities and roles.

    ``name`` and the phone number are personal data: shown masked unless the reader must know.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    username = models.CharField(
        max_length=150, unique=True, validators=[UnicodeUsernameValidator()]
    )
    name = models.CharField(max_length=60)
    phone_encrypted = models.TextField(blank=True)  # a Fernet token, see phones.py
    phone_digest = models.CharField(max_length=64, null=True, unique=True)  # finds by phone
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)  # may open the console
    joined_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects = BaseUserManager()

    def __str__(self) -> str:
        return self.masked_name

    @property
    def phone(self) -> str:
        """The number in the clear, or ``""``."""
        return phones.decrypt(self.phone_encrypted) if self.phone_encrypted else ""

    @phone.setter
    def phone(self, number: str) -> None:
        self.phone_encrypted = phones.encrypt(number)
        self.phone_digest = phones.digest(number)

    @property
    def masked_name(self) -> str:
        """``王小明`` as ``王**``: enough for a clerk to greet someone, not to look them up."""
        return self.name[:1] + "*" * max(1, len(self.name) - 1)
