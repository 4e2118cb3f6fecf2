"""``Idempotency-Key``: a request that is sent twice happens once (IETF draft-ietf-httpapi-
idempotency-key-header-07).

A client that lost the connection before the answer arrived sends the request again. Of the first
answer only its status and the ids of its rows are kept, in the transaction of the request's effect:
having been shown something once is no right to see it again, so the rows are looked up and rendered
anew for whoever may see them today.

An answer is kept with the rows of the community that the request is about, so that both are
committed on one machine. That community is what the address names: a place, or a row of one. Where
only the act finds it, as at a counter, ``within`` lists all that it can be. Either is asked before
the act, and no repeat is told another: a row's community never changes, and nothing ever leaves a
list. An address that finds nothing, or no more, is refused without an act, and that answer is kept
among those of no community, as is one about a community that has moved away. A repeat looks there
too, so it finds the first answer wherever it is.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DatabaseError, connection, transaction
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
from backend.api.callers import signed_in
from backend.api.errors import (
    IdempotencyKeyInUse,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    PreconditionFailed,
)
from backend.api.exceptions import kept, problem_of, refused_before
from backend.api.renderers import JSONRenderer, etag_of
from backend.cluster.placement import Placement, placement_of
from backend.errors import Refusal
from backend.ids import new_id
from backend.locks import lock_by_id

HEADER = "Idempotency-Key"
IF_MATCH = "If-Match"
REPLAYED_HEADER = "Idempotency-Replayed"
MAX_KEY_CHARACTERS = 200

# Finds what the caller may see today: rows, among which are those of the kept ids, or the one that
# the address names. Called with the request and the address's names; refuses as at first.
Finds = Callable[..., QuerySet[Any] | Model]
# Renders it: a serializer, or a function of the request and what was found.
Tells = type[BaseSerializer[Any]] | Callable[[Request, Any], Any]
# Tells of which communities a request may turn out to be: a function of the database that returns
# an array of their ids, to which none is lost, and its argument.
Within = Callable[..., tuple[str, UUID]]


class Asked(NamedTuple):
    """A request with a key."""

    user_id: UUID
    key: str
    method: str | None
    path: str
    digest: str


ASKED = ("method", "path", "digest")  # what a repeat has in common with the first request


class First(NamedTuple):
    """The first answer to a key, and what was asked."""

    method: str
    path: str
    digest: str
    status: int
    about: list[UUID]
    refusal_encrypted: str


@dataclass(frozen=True)
class Waiting:
    """Rows, of the model ``row``, of what is not done yet: how they are found and told again."""

    row: type[Model]
    finds: Finds
    tells: Tells


class Answer(NamedTuple):
    response: Response
    done: Any  # the row or rows that it tells of, as the act returned them


@dataclass(frozen=True)
class Named:
    """What an address named before the act."""

    row: Any = None
    error: Exception | None = None

    def get(self) -> Any:
        """Return it. Raises the error that there was instead."""
        if self.error is not None:
            raise self.error
        return self.row


@dataclass(frozen=True)
class Operation:
    """The answering of a writing operation; ``backend.api.views.writes`` makes it.

    ``at`` finds what the address names, and ``within`` tells the communities that it leaves open.
    ``finds`` finds the rows of a kept answer, by ``shows`` if that is given, and ``tells`` renders
    them; ``address`` lets in whoever is told a kept refusal. With ``edits``, ``finds`` finds the
    one thing that is changed.
    """

    tells: Tells
    at: Finds | None
    within: Within | None
    shows: Finds | None
    finds: Finds
    address: Finds
    many: bool
    edits: bool
    needs_key: bool
    keeps: bool
    explains: Callable[[Refusal], Exception] | None
    waiting: Waiting | None

    def look_up(self, request: Request, **named: Any) -> Named:
        """Find what the address names, or the error that is the answer.

        Beside the error stands what ``shows`` finds there still, as after an act that ended what
        the address named.
        """
        address = _named_by(self.at, request, **named)
        if address.error is None:
            return address
        return Named(_named_by(self.shows, request, **named).row, address.error)

    def communities(self, request: Request, address: Named, **named: Any) -> tuple[str, Any]:
        """Return SQL that lists the communities that the request can be about, and its value."""
        theirs = communities_of(address.row)
        if theirs or self.within is None:
            return "%s::uuid[]", theirs
        function, about = self.within(request, **named)
        return f"{function}(%s)", about

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
        if placement_of(found._meta.model) is Placement.REFERENCE:
            lock_by_id(found.pk)
        else:
            _only(found).select_for_update(no_key=True).get()
        told = JSONRenderer().render(self._told(request, self._one(request, **named)))
        if asked.strip() != "*" and etag_of(told) not in parse_etags(asked):
            raise PreconditionFailed

    def _one(self, request: Request, **named: Any) -> Any:
        found = self.finds(request, **named)
        return found.first() if isinstance(found, QuerySet) else found

    def again(self, request: Request, first: First, **named: Any) -> Any:
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


def _named_by(finds: Finds | None, request: Request, **named: Any) -> Named:
    try:
        return Named(finds(request, **named) if finds else None)
    except Exception as exc:
        if problem_of(exc) is None:
            raise
        return Named(error=exc)


def _only(row: Model) -> QuerySet[Any]:
    community = {name: getattr(row, name) for name in ["community_id"] if hasattr(row, name)}
    # The caller may be Django's lazy stand-in for a person, who is in the session.
    return row._meta.model._base_manager.filter(pk=row.pk, **community)


def answered_once(
    operation: Operation,
    answer: Callable[[APIView, Request, Any], Answer],
    view: APIView,
    request: Request,
    **named: Any,
) -> Response:
    """Answer each key of a user once, by ``answer(view, request, found)``.

    The same key with the same method, address and body does nothing more. Its answer has the first
    one's status and ``Idempotency-Replayed: true``, and shows what the caller may see today. A
    refusal is an answer too and is repeated. 401, 412, 429 and 5xx are not kept and whatever was
    done is rolled back, so the request can be sent again. Raises IdempotencyKeyMissing if the
    operation needs a key, IdempotencyKeyInvalid, IdempotencyKeyInUse (the first is still running),
    IdempotencyKeyReused (the key belongs to another request about one of its communities, or about
    none), PreconditionFailed (another ``ETag`` than that of ``If-Match``).
    """
    is_guarded = operation.edits and IF_MATCH in request.headers

    def act(address: Named) -> Answer:
        try:
            operation.require_match(request, **named)
            found = address.get()
            if is_guarded and operation.at:  # as it is now that it is locked
                found = operation.at(request, **named)
            return answer(view, request, found)
        except Refusal as refusal:
            if operation.explains is None:
                raise
            raise operation.explains(refusal) from None

    user = signed_in(request)
    key = _key_of(request, is_required=operation.needs_key)
    if key is None or not operation.keeps:
        with transaction.atomic() if is_guarded else nullcontext():
            return act(operation.look_up(request, **named)).response
    asked = Asked(user.pk, key, request.method, request.path, _digest(request))
    # Durable: the answer leaves only after it and what it says are committed.
    with transaction.atomic(durable=True):
        address = operation.look_up(request, **named)
        listed = operation.communities(request, address, **named)
        communities, first = _begin(asked, *listed)
        if first is None:
            if address.error is not None:
                communities = []
            return _first(lambda: act(address), view, request, asked, communities)
        if any(getattr(first, name) != getattr(asked, name) for name in ASKED):
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


def _begin(asked: Asked, listed: str, about: Any) -> tuple[list[UUID], First | None]:
    """Lock the key of that user until the transaction ends, and look for its earlier answer.

    Returns those of the communities that ``listed`` lists which can keep an answer (none that has
    moved away), and the earlier answer, if any. Does not wait, as an insertion of the key would: a
    client that repeats itself must not pile up connections behind its first try. Lists the
    communities once the lock is held, so that what the first try was told is among them. Two
    different keys with one hash merely can not run at the same moment. Raises IdempotencyKeyInUse.
    """
    name = f"idempotency:{asked.user_id}:{asked.key}".encode()
    lock = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM api_first_answer("  # noqa: S608  # a function's name
            f"CASE WHEN pg_try_advisory_xact_lock(%s) THEN {listed} END, %s, %s)",
            [lock, about, asked.user_id, asked.key],
        )
        communities, *first = cursor.fetchone()
    if communities is None:
        raise IdempotencyKeyInUse
    return communities, None if first[0] is None else First(*first)


# --- the first answer -------------------------------------------------------------------------
def _first(
    act: Callable[[], Answer],
    view: APIView,
    request: Request,
    asked: Asked,
    communities: list[UUID],
) -> Response:
    refusal, done, is_broken = None, None, False
    try:
        response, done = act()
        about = list(_ids_in(response.data))
    except Exception as exc:
        # A refusal becomes an answer here, inside the transaction, and does not undo it: a
        # service has already rolled its own work back, and what it meant to keep, such as the
        # record of a refused scan, is committed with the answer. An exception that is no
        # refusal is raised again by handle_exception and undoes everything.
        # What the database refused (a community that has moved) broke the transaction.
        response, about = view.handle_exception(exc), []
        refusal, is_broken = kept(exc, response.data), isinstance(exc, DatabaseError)
    if is_broken or response.status_code in (401, 412, 429) or response.status_code >= 500:
        transaction.set_rollback(True)
    else:
        # Of an act in none of them, as of a refusal, any is as good: a repeat looks in all.
        there = [one for one in communities_of(done) if one in communities] or communities
        _keep(asked, there[0] if there else None, response.status_code, about, refusal)
    # Rendered before the commit: what can not be rendered is rolled back.
    finalized: Response = view.finalize_response(request, response, *view.args, **view.kwargs)
    finalized.render()
    return finalized


def communities_of(about: Any) -> list[UUID]:
    """Return the community of a row, or that of a place, or those of several rows."""
    if isinstance(about, list):
        return [one for row in about for one in communities_of(row)]
    place = getattr(about, "whose", {})
    one: UUID | None = place.get("community_id") or getattr(about, "community_id", None)
    return [] if one is None else [one]


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
    asked: Asked,
    community_id: UUID | None,
    status: int,
    about: list[UUID],
    refusal: dict[str, Any] | None,
) -> None:
    """Store the answer, in SQL because making a model of it takes longer than writing the row."""
    told = vault.encrypt(json.dumps(refusal, cls=JSONEncoder)) if refusal else ""
    columns = "user_id, key, method, path, digest, status, about, refusal_encrypted"
    marks = "%s, %s, %s, %s, %s, %s, %s::uuid[], %s"
    values = [*asked, status, about, told]
    table = "api_ownidempotencykey"
    if community_id is not None:
        table = "api_idempotencykey"
        columns, marks = f"{columns}, id, community_id", f"{marks}, %s, %s"
        values += [new_id(), community_id]
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)  # noqa: S608


# --- the answer again -------------------------------------------------------------------------
def _replay(
    first: First, operation: Operation, view: APIView, request: Request, **named: Any
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
