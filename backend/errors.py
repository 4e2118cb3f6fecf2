"""What a refusal is. Each app's errors.py names its own; backend/api/exceptions.py alone turns
them into HTTP statuses."""

from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Refusal(Exception):
    """The request was understood and is refused; nothing was changed.

    ``code`` is part of the API and never changes; ``title`` is for people, translated, and may
    be reworded. ``facts`` are JSON-able details shown beside them, such as
    ``{"available": 12, "needed": 20}``; they name nobody.
    """

    code: ClassVar[str]
    title: ClassVar[str | Promise]

    def __init__(self, **facts: Any) -> None:
        super().__init__(self.code, facts)
        self.facts = facts


class Invalid(Refusal):
    """What was sent can never be right, whatever the state of things (400)."""


class Forbidden(Refusal):
    """The caller may see the thing and may not do this to it (403)."""


class NotFound(Refusal):
    """There is no such thing, or it is not the caller's to see: both look alike (404)."""


class Conflict(Refusal):
    """Refuse what can not be done as things stand now, and might be later (409)."""


class TooMany(Refusal):
    """Too many requests (429); the next may come in ``retry_after_seconds``."""

    code = "throttled"
    title = _("Too many requests; please wait a moment.")

    def __init__(self, retry_after_seconds: int, **facts: Any) -> None:
        super().__init__(**facts)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(Refusal):
    """Somebody we depend on does not answer; the same request may do in a moment (503)."""

    retry_after_seconds: ClassVar[int] = 5
