"""Errors as RFC 9457 problem details.

``type`` and ``code`` are stable and part of the API; ``title`` and ``detail`` are for people, in
the language asked for, and may be reworded. A refusal's facts stand beside them. An exception
without a row here is a bug: it is logged, and answered with 500 ``internal_error``.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.response import Response

from backend.api.errors import CommunityMoved, IdempotencyKeyReused, PreconditionFailed
from backend.api.renderers import PROBLEM_TYPE, JSONRenderer
from backend.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, TooMany, Unavailable
from backend.metrics import REFUSALS
from backend.sql import constraint_of, message_of

_REFUSALS: tuple[tuple[type[Refusal], int], ...] = (
    (IdempotencyKeyReused, 422),
    (PreconditionFailed, 412),
    (Invalid, 400),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (TooMany, 429),
    (Unavailable, 503),
)

# The first row that fits is taken, so a subclass stands above its parent.
_OTHERS: tuple[tuple[tuple[type[Exception], ...], int, str, str | Promise], ...] = (
    ((RequestDataTooBig,), 413, "body_too_large", _("The request is too large.")),
    (
        (exceptions.ParseError, MultiPartParserError, BadRequest, SuspiciousOperation),
        400,
        "malformed",
        _("The request can not be read."),
    ),
    (
        (exceptions.ValidationError,),
        400,
        "invalid_input",
        _("Something in the request is not right."),
    ),
    (
        (exceptions.NotAuthenticated, exceptions.AuthenticationFailed),
        401,
        "not_authenticated",
        _("Please log in first."),
    ),
    (
        (exceptions.PermissionDenied, PermissionDenied),
        403,
        "permission_denied",
        _("You may not do this."),
    ),
    ((exceptions.NotFound, Http404), 404, "not_found", _("There is no such thing.")),
    (
        (exceptions.MethodNotAllowed,),
        405,
        "method_not_allowed",
        _("This can not be done at this address."),
    ),
    (
        (exceptions.NotAcceptable,),
        406,
        "not_acceptable",
        _("The answer is not available in the format asked for."),
    ),
    (
        (exceptions.UnsupportedMediaType,),
        415,
        "unsupported_media_type",
        _("Requests of this format are not read here."),
    ),
    (
        (exceptions.Throttled,),
        429,
        "throttled",
        _("Too many requests; please wait a moment."),
    ),
)


def problem(
    members: Mapping[str, Any] | None = None, *, status: int, code: str, title: str | Promise
) -> dict[str, Any]:
    """Return the body of an error; ``members`` stand beside the standard ones and replace none."""
    standard = {
        "type": f"/problems/{code}",
        "title": str(title),
        "status": status,
        "code": code,
    }
    return standard | dict(members or {}) | standard


def problem_of(exc: Exception) -> dict[str, Any] | None:
    """Return the body that answers ``exc``, or None if it is a bug."""
    if isinstance(exc, IntegrityError) and constraint_of(exc) == CommunityMoved.code:
        exc = CommunityMoved(moved_to=message_of(exc))
    if isinstance(exc, Refusal) and (status := status_of(type(exc))):
        return problem(exc.facts, status=status, code=exc.code, title=exc.title)
    if isinstance(exc, _RefusedBefore):
        return problem(exc.members, status=exc.status, code=exc.code, title=exc.title)
    for kinds, status, code, title in _OTHERS:
        if isinstance(exc, kinds):
            return problem(_explained(exc), status=status, code=code, title=title)
    return None


def status_of(refusal: type[Refusal]) -> int | None:
    """Return the HTTP status of ``refusal``, or None if it is of no known kind."""
    return next((status for kind, status in _REFUSALS if issubclass(refusal, kind)), None)


def titles_of(status: int) -> dict[str, str | Promise]:
    """Return the titles, by code, of the errors with ``status`` that no service raises."""
    return {code: title for _kinds, known, code, title in _OTHERS if known == status}


class _RefusedBefore(Exception):
    """An earlier error that was no service's refusal, or one that this version does not know."""

    def __init__(self, status: int, code: str, members: Mapping[str, Any]) -> None:
        super().__init__(code)
        self.status, self.code, self.members = status, code, members
        titles = (title for _kinds, _status, known, title in _OTHERS if known == code)
        self.title = next(titles, code)


def kept(exc: Exception, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``refused_before`` needs to make the refusal again: its name and its facts."""
    told = {name: fact for name, fact in body.items() if name not in ("type", "title", "status")}
    return {"name": type(exc).__name__, "told": told}


def refused_before(status: int, *, name: str, told: Mapping[str, Any]) -> Exception:
    """Return the exception that is answered as an earlier one was.

    Titles are those of today, in the language asked for today.
    """
    code: str = told["code"]
    facts = {name: fact for name, fact in told.items() if name != "code"}
    refusal = _refusals().get((name, code))
    return refusal(**facts) if refusal else _RefusedBefore(status, code, facts)


def title_of(code: str) -> str:
    """Return the title of the refusals with ``code``, in the present language; else the code."""
    titles = (kind.title for (_name, known), kind in _refusals().items() if known == code)
    return str(next(titles, code))


@cache
def _refusals() -> dict[tuple[str, str], type[Refusal]]:
    """Return all refusals by name and code; some share a code with different titles."""
    found, pending = {}, [Refusal]
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        if hasattr(kind, "code"):
            found[kind.__name__, kind.code] = kind
    return found


def _explained(exc: Exception) -> dict[str, Any]:
    if isinstance(exc, exceptions.ValidationError):
        return {"errors": _field_errors(exc.detail)}
    # Only what was written for this request; a default would repeat the title.
    facts: dict[str, Any] = getattr(exc, "facts", {})
    if isinstance(exc, exceptions.APIException) and exc.detail != exc.default_detail:
        return facts | {"detail": str(exc.detail)}
    return facts


def _field_errors(detail: Any, at: str = "") -> dict[str, list[dict[str, str]]]:
    """Flatten the framework's nested errors; a key is a path such as ``items.0.quantity``."""
    found: dict[str, list[dict[str, str]]] = {}
    named = detail.items() if isinstance(detail, dict) else enumerate(detail)
    for name, inner in named:
        if isinstance(inner, exceptions.ErrorDetail):
            error = {"code": str(inner.code), "message": str(inner)}
            found.setdefault(at or "non_field_errors", []).append(error)
        else:
            found |= _field_errors(inner, f"{at}.{name}" if at else str(name))
    return found


def problem_response(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an exception: REST framework's setting ``EXCEPTION_HANDLER``."""
    body = problem_of(exc)
    if body is None:
        return None
    # An error is JSON also where the answer would have been something else, or nothing we have.
    request = context["request"]
    request.accepted_renderer = JSONRenderer()
    request.accepted_media_type = PROBLEM_TYPE
    REFUSALS.labels(body["code"]).inc()
    return Response(body, status=body["status"], headers=_headers(exc))


def _headers(exc: Exception) -> dict[str, str]:
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(exc, "wait", None) or getattr(exc, "retry_after_seconds", None):
        headers["Retry-After"] = str(wait)
    return headers


def http_problem(body: dict[str, Any], headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return a problem as the answer of a view that is not REST framework's."""
    REFUSALS.labels(body["code"]).inc()
    return HttpResponse(
        JSONRenderer().render(body),
        status=body["status"],
        content_type=PROBLEM_TYPE,
        headers=headers,
    )


def request_error(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer ``exception`` outside of REST framework's views; raise it if it is a bug.

    Also ``handler400``, ``handler403`` and ``handler404`` of backend/urls.py.
    """
    body = problem_of(exception)
    if body is None:
        raise exception
    return http_problem(body, _headers(exception))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a failed CSRF check. The console has a page for it."""
    return request_error(request, PermissionDenied(reason))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a bug (``handler500``); the log knows why, the client does not."""
    return http_problem(
        problem(status=500, code="internal_error", title=_("Something went wrong on our side."))
    )
