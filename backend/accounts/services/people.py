"""Putting people on record."""

from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction

from backend.accounts.errors import PhoneBelongsToAnother, PhoneWithdrawn
from backend.accounts.models import User, WithdrawnNumber
from backend.accounts.phones import digest, digest_when_withdrawn
from backend.accounts.selectors import numbers_withdrawn
from backend.ids import new_id
from backend.names import is_one_person

WECHAT = "wechat"  # as django-allauth calls whose account it is


def locked(person_id: UUID) -> User:
    """Lock the person until the transaction ends and return them as they are now."""
    return User.objects.select_for_update(no_key=True).get(pk=person_id)


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


def known_by_wechat(*, openid: str, unionid: str = "") -> User:
    """Return the person with that WeChat account, put on record without a name if new.

    If two first log-ins meet, one makes the person and both return them.
    """
    whose = SocialAccount.objects.filter(provider=WECHAT, uid=openid).select_related("user")
    if (known := whose.first()) is None:
        fresh = User(id=new_id())
        fresh.username = fresh.id.hex
        fresh.set_unusable_password()
        try:
            with transaction.atomic():
                fresh.save(force_insert=True)
                SocialAccount.objects.create(
                    user=fresh,
                    provider=WECHAT,
                    uid=openid,
                    extra_data={"unionid": unionid} if unionid else {},
                )
            return fresh
        except IntegrityError:
            known = whose.get()
    user: User = known.user
    return user
