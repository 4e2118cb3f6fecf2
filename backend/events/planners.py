"""Planners: apps plan what an occurrence of a series has, and hear what becomes of it.

The ground floor knows when and where; each app registers, when it is ready, how it plans its part
(shifts, a fair) and follows changes. All is called within the transaction of its cause, which holds
the lock of the series.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from backend.accounts.models import User
from backend.events.models import Occurrence, Series


@dataclass(frozen=True, kw_only=True)
class Planner:
    """An app's part in occurrences. Every function is harmless to call twice."""

    plan: Callable[[Occurrence], object]  # one that was made just now
    moved: Callable[[Occurrence, datetime, User], object]  # from the moment given; by whom
    cancelled: Callable[[Occurrence, User, str], object]  # by whom, and the reason
    # The series now and as it was; its coming occurrences are moved after that.
    changed: Callable[[Series, Series, User], object]


PLANNERS: list[Planner] = []


def register(planner: Planner) -> None:
    """Register an app's planner when the app is ready. Idempotent."""
    if planner not in PLANNERS:
        PLANNERS.append(planner)
