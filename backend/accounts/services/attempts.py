"""Tries at a secret are counted in PostgreSQL, exactly, however many come at one moment.

A budget is a number of tries of one subject in a sliding window; the subject is a person or a
digest of what they told. Limits that only protect the machine are counted in Redis
(backend/api/throttling.py). Outside of a transaction a try is spent at once. Inside one it counts
only if the answer is committed: what is rolled back was told to nobody. Call these functions
outside of the service's own transaction, which a refusal undoes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone
from django.utils.crypto import salted_hmac

from backend.accounts.errors import TooManyAttempts
from backend.accounts.models import Attempts, User
from backend.errors import Refusal

BATCH = 5_000  # rows a statement; keeps each transaction short


@dataclass(frozen=True)
class Budget:
    """A limit: ``limit`` tries of one subject within ``window``."""

    scope: str
    limit: int
    window: timedelta


# Codes of every kind, by one person, or from one address where nobody is logged in: vouchers, pay
# codes and shops' codes at whatever counter, invitations, links to set an installation up, posters'
# codes, guardians' codes, those sent to an e-mail address, and what WeChat vouches for a phone
# number with.
CODES = Budget("codes", 20, timedelta(hours=1))
# Codes from an authenticator and recovery codes, by whoever knows the password already.
SECOND_FACTOR = Budget("second_factor", 10, timedelta(hours=1))
# One code from an authenticator: used once, for as long as it would be taken again.
USED_CODE = "used_code"
# Passwords. A stranger's failures are the stranger's: see docs/people.md.
PASSWORD = Budget("password", 10, timedelta(minutes=15))  # of one name, from one address
PASSWORDS_THERE = Budget("passwords_there", 100, timedelta(hours=1))  # of any name, from one
PASSWORDS_OF_NAME = Budget("passwords_of_name", 100, timedelta(days=1))  # from strange addresses
KNOWN_ADDRESS = Budget("known_address", 1, timedelta(days=90))  # where a name logged in from
# What somebody on whom others depend logged in with: a device, or an address.
KNOWN_LOG_IN = Budget("known_log_in", 1, timedelta(days=90))
# Whole phone numbers that one of the staff may look somebody up by.
SEARCHES = Budget("searches", 120, timedelta(hours=1))

# Codes sent to an e-mail address that one of the staff gave; it may be a stranger's.
MAILED_CODES = Budget("mailed_codes", 5, timedelta(hours=1))
# Codes asked for by SMS: each costs money, and rings at somebody's. One code is guessed at
# five times.
TEXTS_TO_PHONE = Budget("texts_to_phone", 5, timedelta(hours=1))
TEXTS_FROM_THERE = Budget("texts_from_there", 30, timedelta(hours=1))
TEXTED_CODE = Budget("texted_code", 5, timedelta(hours=1))


def take(budget: Budget, subject: UUID | str) -> datetime:
    """Spend a try of ``subject``. Returns when, for ``give_back``. Raises TooManyAttempts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_attempt(%s, %s, %s, %s)", _asked(budget, subject))
        taken_at, wait_seconds = cursor.fetchone()
    if taken_at is None:
        raise TooManyAttempts(wait_seconds)
    moment: datetime = taken_at
    return moment


def give_back(budget: Budget, subject: UUID | str, taken_at: datetime) -> None:
    """Give back the try that was spent at ``taken_at``, because it was not a wrong guess."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT accounts_give_back_attempt(%s, %s, %s)", [budget.scope, str(subject), taken_at]
        )


def wait_of(budget: Budget, subject: UUID | str) -> int:
    """Return for how many seconds ``subject`` has no try left; 0 if there is one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_attempts_wait(%s, %s, %s, %s)", _asked(budget, subject))
        (seconds,) = cursor.fetchone()
    return int(seconds)


def take_text(phone: str, address: str) -> None:
    """Spend a try of asking for a code by SMS, whether or not the number is known.

    Raises TooManyAttempts.
    """
    take(TEXTS_FROM_THERE, _digest(address))
    take(TEXTS_TO_PHONE, _digest(phone))


@contextmanager
def guessing(who: User | str, *wrong: type[Refusal]) -> Iterator[None]:
    """Let ``who`` bring a code; only a code refused as ``wrong`` spends a try of CODES.

    A stranger is the address that they ask from (``counted_as``).

    Without a try left nothing is looked up, and of many wrong codes at one moment no more are told
    to be wrong than there are tries. A right code writes no row. Raises TooManyAttempts.
    """
    refuse_until(wait_of(CODES, _subject(who)))
    with counting(who, *wrong):
        yield


def refuse_until(wait_seconds: int) -> None:
    """Raise TooManyAttempts if ``wait_seconds`` is not 0."""
    if wait_seconds:
        raise TooManyAttempts(wait_seconds)


@contextmanager
def counting(who: User | str, *wrong: type[Refusal]) -> Iterator[None]:
    """Spend a try if the block, which calls ``refuse_until``, refuses a code as ``wrong``.

    One statement may look up the code and call ``accounts_attempts_wait``: one round trip.
    """
    try:
        yield
    except wrong:
        take(CODES, _subject(who))
        raise


@contextmanager
def trying_code(user_id: UUID) -> Iterator[None]:
    """Spend a try at a second factor before the block, and give it back if the block ends well.

    Raises TooManyAttempts.
    """
    taken_at = take(SECOND_FACTOR, user_id)
    yield
    give_back(SECOND_FACTOR, user_id, taken_at)


def is_first_use(user_id: UUID, code: str, lasts: timedelta) -> bool:
    """Use up a person's ``code`` for as long as it ``lasts``; False if it was used before."""
    return _is_first(Budget(USED_CODE, 1, lasts), _digest(str(user_id), code))


def is_first_log_in(user_id: UUID, told: str) -> bool:
    """Remember a device or an address of a person's log-in; False if it is known already."""
    return _is_first(KNOWN_LOG_IN, _digest(str(user_id), told))


class PasswordTry:
    """A try at a password of ``username`` from ``address``, spent before the password is checked.

    Raises TooManyAttempts; ``was_right`` gives the try back.
    """

    def __init__(self, username: str, address: str) -> None:
        name = username.lower()
        self._pair = _digest(name, address)
        counted = [(PASSWORDS_THERE, _digest(address)), (PASSWORD, self._pair)]
        if not wait_of(KNOWN_ADDRESS, self._pair):
            counted.append((PASSWORDS_OF_NAME, _digest(name)))
        self._taken: list[tuple[Budget, str, datetime]] = []
        try:
            for budget, subject in counted:
                self._taken.append((budget, subject, take(budget, subject)))
        except TooManyAttempts:
            self._give_back()
            raise

    def was_right(self) -> None:
        """Give the try back and remember the address: strangers elsewhere lock no owner out."""
        self._give_back()
        if not wait_of(KNOWN_ADDRESS, self._pair):  # which locks no row
            _is_first(KNOWN_ADDRESS, self._pair)

    def _give_back(self) -> None:
        for taken in self._taken:
            give_back(*taken)


def forget_old() -> int:
    """Delete attempts that no longer count. Returns the number of rows."""
    old = Attempts.objects.filter(forgotten_at__lt=timezone.now()).order_by("forgotten_at")
    total, deleted = 0, BATCH
    while deleted == BATCH:
        deleted, _ = Attempts.objects.filter(pk__in=old.values("pk")[:BATCH]).delete()
        total += deleted
    return total


def _is_first(budget: Budget, subject: str) -> bool:
    """Remember ``subject``; False if it is known already. Of several at once one is the first."""
    try:
        take(budget, subject)
    except TooManyAttempts:
        return False
    return True


def _subject(who: User | str) -> UUID | str:
    return _digest(who) if isinstance(who, str) else who.pk


def _asked(budget: Budget, subject: UUID | str) -> list[Any]:
    return [budget.scope, str(subject), budget.limit, budget.window]


def _digest(*told: str) -> str:
    """Return a keyed hash of personal facts, which finds them again and reveals nothing."""
    return salted_hmac("backend.accounts.attempts", "\0".join(told), algorithm="sha256").hexdigest()
