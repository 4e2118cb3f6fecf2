"""Who a person is. What they may do is a Membership (backend/communities)."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.accounts import phones, vault
from backend.ids import new_id


class User(AbstractBaseUser, PermissionsMixin):
    """One person, whatever the communities and roles.

    ``name`` and the phone number are personal data: shown masked unless the reader must know.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    username = models.CharField(
        max_length=150, unique=True, validators=[UnicodeUsernameValidator()]
    )
    name = models.CharField(max_length=60, blank=True)  # "" until they tell, and once erased
    phone_encrypted = models.TextField(blank=True)  # a Fernet token, see vault.py
    phone_digest = models.CharField(max_length=64, null=True, unique=True)  # finds by phone
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)  # may open the console
    joined_at = models.DateTimeField(auto_now_add=True)
    # Holds a role that needs a password and a code; kept by backend/communities/services/places.py,
    # so that asking costs nothing.
    second_factor_required = models.BooleanField(default=False)
    tokens_valid_from = models.DateTimeField(
        null=True, blank=True
    )  # access tokens made before are refused
    erased_at = models.DateTimeField(null=True, blank=True)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects = BaseUserManager()

    def __str__(self) -> str:
        return self.masked_name

    @property
    def phone(self) -> str:
        """The number in the clear, or ``""``."""
        return vault.decrypt(self.phone_encrypted) if self.phone_encrypted else ""

    @phone.setter
    def phone(self, number: str) -> None:
        self.phone_encrypted = vault.encrypt(number) if number else ""
        self.phone_digest = phones.digest(number) if number else None

    @property
    def masked_name(self) -> str:
        """``王小明`` as ``王**``: enough for a clerk to greet someone, not to look them up."""
        return self.name[:1] + "*" * max(1, len(self.name) - 1)


class Consent(models.Model):
    """Somebody allows us one use of their personal data, until they withdraw it (PIPL 14-16).

    ``version`` is that of the text they read (purposes.py). A withdrawn consent stays on record.
    """

    class Purpose(models.TextChoices):
        PHONE = "phone"
        LOCATION = "location"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="consents")
    purpose = models.CharField(max_length=20, choices=Purpose)
    version = models.PositiveSmallIntegerField()
    given_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="consent_once",
                fields=["user", "purpose"],
                condition=Q(withdrawn_at__isnull=True),
            )
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="consent_stays", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="consent_is_only_withdrawn",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.withdrawn_at IS NOT NULL OR (OLD.user_id, OLD.purpose, OLD.version,"
                    " OLD.given_at) IS DISTINCT FROM (NEW.user_id, NEW.purpose, NEW.version,"
                    " NEW.given_at)"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.purpose} {self.version}"
