"""People and their consents. What people may do is a Membership (backend/communities)."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from backend.accounts import phones, vault
from backend.ids import new_id
from backend.tables import PersonKey, set_once, together


class User(AbstractBaseUser, PermissionsMixin):
    """One person, whatever their communities and roles.

    ``name`` and the phone number are personal data: shown masked unless the reader must know.
    ``is_superuser`` marks an operator of the installation, who founds streets and communities and
    appoints their managers; it is no role in any of them.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    username = models.CharField(
        max_length=150, unique=True, validators=[UnicodeUsernameValidator()]
    )
    name = models.CharField(max_length=60, blank=True)  # "" until they tell, and once erased
    born_on = models.DateField(null=True, blank=True)  # as they told once; NULL: taken for an adult
    phone_encrypted = models.TextField(blank=True)  # a Fernet token, see vault.py
    phone_digest = models.CharField(max_length=64, null=True, unique=True)  # finds by phone
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(auto_now_add=True)
    # Holds a role that needs a password and a code; kept by backend/communities/services/roles.py,
    # so that asking costs nothing.
    second_factor_required = models.BooleanField(default=False)
    tokens_valid_from = models.DateTimeField(
        null=True, blank=True
    )  # access tokens made before are refused
    erasure_requested_at = models.DateTimeField(null=True, blank=True)  # NULL: they stay
    erased_at = models.DateTimeField(null=True, blank=True)
    # The latest end of their suspensions in force, so that asking costs nothing; kept, as is
    # ``merged_ids``, by backend/people/services.
    suspended_until = models.DateTimeField(null=True, blank=True)
    # Another record of this person took the place of this one, which stays as history.
    merged_into = PersonKey(null=True, blank=True)
    merged_ids = ArrayField(models.UUIDField(), default=list, blank=True)  # this one's histories

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    is_shown_without_phone = False  # set where the reader may see the name alone

    objects = BaseUserManager()

    class Meta:
        constraints: ClassVar = [
            # Also of what a request on its way would still put down.
            models.CheckConstraint(
                name="erased_is_nobody",
                condition=Q(erased_at__isnull=True)
                | Q(
                    name="",
                    phone_encrypted="",
                    phone_digest__isnull=True,
                    born_on__isnull=True,
                    is_active=False,
                ),
            ),
            models.CheckConstraint(
                name="merged_logs_in_no_more",
                condition=Q(merged_into__isnull=True)
                | ~Q(merged_into=F("id"))
                & Q(
                    is_active=False,
                    phone_encrypted="",
                    phone_digest__isnull=True,
                    erasure_requested_at__isnull=True,
                    merged_ids=[],
                ),
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                name="person_to_be_erased",
                fields=["erasure_requested_at"],
                condition=Q(erasure_requested_at__isnull=False, erased_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.masked_name

    def get_session_auth_hash(self) -> str:
        """Return what a session must have been opened under: this password, and no log-out
        everywhere since."""
        since = self.tokens_valid_from
        return f"{super().get_session_auth_hash()}.{since.timestamp() if since else 0}"

    @property
    def phone(self) -> str:
        """The phone number decrypted, or ``""`` if there is none."""
        return vault.decrypt(self.phone_encrypted) if self.phone_encrypted else ""

    @phone.setter
    def phone(self, number: str) -> None:
        self.phone_encrypted = vault.encrypt(number) if number else ""
        self.phone_digest = phones.digest(number) if number else None

    @property
    def record_ids(self) -> list[UUID]:
        """The ids under which this person is on record: this one, and those merged into it."""
        return [self.pk, *self.merged_ids]

    @property
    def masked_name(self) -> str:
        """The name masked, ``王小明`` as ``王**``: a clerk can greet them, not look them up."""
        if not self.name:
            return self.shown_name or "*"
        return self.name[:1] + "*" * max(1, len(self.name) - 1)

    @property
    def erasure_due_at(self) -> datetime | None:
        """The moment from which the person's data is erased; None if not asked for, or done."""
        if self.erasure_requested_at is None or self.erased_at is not None:
            return None
        return self.erasure_requested_at + settings.ERASURE_GRACE

    @property
    def shown_name(self) -> str:
        """The name for those who may read it; for an erased person, the word for erased."""
        return _("Erased") if self.erased_at else self.name


class WithdrawnNumber(models.Model):
    """A number that its person took off the record or was erased with; no list brings it back.

    The digest includes the name that stood beside it, because the number may be another's later. It
    does not tell whose number it was.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    digest = models.CharField(max_length=64, unique=True)  # phones.digest_when_withdrawn
    withdrawn_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"withdrawn {self.withdrawn_at}"


class Consent(models.Model):
    """A person's consent to one use of their personal data, until they withdraw it (PIPL 14-16).

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


class Guardianship(models.Model):
    """A parent's or guardian's consent that a child takes part, until withdrawn (PIPL 31).

    ``version`` is that of the text they read (purposes.py). A withdrawn one stays on record.
    """

    class Relation(models.TextChoices):
        PARENT = "parent"
        GUARDIAN = "guardian"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    child = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="guardians")
    guardian = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="children")
    relation = models.CharField(max_length=8, choices=Relation)
    version = models.PositiveSmallIntegerField()
    given_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(  # NULL: other words, or because one of the two has left
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="guardianship_once",
                fields=["child", "guardian"],
                condition=Q(withdrawn_at__isnull=True),
            ),
            models.CheckConstraint(name="guardian_is_another", condition=~Q(child=F("guardian"))),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="guardianship_stays", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="guardianship_is_only_withdrawn",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.withdrawn_at IS NOT NULL OR (OLD.child_id, OLD.guardian_id, OLD.relation,"
                    " OLD.version, OLD.given_at) IS DISTINCT FROM (NEW.child_id, NEW.guardian_id,"
                    " NEW.relation, NEW.version, NEW.given_at)"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.guardian_id} for {self.child_id}"


class GuardianCode(models.Model):
    """A code that a child shows a guardian, good once, for a day, and found by a keyed hash.

    The code itself is kept, encrypted, until it is used, because an answer may be lost on its way.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    child = PersonKey(db_index=True)
    digest = models.CharField(max_length=64, unique=True)
    code_encrypted = models.TextField(blank=True)  # see vault.py; "" once used
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.child_id} until {self.expires_at}"

    @property
    def code(self) -> str | None:
        """The code decrypted; None once it was used."""
        return vault.decrypt(self.code_encrypted) if self.code_encrypted else None


class SetupCode(models.Model):
    """A code by which somebody becomes an operator, good once and found by a keyed hash.

    It is shown when it is made, to whoever runs the installation, and never again.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(null=True)
    used_by = PersonKey(null=True)
    replaced_at = models.DateTimeField(null=True)  # by a newer one

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="setup_code_used_by_somebody", condition=together("used_at", "used_by")
            ),
            models.UniqueConstraint(
                name="setup_code_one_at_a_time",
                fields=["used_at"],
                condition=Q(used_at__isnull=True, replaced_at__isnull=True),
                nulls_distinct=False,
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="setup_code_stays", operation=pgtrigger.Delete),
            set_once("setup_code_is_used_once", "used_at"),
        ]

    def __str__(self) -> str:
        return f"made {self.made_at}"


class Attempts(models.Model):
    """The recent moments at which one subject tried what protects a secret (services/attempts.py).

    ``subject`` is a person's id, or a keyed hash of what was told, such as a name and an address.
    """

    scope = models.SlugField(max_length=30, db_index=False)
    subject = models.CharField(max_length=64)
    moments = ArrayField(models.DateTimeField())
    forgotten_at = models.DateTimeField()  # from then on none of them counts

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="attempts_once", fields=["scope", "subject"])
        ]
        indexes: ClassVar = [models.Index(name="attempts_by_age", fields=["forgotten_at"])]

    def __str__(self) -> str:
        return f"{self.scope}: {len(self.moments)}"
