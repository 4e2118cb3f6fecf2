"""Homes: the community that tells somebody what concerns their own account, such as a log-in.

Notices are of a community, and an account is of none. Each app registers how it finds one.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from backend.accounts.models import User

_finders: list[Callable[["User"], UUID | None]] = []


def found_by(finder: Callable[["User"], UUID | None]) -> None:
    """Register a finder when an app is ready. The first that finds a community counts."""
    if finder not in _finders:
        _finders.append(finder)


def home_of(user: "User") -> UUID | None:
    """Return the id of the community that tells ``user``; None for whoever belongs nowhere."""
    return next(filter(None, (find(user) for find in _finders)), None)
