"""Facts that people tell about themselves."""

from datetime import date

from django.db import transaction

from backend import days
from backend.accounts import ages
from backend.accounts.errors import BornOnImplausible, BornOnIsFinal
from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.accounts.services.people import keep_off_lists, locked
from backend.audit import services as trail


@transaction.atomic
def change(*, user: User, name: str | None = None, born_on: date | None = None) -> User:
    """Record the name and birthday that ``user`` tells; None leaves a field as it is.

    The trail holds neither. Raises BornOnImplausible, BornOnIsFinal.
    """
    user = locked(user.pk)
    if born_on is not None and born_on != user.born_on:
        if user.born_on is not None:
            raise BornOnIsFinal
        if not days.EARLIEST <= born_on <= ages.today():
            raise BornOnImplausible
        user.born_on = born_on
        user.save(update_fields=["born_on"])
        trail.record("person.tell_birthday", actor=user, target=user)
        guardians.end_if_missing(user)
    if name is not None and name != user.name:
        # A list has the old name, with which a withdrawn number must still be recognised.
        keep_off_lists(user)
        user.name = name
        user.save(update_fields=["name"])
        trail.record("person.rename", actor=user, target=user)
    return user
