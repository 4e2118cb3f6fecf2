"""Binding and unbinding the phone number that somebody's WeChat account vouches for."""

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction
from django.db.models import ManyToOneRel, Q

from backend.accounts.errors import PhoneBelongsToAnother, PhoneUnsupported
from backend.accounts.models import Consent, User
from backend.accounts.phones import digest, mainland
from backend.accounts.selectors import has_logged_in
from backend.accounts.services import attempts, consents, guardians, sessions
from backend.accounts.services.people import all_locked, keep_off_lists, locked
from backend.audit import services as trail
from backend.names import is_one_person
from backend.wechat import client
from backend.wechat.errors import WeChatCodeInvalid

# Of all that can refer to a person, what logging in, agreeing and choosing a language leave behind.
TRACES_OF_A_LOG_IN = {
    "accounts.consent",
    "accounts.guardiancode",
    "accounts.guardianship",
    "api.idempotencykey",
    "api.ownidempotencykey",
    "audit.auditentry",
    "audit.ownact",
    "notices.noticesettings",
    "privacy.export",
    "socialaccount.socialaccount",
    "usersessions.usersession",
}


def bind(*, user: User, code: str, name: str = "") -> User:
    """Put the number that WeChat tells for ``code`` on record for ``user``. Returns its person.

    The number may belong to somebody whom the community enrolled from a list and who never logged
    in. If ``user`` has done nothing yet and tells the ``name`` on the list, they are that person:
    the WeChat account moves there, ``user`` is closed, and they have to log in again. An unknown
    code and another name than that on the list each spend a try. Raises TooManyAttempts,
    GuardianConsentRequired, ConsentRequired, PhoneUnsupported, PhoneBelongsToAnother,
    WeChatCodeInvalid, WeChatUnavailable.
    """
    with attempts.guessing(user, WeChatCodeInvalid, PhoneBelongsToAnother):
        return _bind(user, code, name)


def _bind(user: User, code: str, name: str) -> User:
    guardians.require_guardian(user)
    consents.require(user, Consent.Purpose.PHONE)
    # Nothing is locked while WeChat is asked; it may take its time.
    told = client.phone_number(code)
    number = mainland(told.number, country=told.country)
    if number is None:
        raise PhoneUnsupported
    with transaction.atomic():
        found = all_locked(Q(pk=user.pk) | Q(phone_digest=digest(number)))
        user = found.pop(user.pk)
        consent = consents.require(user, Consent.Purpose.PHONE)
        if found:
            (known,) = found.values()
            _become(user, known, name=name, consent=consent)
            return known
        before = {"phone": bool(user.phone_digest)}
        if user.phone != number:
            keep_off_lists(user)
        user.phone = number
        try:
            with transaction.atomic():
                user.save(update_fields=["phone_encrypted", "phone_digest"])
        except IntegrityError:  # somebody else bound it since we looked
            raise PhoneBelongsToAnother from None
        trail.record(
            "person.bind_phone", actor=user, target=user, before=before, after={"phone": True}
        )
    return user


@transaction.atomic
def unbind(*, user: User) -> None:
    """Delete the number and the hash that finds the person by it. Idempotent."""
    user = locked(user.pk)
    if user.phone_digest is None:
        return
    keep_off_lists(user)
    user.phone = ""
    user.save(update_fields=["phone_encrypted", "phone_digest"])
    trail.record(
        "person.unbind_phone",
        actor=user,
        target=user,
        before={"phone": True},
        after={"phone": False},
    )


def _become(fresh: User, known: User, *, name: str, consent: Consent) -> None:
    """Move the WeChat account of ``fresh`` to ``known``; both are locked.

    Raises PhoneBelongsToAnother unless they are plainly one person.
    """
    never_logged_in = (
        known.is_active
        and not known.has_usable_password()
        and not SocialAccount.objects.filter(user=known).exists()
    )
    one_person = never_logged_in and is_one_person(known.name, name)
    if not one_person or not only_logged_in(fresh):
        raise PhoneBelongsToAnother
    Consent.objects.get_or_create(
        user=known,
        purpose=consent.purpose,
        withdrawn_at=None,
        defaults={"version": consent.version, "given_at": consent.given_at},
    )
    _take_over(fresh, known)


@transaction.atomic
def join(*, fresh: User, known: User) -> None:
    """Move the WeChat account of ``fresh`` to ``known``, if they are plainly one person.

    Call it once ``known``'s phone is proven in the browser that is logged in as ``fresh``, and the
    name on the list is told: ``known`` never logged in, and ``fresh`` did nothing yet. Two records
    that were both used stay two, for two of the staff to merge.
    """
    found = all_locked(Q(pk__in=[fresh.pk, known.pk]))
    fresh, known = found[fresh.pk], found[known.pk]
    if known.is_active and not has_logged_in(known) and only_logged_in(fresh):
        _take_over(fresh, known)


def _take_over(fresh: User, known: User) -> None:
    SocialAccount.objects.filter(user=fresh).update(user=known)
    if known.born_on is None:
        known.born_on = fresh.born_on
        known.save(update_fields=["born_on"])
    guardians.move(fresh=fresh, known=known)
    keep_off_lists(fresh)
    close(fresh)
    became(fresh, known)


def close(fresh: User) -> None:
    """Close a record that another one of the same person takes the place of."""
    sessions.end_all(user=fresh)
    fresh.is_active = False
    # Facts left here would not be found when the person asks to be erased.
    fresh.name = fresh.phone = ""
    fresh.born_on = fresh.erasure_requested_at = None
    fresh.save()


def became(fresh: User, known: User) -> None:
    """Record that the WeChat account of ``fresh`` is that of ``known`` now."""
    trail.record(
        "person.become",
        actor=fresh,
        target=known,
        before={"wechat_of": str(fresh.pk)},
        after={"wechat_of": str(known.pk)},
    )


def only_logged_in(user: User) -> bool:
    """Tell whether ``user`` has no password, and did nothing but log in through WeChat."""
    return not user.has_usable_password() and not has_done_something(user)


def has_done_something(user: User) -> bool:
    """Tell whether anything refers to ``user`` but the traces that every log-in leaves."""
    refer_to_us = (
        relation
        for relation in User._meta.get_fields(include_hidden=True)
        if isinstance(relation, ManyToOneRel)
        and relation.related_model._meta.label_lower not in TRACES_OF_A_LOG_IN
    )
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: user}).exists()
        for relation in refer_to_us
    )
