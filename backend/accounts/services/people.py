"""Putting people on record."""

from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction
from django.db.models import Q

from backend.accounts.errors import PhoneBelongsToAnother, PhoneWithdrawn
from backend.accounts.models import User, WithdrawnNumber
from backend.accounts.phones import digest, digest_when_withdrawn
from backend.accounts.selectors import numbers_withdrawn
from backend.ids import new_id
from backend.locks import lock_by_id
from backend.names import is_one_person

# Whose accounts these are, in django-allauth's words: openids of the mini-program, openids of the
# pages, and the unionid that one person has in all apps of ours.
WECHAT, PAGES, UNION = "wechat", "weixin", "wechat_union"


def locked(person_id: UUID) -> User:
    """Lock the person until the transaction ends and return them as they are now."""
    lock_by_id(person_id)
    person: User = User.objects.get(pk=person_id)
    return person


def all_locked(who: Q) -> dict[UUID, User]:
    """Lock the people that the condition finds, and return those that it still finds, by id."""
    ids = list(User.objects.filter(who).values_list("pk", flat=True))
    lock_by_id(*ids)
    return User.objects.filter(who).in_bulk(ids)


def keep_off_lists(user: User) -> None:
    """Keep lists from bringing back the number of ``user``; call before number or name changes."""
    if user.phone_digest is not None:
        digest = digest_when_withdrawn(user.phone, user.name)
        WithdrawnNumber.objects.get_or_create(digest=digest)


@transaction.atomic
def put_on_record(*, name: str, phone: str) -> User:
    """Return the person with ``phone`` (11 digits), made if nobody has it. Idempotent.

    A new person has no password: they log in once they have one, or through WeChat. Raises
    PhoneBelongsToAnother if the number is on record under another name, PhoneWithdrawn if the
    person of that name took it off the record.
    """
    known = User.objects.filter(phone_digest=digest(phone)).first()
    if known is None:
        if numbers_withdrawn([(phone, name)]):
            raise PhoneWithdrawn
        fresh = User(id=new_id(), name=name)
        fresh.phone = phone
        fresh.username = fresh.id.hex
        fresh.set_unusable_password()
        # Two imports may meet here; the unique phone decides, and the loser reads the winner.
        User.objects.bulk_create([fresh], ignore_conflicts=True)
        known = User.objects.get(phone_digest=digest(phone))
    if not is_one_person(known.name, name):
        raise PhoneBelongsToAnother
    return known


def known_by_wechat(*, openid: str, unionid: str = "", app: str = WECHAT) -> User:
    """Return the person with that WeChat account, put on record without a name if new.

    ``app`` is whose ``openid`` it is: each app of ours has another one for a person. By the
    ``unionid``, which is one for all apps, whoever is known to one is known to the others; of two
    records that exist already the openid decides, for two people merge those. If first log-ins
    meet, one makes the person and all return them.
    """
    told = [(app, openid), *([(UNION, unionid)] if unionid else [])]
    if (known := _whose(told)) is None:
        fresh = User(id=new_id())
        fresh.username = fresh.id.hex
        fresh.set_unusable_password()
        try:
            with transaction.atomic():
                fresh.save(force_insert=True)
                for provider, uid in told:
                    SocialAccount.objects.create(user=fresh, provider=provider, uid=uid)
            return fresh
        except IntegrityError:
            known = _whose(told)
            if known is None:
                raise
    SocialAccount.objects.bulk_create(
        [SocialAccount(user=known, provider=provider, uid=uid) for provider, uid in told],
        ignore_conflicts=True,
    )
    return known


def _whose(told: list[tuple[str, str]]) -> User | None:
    """Return the person of the first account that is known."""
    for provider, uid in told:
        found = SocialAccount.objects.filter(provider=provider, uid=uid).select_related("user")
        if (account := found.first()) is not None:
            user: User = account.user
            return user
    return None
