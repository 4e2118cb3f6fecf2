"""Reads about people."""

from collections.abc import Collection, Iterable
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.db.models import DateField, Exists, Func, OuterRef, Q, QuerySet

from backend.accounts import ages
from backend.accounts.models import Consent, GuardianCode, Guardianship, User, WithdrawnNumber
from backend.accounts.phones import digest_when_withdrawn
from backend.accounts.purposes import GUARDIAN_TEXT, TEXTS


def consents_in_force(user: User) -> QuerySet[Consent]:
    """Return the consents of ``user`` in force: not withdrawn, and to today's text."""
    current = Q()
    for purpose, text in TEXTS.items():
        current |= Q(purpose=purpose, version=text.version)
    return Consent.objects.filter(current, user=user, withdrawn_at=None)


def consents_of(user: User) -> QuerySet[Consent]:
    """Return all consents of ``user``, newest first."""
    return Consent.objects.filter(user=user).order_by("-id")


def reached_by_phone(people: Iterable[UUID]) -> QuerySet[User]:
    """Return those of the people whose number is on record, with their consent to today's text."""
    agreed = Consent.objects.filter(
        user=OuterRef("pk"),
        purpose=Consent.Purpose.PHONE,
        version=TEXTS[Consent.Purpose.PHONE].version,
        withdrawn_at=None,
    )
    known = User.objects.filter(pk__in=list(people), is_active=True, phone_digest__isnull=False)
    return known.filter(Exists(agreed))


def is_on_wechat(user: User) -> bool:
    """Tell whether ``user`` can log in through WeChat."""
    return SocialAccount.objects.filter(user=user).exists()  # type: ignore[no-any-return]


def has_logged_in(user: User) -> bool:
    """Tell whether ``user`` ever logged in, or was given a way to."""
    return user.last_login is not None or user.has_usable_password() or is_on_wechat(user)


def guardianships_in_force(child: User | OuterRef) -> QuerySet[Guardianship]:
    """Return the consents in force that ``child`` takes part: not withdrawn, to today's text.

    ``child`` may be a column of an outer query.
    """
    return Guardianship.objects.filter(
        child=child, withdrawn_at=None, version=GUARDIAN_TEXT.version
    )


def may_take_part(whose: str) -> Q:
    """Return the condition that the person in field ``whose`` is no child, or has a guardian."""
    last_birthday = ages.years_before(ages.CHILD_BEFORE, ages.today())
    is_child = Q(**{f"{whose}__born_on__isnull": False, f"{whose}__born_on__gt": last_birthday})
    return ~is_child | Q(Exists(guardianships_in_force(OuterRef(whose))))


def guardians_of(child: User) -> QuerySet[Guardianship]:
    """Return the guardians' consents for ``child``, newest first, including ended ones."""
    return child.guardians.select_related("guardian", "child").order_by("-id")


def children_of(guardian: User) -> QuerySet[Guardianship]:
    """Return the consents that ``guardian`` gave for children, newest first, ended ones too."""
    return guardian.children.select_related("guardian", "child").order_by("-id")


def guardian_codes_of(child: User) -> QuerySet[GuardianCode]:
    """Return the codes that ``child`` made for a guardian, including used ones."""
    return GuardianCode.objects.filter(child=child)


def numbers_withdrawn(listed: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the pairs of phone and name in ``listed`` that were taken off the record."""
    digests = {digest_when_withdrawn(phone, name): (phone, name) for phone, name in listed}
    known = WithdrawnNumber.objects.filter(digest__in=digests).values_list("digest", flat=True)
    return {digests[digest] for digest in known}


def was_a_child(whose: str, *, at: str) -> Q:
    """Return the condition that the person in field ``whose`` was under 14 at the moment ``at``.

    The birthday known today counts, whenever it was told. The day is ``ages.years_before``'s.
    """
    last_birthday = Func(
        at,
        function="",
        template=f"((%(expressions)s AT TIME ZONE '{ages.CLOCK}')::date"
        f" - interval '{ages.CHILD_BEFORE} years')::date",
        output_field=DateField(),
    )
    return Q(**{f"{whose}__born_on__gt": last_birthday})
