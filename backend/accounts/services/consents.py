"""Consents to the use of personal data (PIPL 14-16)."""

from django.db import transaction
from django.utils import timezone

from backend.accounts.errors import ConsentRequired, ConsentVersionUnknown
from backend.accounts.models import Consent, User
from backend.accounts.purposes import TEXTS
from backend.accounts.selectors import consents_in_force
from backend.accounts.services import guardians
from backend.accounts.services.people import locked
from backend.audit import services as trail


def require(user: User, purpose: Consent.Purpose) -> Consent:
    """Return the consent of ``user`` to ``purpose`` in force. Raises ConsentRequired if none is."""
    consent = consents_in_force(user).filter(purpose=purpose).first()
    if consent is None:
        raise ConsentRequired(purpose=purpose)
    return consent


@transaction.atomic
def give(*, user: User, purpose: Consent.Purpose, version: int) -> Consent:
    """Record that ``user`` has read the text of ``version`` and agrees. Idempotent.

    Raises GuardianConsentRequired, or ConsentVersionUnknown unless it is today's text.
    """
    guardians.require_guardian(user)
    if version != TEXTS[purpose].version:
        raise ConsentVersionUnknown(version=TEXTS[purpose].version)
    locked(user.pk)
    given = consents_in_force(user).filter(purpose=purpose).first()
    if given is None:
        _end(user, purpose)  # to other words
        given = Consent.objects.create(user=user, purpose=purpose, version=version)
        given.refresh_from_db()  # the database's own time
        trail.record(
            "consent.give",
            actor=user,
            target=given,
            after={"purpose": purpose, "version": version},
        )
    return given


@transaction.atomic
def withdraw(*, user: User, purpose: Consent.Purpose) -> None:
    """Withdraw the consent of ``user`` and delete a phone number kept under it. Idempotent."""
    locked(user.pk)
    for consent in _end(user, purpose):
        trail.record("consent.withdraw", actor=user, target=consent, after={"purpose": purpose})
    if purpose == Consent.Purpose.PHONE:
        User.objects.filter(pk=user.pk).update(phone_encrypted="", phone_digest=None)


def _end(user: User, purpose: Consent.Purpose) -> list[Consent]:
    ended = list(Consent.objects.filter(user=user, purpose=purpose, withdrawn_at=None))
    Consent.objects.filter(pk__in=[consent.pk for consent in ended]).update(
        withdrawn_at=timezone.now()
    )
    return ended
