"""One id for a request, in its answer, its log lines and its audit entries.

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
_task: ContextVar[str] = ContextVar("task", default="")


def current_request_id() -> str:
    """Return the id of the current request or task, ``""`` outside of any."""
    return _current.get()


def current_task() -> str:
    """Return the name of the current task, ``""`` outside of any."""
    return _task.get()


def follow(request_id: str, task: str = "") -> None:
    """Set the id of the current request or task, for this thread from here on."""
    _current.set(request_id)
    _task.set(task)


def name_request(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Give each request an id of our own making, and send it in the header X-Request-ID.

    A client's own id is not used: it would stand in our log and audit trail.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        # Not taken back afterwards: Django logs the outcome once we have returned.
        follow(new_id().hex)
        response = get_response(request)
        response[HEADER] = current_request_id()
        return response

    return middleware


class RequestIdFilter(logging.Filter):
    """Filter that adds ``request_id`` to every log line; ``-`` outside of any request or task."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current_request_id() or "-"
        return True
