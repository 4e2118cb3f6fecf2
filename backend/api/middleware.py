"""Middleware that looks at requests before a view is chosen."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import resolve
from django.utils.http import parse_etags
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException

from backend.api.exceptions import http_problem, problem, request_error
from backend.api.known import View, refuse_unknown_to
from backend.api.policies import content_security_policy, needs_of, permissions_policy

LOG_IN = "/_allauth/"
API = ("/api/", LOG_IN)
CHUNKED = "HTTP_TRANSFER_ENCODING"
ROOM = "linli_room"  # in the session: the room that it was begun in


def tell_browsers(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Set ``Content-Security-Policy`` and ``Permissions-Policy``, unless a page has said what it
    needs, and ``no-store`` for the API unless a view says otherwise. Other security headers are
    Django's."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        needs = needs_of(request.path)
        response.setdefault("Content-Security-Policy", content_security_policy(needs))
        response.setdefault("Permissions-Policy", permissions_policy(needs))
        if request.path.startswith((*API, *settings.ROOMS)):
            response.setdefault("Cache-Control", "no-store")
        return response

    return middleware


def read_session(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Give a request its session and its user where people log in; elsewhere nobody asks for them,
    for an access token says who is asking.

    Each room (``settings.ROOMS``) has a log-in of its own: its cookies are sent to it alone, and a
    session that was begun elsewhere is nobody's there.
    """
    known: Any = SessionMiddleware(
        _stay_in_a_room(AuthenticationMiddleware(MessageMiddleware(get_response)))
    )

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase
        room = room_of(request)
        is_known = room or request.path.startswith(LOG_IN)
        response = (known if is_known else get_response)(request)
        for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
            if room and name in response.cookies:
                response.cookies[name]["path"] = room
        return response

    return middleware


def room_of(request: HttpRequest) -> str:
    """Return the room that a request is in, such as ``/me/``; empty if it is in none."""
    return next((room for room in settings.ROOMS if request.path.startswith(room)), "")


def _stay_in_a_room(get_response: Any) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        room = room_of(request)
        if room and not request.session.is_empty() and request.session.get(ROOM) != room:
            request.session = type(request.session)()
        response: HttpResponseBase = get_response(request)
        if room and not request.session.is_empty() and ROOM not in request.session:
            request.session[ROOM] = room
        return response

    return middleware


def refuse_unknown_length(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer 411 to a body in chunks, which Django would take for no body at all."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if CHUNKED not in request.META:
            return get_response(request)
        return http_problem(
            problem(
                status=411, code="length_required", title=_("A request has to tell its length.")
            )
        )

    return middleware


def refuse_nul(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer 400 to U+0000 in the path or query, which PostgreSQL refuses to compare with.

    backend/api/parsers.py checks bodies.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("U+0000 in the address")
        return get_response(request)

    return middleware


def take_method(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Take a ``POST`` to the API for the ``PATCH`` that ``X-HTTP-Method-Override`` says it is.

    A mini-program's ``wx.request`` knows no ``PATCH``.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        meant = request.headers.get("X-HTTP-Method-Override", "").upper()
        if meant == "PATCH" and request.method == "POST" and request.path.startswith("/api/"):
            request.method = request.META["REQUEST_METHOD"] = meant
        return get_response(request)

    return middleware


def tell_unchanged(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer 304 if ``If-None-Match`` names the ``ETag`` of the answer."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        etag = response.headers.get("ETag")
        asked = parse_etags(request.headers.get("If-None-Match", ""))
        known = [one.removeprefix("W/") for one in asked]
        is_read = request.method == "GET" and response.status_code == 200
        if is_read and etag in known and isinstance(response, HttpResponse):
            response.status_code, response.content = 304, b""
            del response["Content-Type"], response["Content-Length"]
        return response

    return middleware


class RefuseUnknown:
    """Answer 400 to parameters and fields that are not known (backend/api/known.py)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: View, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        try:
            refuse_unknown_to(view, request)
        except APIException as refusal:
            return request_error(request, refusal)
        return None


OPERATORS = {"/healthz", "/readyz", "/metrics"}


def answer_operators(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer probes and Prometheus whatever host they name: they know a container by its number,
    which nobody can write into ``LINLI_ALLOWED_HOSTS``. What they are told names no host."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path not in OPERATORS:
            return get_response(request)
        match = request.resolver_match = resolve(request.path)
        answer: HttpResponseBase = match.func(request)
        return answer

    return middleware


DRAIN_BYTES = 64 * 2**20
CHUNK_BYTES = 64 * 2**10


def read_to_the_end(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Read and discard what a view left unread of the body, up to ``DRAIN_BYTES``.

    If the connection is closed while the client is still sending, it is reset and the client never
    sees why it was refused (RFC 9112, section 9.6): 413 and 401 would look like a broken network.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        # Of a body in chunks Django reads nothing; the server knows where it ends.
        ends_itself = CHUNKED in request.META and request.META.get("wsgi.input_terminated")
        body = request.META["wsgi.input"] if ends_itself else request
        left = DRAIN_BYTES
        while left > 0 and (chunk := body.read(CHUNK_BYTES)):
            left -= len(chunk)
        return response

    return middleware
