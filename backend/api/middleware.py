"""What has to be looked at before any view is chosen."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import ParseError

from backend.api.parsers import read_json


def refuse_nul(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer 400 to a U+0000 in the path or the query: PostgreSQL can not be asked about it.

    Bodies are looked at by backend/api/parsers.py.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("U+0000 in the address")
        return get_response(request)

    return middleware


def check_log_in_body(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Hold what is sent to django-allauth's views to the standard of our own: their parser lets
    through text and nesting that fail later, with 500."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith("/_allauth/") and request.body:
            try:
                read_json(request.body)
            except ParseError as exc:
                raise BadRequest(str(exc)) from exc
        return get_response(request)

    return middleware


DRAIN_BYTES = 64 * 2**20
CHUNK_BYTES = 64 * 2**10


def read_to_the_end(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Read and throw away what a view left unread of the body, up to ``DRAIN_BYTES``.

    A connection closed on a client that is still sending is reset, and the client never sees why
    it was refused (RFC 9112, section 9.6): 413 and 401 would look like a broken network.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        left = DRAIN_BYTES
        while left > 0 and (chunk := request.read(CHUNK_BYTES)):
            left -= len(chunk)
        return response

    return middleware
