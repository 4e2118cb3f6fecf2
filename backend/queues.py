"""Queues, by how soon their work is wanted. A worker of several takes what is more urgent first.

A task names its queue by ``in_queue``, a kind of what is owed in its ``Kind``, and periodic work in
its line of ``CLOCK``. What names none is in ``DEFAULT``.
"""

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

GRACE = timedelta(seconds=15)  # between the end of a task's time and the end of its process


class Queue(StrEnum):
    """Queue of work, and how long a piece of it may take before it is broken off."""

    URGENT = "urgent"  # a person waits for it, and it is short
    DEFAULT = "default"
    BULK = "bulk"  # nobody waits for it, and it may take long

    @property
    def limit(self) -> timedelta:
        """How long a task may take. It is then told to end, and killed ``GRACE`` later."""
        return LIMITS[self]


LIMITS = {
    Queue.URGENT: timedelta(minutes=1),
    Queue.DEFAULT: timedelta(minutes=5),
    Queue.BULK: timedelta(hours=2),
}


def in_queue(queue: Queue) -> Callable[[Function], Function]:
    """Declare the queue of a task: ``@in_queue(Queue.BULK)`` below ``@shared_task``."""

    def declare(function: Function) -> Function:
        function.in_queue = queue  # type: ignore[attr-defined]
        return function

    return declare
