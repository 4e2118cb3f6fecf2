"""Guardians' consents to a child's taking part (PIPL 31): asked for by code, given, withdrawn."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from backend.accounts import ages, errors, vault
from backend.accounts.models import GuardianCode, Guardianship, User
from backend.accounts.purposes import GUARDIAN_TEXT
from backend.accounts.selectors import guardianships_in_force
from backend.accounts.services import attempts
from backend.accounts.services.people import locked
from backend.audit import services as trail
from backend.codes import as_made, new_code
from backend.registries.leaving import tell_everywhere

CODE_LENGTH = 8
CODE_LASTS = timedelta(hours=24)


def require_guardian(user: User, *, at: datetime | None = None) -> None:
    """Raise GuardianConsentRequired if ``user`` is under 14 and no guardian agrees.

    For something told late, ``at`` is when it was done: the age at that moment counts. Costs no
    statement for anybody who is not a child.
    """
    if is_missing(user, at=at):
        raise errors.GuardianConsentRequired


def is_missing(user: User, *, at: datetime | None = None) -> bool:
    """Tell whether ``user`` is, or was ``at`` that moment, under 14 without a guardian."""
    day = at and at.astimezone(ages.CLOCK).date()
    return ages.is_child(user.born_on, on=day) and not guardianships_in_force(user).exists()


@transaction.atomic
def ask(*, child: User) -> tuple[str, GuardianCode]:
    """Make a code that ``child`` shows a guardian, and end earlier ones.

    Raises GuardianNotNeeded unless ``child`` is under 14.
    """
    child = locked(child.pk)
    if not ages.is_child(child.born_on):
        raise errors.GuardianNotNeeded
    GuardianCode.objects.filter(child=child, used_at=None).delete()
    code = new_code(CODE_LENGTH)
    made = GuardianCode.objects.create(
        child=child,
        digest=_digest(code),
        code_encrypted=vault.encrypt(code),
        expires_at=timezone.now() + CODE_LASTS,
    )
    return code, made


def agree(
    *, guardian: User, code: str, relation: Guardianship.Relation, version: int
) -> Guardianship:
    """Record that ``guardian`` has read ``version`` and agrees for the child that showed ``code``.

    Idempotent: answers with the first consent. Raises TooManyAttempts, ConsentVersionUnknown,
    GuardianCodeUnknown, OwnGuardian, GuardianMustBeAdult, GuardianCodeUsed, GuardianCodeExpired,
    GuardianNotNeeded.
    """
    with attempts.guessing(guardian, errors.GuardianCodeUnknown):
        return _agree(guardian, code, relation, version)


@transaction.atomic
def _agree(
    guardian: User, code: str, relation: Guardianship.Relation, version: int
) -> Guardianship:
    if version != GUARDIAN_TEXT.version:
        raise errors.ConsentVersionUnknown(version=GUARDIAN_TEXT.version)
    digest = _digest(as_made(code))
    asked = GuardianCode.objects.filter(digest=digest).first()
    if asked is None:
        raise errors.GuardianCodeUnknown
    # Two taps, and two guardians with one code, queue here.
    child = locked(asked.child_id)
    asked = GuardianCode.objects.filter(digest=digest).first()
    if asked is None:
        raise errors.GuardianCodeUnknown
    if child.pk == guardian.pk:
        raise errors.OwnGuardian
    if not ages.is_adult(guardian.born_on):
        raise errors.GuardianMustBeAdult
    known = Guardianship.objects.filter(child=child, guardian=guardian, withdrawn_at=None).first()
    if asked.used_at is not None:
        if known is None:
            raise errors.GuardianCodeUsed
        return known
    if asked.expires_at <= timezone.now():
        raise errors.GuardianCodeExpired
    if not ages.is_child(child.born_on):
        raise errors.GuardianNotNeeded
    asked.used_at, asked.code_encrypted = timezone.now(), ""
    asked.save(update_fields=["used_at", "code_encrypted"])
    if known is not None:  # another code of the child, or other words
        if known.version == version and known.relation == relation:
            return known
        _end(known, by=None)
    given = Guardianship.objects.create(
        child=child, guardian=guardian, relation=relation, version=version
    )
    given.refresh_from_db()  # the database's own time
    trail.record(
        "guardianship.give",
        actor=guardian,
        target=given,
        after={"child": str(child.pk), "relation": relation, "version": version},
    )
    return given


@transaction.atomic
def withdraw(*, guardianship: Guardianship, by: User) -> None:
    """Withdraw the consent. Idempotent. Without another, what the child has under way ends."""
    locked(guardianship.child_id)  # of two guardians who withdraw at once the second is the last
    guardianship = Guardianship.objects.get(pk=guardianship.pk)
    if guardianship.withdrawn_at is not None:
        return
    _end(guardianship, by=by)
    trail.record(
        "guardianship.withdraw",
        actor=by,
        target=guardianship,
        after={"child": str(guardianship.child_id)},
    )
    end_if_missing(guardianship.child)


def end_if_missing(user: User) -> None:
    """End what ``user`` has under way if they are under 14 and no guardian agrees.

    Runs in the caller's transaction, which has locked ``user``.
    """
    if is_missing(user):
        tell_everywhere(user.pk, timezone.now())


def move(*, fresh: User, known: User) -> None:
    """Move the guardianships of ``fresh`` to ``known``: they are one person."""
    for role in ("child", "guardian"):
        for row in Guardianship.objects.filter(**{role: fresh}, withdrawn_at=None).order_by("pk"):
            pair = {"child": row.child, "guardian": row.guardian, role: known}
            _end(row, by=None)
            if pair["child"] != pair["guardian"]:
                Guardianship.objects.get_or_create(
                    **pair,
                    withdrawn_at=None,
                    defaults={
                        "relation": row.relation,
                        "version": row.version,
                        "given_at": row.given_at,
                    },
                )


def _end(guardianship: Guardianship, *, by: User | None) -> None:
    guardianship.withdrawn_at = timezone.now()
    guardianship.withdrawn_by = by
    guardianship.save(update_fields=["withdrawn_at", "withdrawn_by"])


def _digest(code: str) -> str:
    return salted_hmac("backend.accounts.guardian_code", code, algorithm="sha256").hexdigest()
