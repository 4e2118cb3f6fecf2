"""One id for one request, in its answer, its log lines and its audit entries.

Not django-guid: it takes over whatever id a client sends, which would stand in our audit trail.
"""

import logging
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from backend.ids import new_id

HEADER = "X-Request-ID"
_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """The id of the request or task in hand, ``""`` outside of any."""
    return _current.get()


def follow(request_id: str) -> None:
    """From here on, in this thread, it is this request or task."""
    _current.set(request_id)


def name_request(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Give each request an id of our own making, and tell it in the header X-Request-ID.

    What a client calls its request is not taken over: it would stand in our log and audit.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        # Not taken back afterwards: Django logs the outcome once we have returned.
        follow(new_id().hex)
        response = get_response(request)
        response[HEADER] = current_request_id()
        return response

    return middleware


class RequestIdFilter(logging.Filter):
    """Adds ``request_id`` to every line; ``-`` outside of any request or task."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current_request_id() or "-"
        return True
