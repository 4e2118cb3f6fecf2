"""Putting people on record."""

from django.db import transaction

from backend.accounts.errors import PhoneBelongsToAnother
from backend.accounts.models import User
from backend.accounts.phones import digest
from backend.ids import new_id


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
