"""Trust: whether others' points pass through somebody's hands. Each app tells of its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.accounts.models import User

_tellers: list[Callable[["User"], bool]] = []


def told_by(teller: Callable[["User"], bool]) -> None:
    """Register what tells, when an app is ready. Idempotent."""
    if teller not in _tellers:
        _tellers.append(teller)


def is_trusted(user: "User") -> bool:
    return any(tells(user) for tells in _tellers)
