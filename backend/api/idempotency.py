"""``Idempotency-Key``: a request that is sent twice happens once (IETF draft-ietf-httpapi-
idempotency-key-header-07).

The answer is stored in the transaction that the request's effect is made in. Whoever lost the
connection before the answer arrived sends the same request again and reads the first answer.
"""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.db import connection, transaction
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.errors import (
    IdempotencyKeyInUse,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
)
from backend.api.models import IdempotencyKey

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
MAX_KEY_CHARACTERS = 200

P = ParamSpec("P")
View = TypeVar("View", bound=APIView)


def idempotent(
    handler: Callable[Concatenate[View, Request, P], Response],
) -> Callable[Concatenate[View, Request, P], HttpResponse]:
    """Make a view's method answer each of a user's keys once; for views that need a log-in and
    take and give JSON.

    The same key with the same method, address and body gets the first answer again, byte for
    byte, marked ``Idempotency-Replayed: true``, and nothing runs. Refusals are answers too. 401,
    429 and 5xx are not: they are not stored and whatever was done is rolled back, so the request
    can be sent again.
    Raises IdempotencyKeyMissing, IdempotencyKeyInvalid, IdempotencyKeyInUse (the first is still
    running), IdempotencyKeyReused (the key belongs to another request).
    """

    @wraps(handler)
    def answer_once(
        view: View, request: Request, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        user = signed_in(request)
        key = _key_of(request)
        asked = {
            "method": request.method,
            "path": request.get_full_path(),
            "body_sha256": hashlib.sha256(request.body).hexdigest(),
        }
        # Durable: the answer leaves only after it and what it says are committed.
        with transaction.atomic(durable=True):
            first = _begin(user, key)
            if first is not None:
                if any(getattr(first, name) != value for name, value in asked.items()):
                    raise IdempotencyKeyReused
                return _replay(first)
            response = _answer(view, request, handler, *args, **kwargs)
            if response.status_code in (401, 429) or response.status_code >= 500:
                transaction.set_rollback(True)
            else:
                _keep(user, key, asked, response)
            return response

    answer_once.idempotent = True  # type: ignore[attr-defined]  # read by backend/api/schema.py
    return answer_once


def is_idempotent(handler: object) -> bool:
    return getattr(handler, "idempotent", False)


def _key_of(request: Request) -> str:
    key = request.headers.get(HEADER)
    if key is None:
        raise IdempotencyKeyMissing
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS or any(not "!" <= char <= "~" for char in key):
        raise IdempotencyKeyInvalid
    return key


def _begin(user: User, key: str) -> IdempotencyKey | None:
    """The answer that ``key`` got before, if any; holds (user, key) until the transaction ends.

    Not waiting: a client that repeats itself must not pile up connections behind its first try.
    Two different keys with one hash merely can not run at the same moment.
    Raises IdempotencyKeyInUse.
    """
    digest = hashlib.blake2b(f"idempotency:{user.pk}:{key}".encode(), digest_size=8).digest()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT is_locked, (first).id FROM api_begin_idempotent(%s, %s, %s)",
            [int.from_bytes(digest, "big", signed=True), user.pk, key],
        )
        is_locked, first_id = cursor.fetchone()
    if not is_locked:
        raise IdempotencyKeyInUse
    return None if first_id is None else IdempotencyKey.objects.get(pk=first_id)


def _keep(user: User, key: str, asked: dict[str, str | None], response: Response) -> None:
    """Store the answer. In SQL: making a model of it takes longer than to write the row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO api_idempotencykey"
            " (user_id, key, method, path, body_sha256, status, content_type, body)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                user.pk,
                key,
                asked["method"],
                asked["path"],
                asked["body_sha256"],
                response.status_code,
                response.headers.get("Content-Type", ""),
                response.content.decode(),
            ],
        )


def _answer(
    view: View,
    request: Request,
    handler: Callable[Concatenate[View, Request, P], Response],
    *args: P.args,
    **kwargs: P.kwargs,
) -> Response:
    try:
        response = handler(view, request, *args, **kwargs)
    except Exception as exc:
        # A refusal becomes an answer here, inside the transaction, and does not undo it: a
        # service has already rolled its own work back, and what it meant to keep, such as the
        # record of a refused scan, is committed with the answer. An exception that is no
        # refusal is raised again by handle_exception and undoes everything.
        response = view.handle_exception(exc)
    finalized: Response = view.finalize_response(request, response, *args, **kwargs)
    finalized.render()
    return finalized


def _replay(first: IdempotencyKey) -> HttpResponse:
    response = HttpResponse(first.body, status=first.status, content_type=first.content_type)
    if not first.content_type:
        del response["Content-Type"]
    response[REPLAYED_HEADER] = "true"
    return response
