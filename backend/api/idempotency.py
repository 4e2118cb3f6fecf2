"""``Idempotency-Key``: a request that is sent twice happens once (IETF draft-ietf-httpapi-
idempotency-key-header-07).

A client that lost the connection before the answer arrived sends the request again. Of the first
answer only its status and the ids of its rows are kept, in the transaction of the request's effect:
having been shown something once is no right to see it again, so the rows are looked up and rendered
anew for whoever may see them today.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.http import Http404
from django.utils.crypto import salted_hmac
from django.utils.http import parse_etags
from rest_framework import status
from rest_framework.request import Request, is_form_media_type
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import APIView

from backend.accounts import vault
from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.errors import (
    IdempotencyKeyInUse,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    PreconditionFailed,
)
from backend.api.exceptions import kept, refused_before
from backend.api.models import IdempotencyKey
from backend.api.renderers import JSONRenderer, etag_of
from backend.errors import Refusal

HEADER = "Idempotency-Key"
IF_MATCH = "If-Match"
REPLAYED_HEADER = "Idempotency-Replayed"
MAX_KEY_CHARACTERS = 200

# Finds what the caller may see today: rows, among which are those of the kept ids, or the one that
# the address names. Called with the request and the address's names; refuses as at first.
Finds = Callable[..., QuerySet[Any] | Model]
# Renders it: a serializer, or a function of the request and what was found.
Tells = type[BaseSerializer[Any]] | Callable[[Request, Any], Any]


@dataclass(frozen=True)
class Waiting:
    """Rows, of the model ``row``, of what is not done yet: how they are found and told again."""

    row: type[Model]
    finds: Finds
    tells: Tells


@dataclass(frozen=True)
class Operation:
    """The answering of a writing operation; ``backend.api.views.writes`` makes it.

    ``finds`` finds the rows of a kept answer, which ``tells`` renders; ``address`` lets in whoever
    is told a kept refusal. With ``edits``, ``finds`` finds the one thing that is changed.
    """

    tells: Tells
    finds: Finds
    address: Finds
    many: bool
    edits: bool
    needs_key: bool
    keeps: bool
    explains: Callable[[Refusal], Exception] | None
    waiting: Waiting | None

    def require_match(self, request: Request, **named: Any) -> None:
        """Lock the one thing that the address names, and compare its version with ``If-Match``.

        The lock lasts until the transaction ends, so the compared version is the one that is
        changed. Raises PreconditionFailed if the ``ETag`` that the caller read is another.
        """
        if not self.edits or (asked := request.headers.get(IF_MATCH)) is None:
            return
        found: Any = self._one(request, **named)
        if found is None:
            raise PreconditionFailed
        _only(found).select_for_update(no_key=True).get()
        told = JSONRenderer().render(self._told(request, self._one(request, **named)))
        if asked.strip() != "*" and etag_of(told) not in parse_etags(asked):
            raise PreconditionFailed

    def _one(self, request: Request, **named: Any) -> Any:
        found = self.finds(request, **named)
        return found.first() if isinstance(found, QuerySet) else found

    def again(self, request: Request, first: IdempotencyKey, **named: Any) -> Any:
        """Return the answer's data as of today. Raises Http404 if the caller may not see it now."""
        about, finds, tells = first.about, self.finds, self.tells
        if self.waiting and first.status == status.HTTP_202_ACCEPTED:
            finds, tells = self.waiting.finds, self.waiting.tells
        found: Any = finds(request, **named)
        if isinstance(found, QuerySet):
            rows = {row.pk: row for row in found.filter(pk__in=about)}
            found = [rows[pk] for pk in about if pk in rows]
            if not found and not (self.many and not about):
                raise Http404
            found = found if self.many else found[0]
        return self._told(request, found, tells)

    def _told(self, request: Request, found: Any, tells: Tells | None = None) -> Any:
        return tell(tells or self.tells, request, found, many=self.many)


def tell(tells: Tells, request: Request, found: Any, *, many: bool = False) -> Any:
    """Render one row, or ``many``.

    A serializer may have these class methods. ``rows_for(rows, user)`` adds to a queryset what the
    caller is told beside a row, which is read anew for it (whoever gives a queryset has done so);
    ``context_of(*rows)`` returns a context, so that data for all rows is read once;
    ``shown_to(user, *rows)`` is called with the reader before the rows are rendered.
    """
    if not isinstance(tells, type):
        return tells(request, found)
    if isinstance(found, Model) and (rows_for := getattr(tells, "rows_for", None)):
        found = rows_for(_only(found), request.user).get()
    rows = found if many else [found]
    context: dict[str, Any] = {"request": request}
    if context_of := getattr(tells, "context_of", None):
        context |= context_of(*rows)
    if shown_to := getattr(tells, "shown_to", None):
        shown_to(signed_in(request), *rows)
    return tells(found, many=many, context=context).data


def _only(row: Model) -> QuerySet[Any]:
    community = {name: getattr(row, name) for name in ["community_id"] if hasattr(row, name)}
    return type(row)._base_manager.filter(pk=row.pk, **community)


def answered_once(
    operation: Operation,
    answer: Callable[..., Response],
    view: APIView,
    request: Request,
    **named: Any,
) -> Response:
    """Answer each key of a user once, by ``answer(view, request, **named)``.

    The same key with the same method, address and body does nothing more. Its answer has the first
    one's status and ``Idempotency-Replayed: true``, and shows what the caller may see today. A
    refusal is an answer too and is repeated. 401, 412, 429 and 5xx are not kept and whatever was
    done is rolled back, so the request can be sent again. Raises IdempotencyKeyMissing if the
    operation needs a key, IdempotencyKeyInvalid, IdempotencyKeyInUse (the first is still running),
    IdempotencyKeyReused (the key belongs to another request), PreconditionFailed (another ``ETag``
    than that of ``If-Match``).
    """

    def act() -> Response:
        try:
            operation.require_match(request, **named)
            return answer(view, request, **named)
        except Refusal as refusal:
            if operation.explains is None:
                raise
            raise operation.explains(refusal) from None

    user = signed_in(request)
    key = _key_of(request, is_required=operation.needs_key)
    if key is None or not operation.keeps:
        is_guarded = operation.edits and IF_MATCH in request.headers
        with transaction.atomic() if is_guarded else nullcontext():
            return act()
    asked = {"method": request.method, "path": request.path, "digest": _digest(request)}
    # Durable: the answer leaves only after it and what it says are committed.
    with transaction.atomic(durable=True):
        first = _begin(user, key)
        if first is None:
            return _first(act, view, request, user, key, asked)
        if any(getattr(first, name) != value for name, value in asked.items()):
            raise IdempotencyKeyReused
        return _replay(first, operation, view, request, **named)


def idempotency_of(handler: object) -> str | None:
    """Return ``required`` or ``optional``, or None for a method that takes no key."""
    operation: Operation | None = getattr(handler, "operation", None)
    if operation is None:
        return None
    return "required" if operation.needs_key else "optional"


def is_edit(handler: object) -> bool:
    """Tell whether a method changes one thing that is read first, and takes ``If-Match``."""
    operation: Operation | None = getattr(handler, "operation", None)
    return operation is not None and operation.edits


# --- the key ----------------------------------------------------------------------------------
def _key_of(request: Request, *, is_required: bool) -> str | None:
    key = request.headers.get(HEADER)
    if key is None:
        if is_required:
            raise IdempotencyKeyMissing
        return None
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS or any(not "!" <= char <= "~" for char in key):
        raise IdempotencyKeyInvalid
    return key


def _digest(request: Request) -> str:
    """Return a keyed hash of query and body; unkeyed, a number of few digits could be guessed."""
    asked = request.META.get("QUERY_STRING", "") + "\0" + _digest_of_body(request)
    return salted_hmac("backend.api.idempotency", asked, algorithm="sha256").hexdigest()


def _digest_of_body(request: Request) -> str:
    """Return the SHA-256 of the body: JSON as sent, or a form's fields and its files' contents.

    A client may send the same form with another boundary, and its files are not read into memory.
    """
    if not is_form_media_type(request.content_type):
        return hashlib.sha256(request.body).hexdigest()
    digest = hashlib.sha256()
    form: Any = request.data
    for name, values in sorted(form.lists()):
        for value in values:
            is_text = isinstance(value, str)
            part = hashlib.sha256()
            for chunk in [value.encode(errors="surrogatepass")] if is_text else value.chunks():
                part.update(chunk)
            digest.update(json.dumps([name, is_text, part.hexdigest()]).encode())
            if not is_text:
                value.seek(0)
    return digest.hexdigest()


def _begin(user: User, key: str) -> IdempotencyKey | None:
    """Lock (user, key) until the transaction ends. Returns the key's earlier answer, if any.

    Does not wait: a client that repeats itself must not pile up connections behind its first try.
    Two different keys with one hash merely can not run at the same moment. Raises
    IdempotencyKeyInUse.
    """
    digest = hashlib.blake2b(f"idempotency:{user.pk}:{key}".encode(), digest_size=8).digest()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT is_locked, first_id FROM api_begin_idempotent(%s, %s, %s)",
            [int.from_bytes(digest, "big", signed=True), user.pk, key],
        )
        is_locked, first_id = cursor.fetchone()
    if not is_locked:
        raise IdempotencyKeyInUse
    return None if first_id is None else IdempotencyKey.objects.get(pk=first_id)


# --- the first answer -------------------------------------------------------------------------
def _first(
    act: Callable[[], Response],
    view: APIView,
    request: Request,
    user: User,
    key: str,
    asked: dict[str, str | None],
) -> Response:
    refusal = None
    try:
        response = act()
        about = list(_ids_in(response.data))
    except Exception as exc:
        # A refusal becomes an answer here, inside the transaction, and does not undo it: a
        # service has already rolled its own work back, and what it meant to keep, such as the
        # record of a refused scan, is committed with the answer. An exception that is no
        # refusal is raised again by handle_exception and undoes everything.
        response, about = view.handle_exception(exc), []
        refusal = kept(exc, response.data)
    if response.status_code in (401, 412, 429) or response.status_code >= 500:
        transaction.set_rollback(True)
    else:
        _keep(user, key, asked, response.status_code, about, refusal)
    # Rendered before the commit: what can not be rendered is rolled back.
    finalized: Response = view.finalize_response(request, response, *view.args, **view.kwargs)
    finalized.render()
    return finalized


def _ids_in(data: Any) -> Iterator[UUID]:
    """Yield the ids an answer is about: its ``id``, its row's, or those of its rows."""
    if isinstance(data, list):
        for row in data:
            yield from _ids_in(row)
    elif isinstance(data, dict):
        row = getattr(getattr(data, "serializer", None), "instance", None)
        if isinstance(row, Model):
            yield row.pk
        elif "id" in data:
            yield UUID(str(data["id"]))
        else:
            yield from _ids_in(data.get("items"))


def _keep(
    user: User,
    key: str,
    asked: dict[str, str | None],
    status: int,
    about: list[UUID],
    refusal: dict[str, Any] | None,
) -> None:
    """Store the answer, in SQL because making a model of it takes longer than writing the row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO api_idempotencykey"
            " (user_id, key, method, path, digest, status, about, refusal_encrypted)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s::uuid[], %s)",
            [
                user.pk,
                key,
                asked["method"],
                asked["path"],
                asked["digest"],
                status,
                about,
                vault.encrypt(json.dumps(refusal, cls=JSONEncoder)) if refusal else "",
            ],
        )


# --- the answer again -------------------------------------------------------------------------
def _replay(
    first: IdempotencyKey, operation: Operation, view: APIView, request: Request, **named: Any
) -> Response:
    if not first.refusal_encrypted:
        response = Response(operation.again(request, first, **named), status=first.status)
    else:
        operation.address(request, **named)
        told = json.loads(vault.decrypt(first.refusal_encrypted))
        refusal = refused_before(first.status, **told)
        if operation.explains is not None and isinstance(refusal, Refusal):
            refusal = operation.explains(refusal)
        response = view.handle_exception(refusal)
    response[REPLAYED_HEADER] = "true"
    return response
