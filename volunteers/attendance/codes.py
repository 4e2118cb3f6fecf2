"""Codes that prove presence: the venue's, a volunteer's own, and the link of a page at the door.

A code is sealed with AES-SIV (RFC 5297) by a key that only the server has, so it names nobody to
whoever photographs it, and cannot be made elsewhere. It says what it is about and in which step of
30 seconds it was made; nothing is stored. Sealed by an older SECRET_KEY, it is good as long as that
is among the fallbacks.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings

from volunteers.attendance import errors

STEP = timedelta(seconds=30)
CHARACTERS = 70  # of every code


class Kind(StrEnum):
    """Subject of a code: a shift at its venue, a volunteer, or a page at the door."""

    VENUE = "venue"
    OWN = "own"
    GATE = "gate"


class Row(Protocol):
    """A row of a tenant."""

    @property
    def pk(self) -> UUID: ...
    @property
    def community_id(self) -> UUID: ...


@dataclass(frozen=True)
class Code:
    """The contents of a code that we made. Shown for one step, good for one more either side."""

    community_id: UUID
    about: UUID  # the shift, the volunteer's record or the page
    made_at: datetime

    @property
    def good_until(self) -> datetime:
        return self.made_at + 2 * STEP

    def is_good_at(self, moment: datetime) -> bool:
        return self.made_at - STEP <= moment < self.good_until


def code_of(kind: Kind, row: Row, *, at: datetime) -> str:
    """Return the code about ``row`` in the step of ``at``."""
    step = int(at.timestamp()) // int(STEP.total_seconds())
    told = row.community_id.bytes + row.pk.bytes + step.to_bytes(4, "big")
    sealed = AESSIV(_key(settings.SECRET_KEY)).encrypt(told, [kind.encode()])
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def seconds_left(moment: datetime) -> int:
    """Return in how many seconds another code is shown."""
    step = int(STEP.total_seconds())
    return step - int(moment.timestamp()) % step


def read(kind: Kind, code: str) -> Code:
    """Return what a code of this kind says. Raises CodeForged if we did not make it."""
    return _read(kind, code, (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=1024)  # everybody at a gate scans one code; forged ones raise and are not kept
def _read(kind: Kind, code: str, secrets: tuple[str, ...]) -> Code:
    try:
        sealed = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise errors.CodeForged from None
    for secret in secrets:
        try:
            told = AESSIV(_key(secret)).decrypt(sealed, [kind.encode()])
        except (InvalidTag, ValueError):
            continue
        step = int.from_bytes(told[32:], "big")
        made_at = datetime.fromtimestamp(step * int(STEP.total_seconds()), UTC)
        return Code(UUID(bytes=told[:16]), UUID(bytes=told[16:32]), made_at)
    raise errors.CodeForged


def _key(secret: str) -> bytes:
    return hashlib.sha512(b"volunteers.attendance.codes\0" + secret.encode()).digest()
