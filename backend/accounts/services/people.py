"""Putting people on record."""

from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction

from backend.accounts.errors import PhoneBelongsToAnother
from backend.accounts.models import User
from backend.accounts.phones import digest
from backend.ids import new_id

WECHAT = "wechat"  # as django-allauth calls whose account it is


def locked(person_id: UUID) -> User:
    """The person as they are now, held until the transaction ends: their two taps queue here."""
    return User.objects.select_for_update(no_key=True).get(pk=person_id)


@transaction.atomic
def put_on_record(*, name: str, phone: str) -> User:
    """The person with ``phone`` (11 digits), made if nobody has it; repeating changes nothing.

    Without a password: they log in once they have one, or through WeChat.
    Raises PhoneBelongsToAnother when the number is somebody else's by name.
    """
    known = User.objects.filter(phone_digest=digest(phone)).first()
    if known is None:
        fresh = User(id=new_id(), name=name)
        fresh.phone = phone
        fresh.username = fresh.id.hex
        fresh.set_unusable_password()
        # Two imports may meet here; the unique phone decides, and the loser reads the winner.
        User.objects.bulk_create([fresh], ignore_conflicts=True)
        known = User.objects.get(phone_digest=digest(phone))
    if known.name != name:
        raise PhoneBelongsToAnother
    return known


def known_by_wechat(*, openid: str, unionid: str = "") -> User:
    """The person with that WeChat account, put on record without a name if they are new.

    Of two first log-ins at one instant one makes the person, and both get them.
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
