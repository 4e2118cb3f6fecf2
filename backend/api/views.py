"""The common parts of the API's views, so that each says only what is its own.

A view names what its address is about by a *finder*, such as ``seen(shifts_seen_by, "shift_id")``:
a selector is the permission, and whatever it does not let the caller see is a 404.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.fields import empty
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.errors import Suspended
from backend.api.idempotency import (
    Answer,
    Finds,
    Operation,
    Tells,
    Waiting,
    Within,
    answered_once,
    communities_of,
    tell,
)
from backend.errors import Refusal

Row = TypeVar("Row", bound=Model)


# --- finders ----------------------------------------------------------------------------------
def myself(request: Request, **names: Any) -> User:
    """Find the caller."""
    return signed_in(request)


def seen(selector: Callable[[User], QuerySet[Any]], named: str = "") -> Finds:
    """Return a finder of what the caller may see by ``selector``; with ``named``, of one row.

    The row is the one whose id the address calls ``named``. Raises Http404 if there is none.
    """
    return below(myself, selector, named)


def below(
    place: Finds, selector: Callable[[Any], QuerySet[Any]], named: str = "", by: str = "pk"
) -> Finds:
    """Return a finder of what ``selector`` returns for the one thing that ``place`` finds.

    ``named`` is as for ``seen``; ``by`` is the field that the address gives.
    """

    def find(request: Request, **names: Any) -> QuerySet[Any] | Model:
        rows = selector(place(request, **names))
        if not named:
            return rows
        one: Model = get_object_or_404(rows, **{by: names[named]})
        return one

    if not named:
        find.place = place  # type: ignore[attr-defined]  # for Caller.may
    return find


# --- reading ----------------------------------------------------------------------------------
class _Reading(generics.GenericAPIView[Row]):
    finds: Finds

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "finds" in vars(cls):  # a function, not a method
            cls.finds = staticmethod(vars(cls)["finds"])

    def get_queryset(self) -> QuerySet[Row]:
        shape: Any = self.get_serializer_class()
        if getattr(self, "swagger_fake_view", False):  # for the document: nobody asks
            none: QuerySet[Row] = shape.Meta.model._default_manager.none()
            return none
        rows: Any = self.finds(self.request, **self.kwargs)
        if rows_for := getattr(shape, "rows_for", None):
            rows = rows_for(rows, self.request.user)
        return rows  # type: ignore[no-any-return]


class ListView(_Reading[Row], generics.ListAPIView[Row]):
    """List view of the rows that ``finds`` finds, rendered by ``serializer_class``: ``GET``."""

    def list(self, request: Request, *args: Any, **named: Any) -> Response:
        rows = self.filter_queryset(self.get_queryset())
        page = self.paginate_queryset(rows)
        told = tell(self.get_serializer_class(), request, rows if page is None else page, many=True)
        return Response(told) if page is None else self.get_paginated_response(told)


class OpenView(_Reading[Row]):
    """View of the one row that ``finds`` finds, rendered by ``serializer_class``: ``GET``."""

    def get(self, request: Request, **named: Any) -> Response:
        return Response(tell(self.get_serializer_class(), request, self.finds(request, **named)))


# --- writing ----------------------------------------------------------------------------------
def require_standing(user: User, about: object = None) -> None:
    """Raise Suspended if ``user`` is suspended everywhere, or in the community of ``about``.

    Costs no statement for anybody who is not suspended somewhere: the person's row says so.
    """
    if user.suspended_until is None or user.suspended_until <= timezone.now():
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM communities_suspended(%s, %s::uuid[])",
            [user.pk, communities_of(about)],
        )
        is_suspended, ends_at = cursor.fetchone()
    if is_suspended:
        raise Suspended(ends_at=ends_at)


def nothing(request: Request, found: object) -> None:
    """Render an answer without a body."""


def writes(
    tells: Tells,
    at: Finds | None = None,
    *,
    within: Within | None = None,
    body: type[BaseSerializer[Any]] | BaseSerializer[Any] | None = None,
    creates: Callable[[Any], QuerySet[Any]] | None = None,
    shows: Finds | None = None,
    needs_key: bool | None = None,
    status: int | None = None,
    shape: Any = None,
    many: bool = False,
    edits: bool = False,
    keeps: bool = True,
    explains: Callable[[Refusal], Exception] | None = None,
    waiting: Waiting | None = None,
    while_suspended: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Make a view's method of one that is called ``(user, found, **facts)`` and returns a row.

    ``found`` is what ``at`` finds (left out without ``at``), ``facts`` what ``body`` reads from the
    request: a list is passed as one more argument, and a serializer rather than its class is made
    once, which saves copying its fields. ``tells`` renders the row, or ``found`` if the method
    returns None; a response is passed on as it is. ``creates`` is the selector, of ``found`` or
    else of the caller, among whose rows the new one is: the answer is a 201, and
    ``Idempotency-Key`` is required unless ``needs_key`` says otherwise. ``shows`` finds what a
    repeated key is about if that is neither below ``at`` nor ``at`` itself. ``within`` tells the
    communities that the request may be about where ``at`` finds no row of one. ``shape`` is the
    answer in the OpenAPI document if ``tells`` is no serializer. Without ``keeps``, for what only
    reads or carries ids of its own, nothing is kept of a key; ``delete``, which changes nothing
    when it is run again, takes none unless ``needs_key``. A row of ``waiting``'s kind is something
    not done yet: 202. ``many``: rows are returned. ``edits``: ``found`` is changed, is rendered as
    ``GET`` does, and ``If-Match`` is honoured. ``explains`` adds to a service's refusals what a
    screen shows. ``PATCH`` needs no field of ``body``. A person who is suspended everywhere, or in
    the community of ``found``, may do it only ``while_suspended``. Raises what ``answered_once``
    raises, Suspended, ValidationError for the body, Http404 if ``at`` does.
    """
    address = at or shows or myself
    code = status or (204 if tells is nothing else 201 if creates else 200)
    shape = shape or (tells if isinstance(tells, type) else None)
    shapes = {code: shape(many=True) if many and isinstance(shape, type) else shape}
    if waiting is not None:
        shapes[202] = waiting.tells
    operation = Operation(
        tells=tells,
        at=at,
        within=within,
        shows=shows,
        finds=shows or (below(at or myself, creates) if creates else address),
        address=address,
        many=many,
        edits=edits,
        needs_key=bool(creates) if needs_key is None else needs_key,
        keeps=keeps,
        explains=explains,
        waiting=waiting,
    )

    def decorate(handler: Callable[..., Any]) -> Callable[..., Response]:
        def answer(view: APIView, request: Request, found: Any) -> Answer:
            about: list[Any] = [signed_in(request)]
            if not while_suspended:
                require_standing(about[0], found)
            if at is not None:
                about.append(found)
            facts: Any = {}
            if isinstance(body, BaseSerializer):
                facts = body.run_validation(request.data)
            elif body is not None:
                read: Any = body(data=request.data, context={"request": request})
                if request.method == "PATCH":  # not ``partial``, which goes for what is within too
                    for field in read.fields.values():
                        field.required, field.default = False, empty
                read.is_valid(raise_exception=True)
                facts = read.validated_data
            if isinstance(facts, dict):
                done = handler(view, *about, **facts)
            else:
                done = handler(view, *about, facts)
            if isinstance(done, Response):
                return Answer(done, None)
            if waiting is not None and isinstance(done, waiting.row):
                return Answer(Response(tell(waiting.tells, request, done), 202), done)
            row = about[-1] if done is None else done
            return Answer(Response(tell(tells, request, row, many=many), code), row)

        takes_key = needs_key or handler.__name__ != "delete"

        @extend_schema(request=body, responses=shapes)
        @wraps(handler)
        def method(view: APIView, request: Request, **named: Any) -> Response:
            if takes_key:
                return answered_once(operation, answer, view, request, **named)
            return answer(view, request, at(request, **named) if at else None).response

        made: Any = method
        made.operation = operation if takes_key else None
        gate = None if while_suspended else require_standing
        made.parts = (at, creates, body, gate)  # for backend/api/refusals.py
        return method

    return decorate
