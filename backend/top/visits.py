"""Visits to a room: each puts off the end of the log-in, whose time runs while nobody is there."""

import time

from django.http import HttpRequest

SEEN = "linli_seen"  # in the session: when its end was last put off
PUT_OFF_SECONDS = 600  # so a session is not written with each request


def put_off_the_end(request: HttpRequest) -> None:
    """Let the log-in that ``request`` was made with last from now on."""
    now = time.time()
    if now - request.session.get(SEEN, 0) > PUT_OFF_SECONDS:
        request.session[SEEN] = now
