"""Refusals. Each app's errors.py defines its own; backend/api/exceptions.py alone turns them into
HTTP statuses."""

from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Refusal(Exception):
    """A request that was understood and is refused; nothing was changed.

    ``code`` is part of the API and never changes; ``title`` is for people, translated, and may be
    reworded. ``facts`` are JSON-able details shown beside them, such as
    ``{"available": 12, "needed": 20}``; they name nobody.
    """

    code: ClassVar[str]
    title: ClassVar[str | Promise]

    def __init__(self, **facts: Any) -> None:
        super().__init__(self.code, facts)
        self.facts = facts


class Invalid(Refusal):
    """Refusal of a request that can never be right, whatever the state of things (400)."""


class Forbidden(Refusal):
    """Refusal of an act on a thing that the caller may see (403)."""


class NotFound(Refusal):
    """Refusal of a thing that is not there or not the caller's to see: both look alike (404)."""


class Conflict(Refusal):
    """Refusal of an act that is not possible as things stand, and might be later (409)."""


class TooMany(Refusal):
    """Refusal of too many requests (429); the next may come in ``retry_after_seconds``."""

    code = "throttled"
    title = _("Too many requests; please wait a moment.")

    def __init__(self, retry_after_seconds: int, **facts: Any) -> None:
        super().__init__(**facts)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(Refusal):
    """Refusal while something we depend on does not answer; the request may succeed soon (503)."""

    retry_after_seconds: ClassVar[int] = 5
