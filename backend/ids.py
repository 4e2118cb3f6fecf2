"""Ids: UUIDv7, so that the order of ids is the order in which rows were made."""

import uuid
from datetime import UTC, datetime

from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """Return a fresh UUIDv7 (RFC 9562)."""
    return uuid7()


def made_at(made: uuid.UUID) -> datetime:
    """Return when a UUIDv7 was made, to the millisecond."""
    return datetime.fromtimestamp((made.int >> 80) / 1000, UTC)


def first_id_at(moment: datetime) -> uuid.UUID:
    """Return the least UUIDv7 of a row that is made at ``moment`` or later."""
    return uuid.UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)
