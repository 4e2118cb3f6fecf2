"""Known parameters and fields of each operation; any other is refused by name.

The OpenAPI document says what is known: the parameters and the body that a view's schema declares.
Operations that are not in the document (WeChat's callback) and views that are not REST framework's
(log-in) keep their own rules. tests/backend/test_known.py tries every operation.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from threading import Lock
from typing import Any, TypeAlias, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, UnsupportedMediaType, ValidationError

from backend.api.parsers import JSONParser, read_json

View: TypeAlias = Callable[..., HttpResponseBase]
# The fields of a body, and of what stands inside them.
Fields: TypeAlias = Mapping[str, "Fields | None"]

WITH_BODY = ("POST", "PUT", "PATCH")
METHODS = (*WITH_BODY, "GET", "DELETE")
MOST_NAMED = 20  # unknown names in one answer
LONGEST_COMPARED = 60  # characters; comparing takes the square of their number
# drf-spectacular loads its extensions at the first schema, and two threads at once trip over it.
_one_at_a_time = Lock()


@dataclass(frozen=True)
class Known:
    """The query's ``parameters``, and in ``bodies`` the fields of a body by its media type.

    ``*`` is any media type; ``bodies`` is empty if no body is taken.
    """

    parameters: frozenset[str]
    bodies: Mapping[str, Fields | None]


@dataclass(frozen=True)
class Declared:
    """The declaration of an operation: its query's ``parameters``, what reads its body by media
    type, and what renders its answer, a serializer as a rule or None. Shared: nothing of it is
    changed.
    """

    parameters: frozenset[str]
    bodies: Mapping[str, Any]
    answer: Any


_known: dict[tuple[View, str], Known | None] = {}
_declared: dict[tuple[View, str], Declared | None] = {}


def known_to(view: View, method: str) -> Known | None:
    """Return what the operation of ``view`` knows; None if it takes anything."""
    if (view, method) not in _known:
        declared = declared_by(view, method)
        _known[view, method] = _read_by(declared) if declared else None
    return _known[view, method]


def _read_by(declared: Declared) -> Known:
    return Known(
        parameters=declared.parameters,
        bodies={name: _fields(one) for name, one in declared.bodies.items()},
    )


def declared_by(view: View, method: str) -> Declared | None:
    """Return what ``view`` declares for ``method``; None if the document has no such operation."""
    if (view, method) not in _declared:
        with _one_at_a_time:
            _declared[view, method] = _made(view, method)
    return _declared[view, method]


def _made(view: View, method: str) -> Declared | None:
    cls = getattr(view, "cls", None)
    if method not in METHODS or not hasattr(cls, method.lower()):
        return None
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]  # keeps what it makes
    schema = generator.create_view(view, method).schema  # type: ignore[no-untyped-call]
    if not isinstance(schema, AutoSchema) or schema.is_excluded():
        return None
    schema.path, schema.method, schema.registry = "", method, generator.registry
    body = schema.get_request_serializer() if method in WITH_BODY else None
    told = schema.get_response_serializers()
    return Declared(
        parameters=frozenset(
            one["name"] for one in schema._get_parameters() if one["in"] == "query"
        ),
        bodies={name: force_instance(one) for name, one in _several(body).items()},  # type: ignore[no-untyped-call]
        answer=force_instance(next(iter(_several(told).values()), None)),  # type: ignore[no-untyped-call]
    )


def _several(declared: Any) -> dict[Any, Any]:
    """Return by media type, or status, what may be declared for all of them."""
    return declared if isinstance(declared, dict) else {"*": declared} if declared else {}


def _fields(reader: Any) -> Fields | None:
    """Return the fields that ``reader``, or each element of it, reads; None if it has none."""
    while isinstance(reader, serializers.ListField | serializers.ListSerializer):
        reader = reader.child
    if not isinstance(reader, serializers.BaseSerializer):
        return None
    fields = cast(serializers.Serializer[Any], reader).fields
    return {name: _fields(field) for name, field in fields.items() if not field.read_only}


# --- before the view --------------------------------------------------------------------------
def refuse_unknown_to(view: View, request: HttpRequest) -> None:
    """Raise ValidationError for unknown parameters, and for a body's fields where none are taken;
    raise UnsupportedMediaType if such a body is not JSON."""
    has_body = request.META.get("CONTENT_LENGTH") not in (None, "", "0")
    # Most have no query, and one that is empty takes as long to read as another.
    asked = set(request.GET) if request.META.get("QUERY_STRING") else set()
    if not (asked or has_body):
        return
    known = known_to(view, "GET" if request.method == "HEAD" else cast(str, request.method))
    if known is None:
        return
    _refuse(asked - known.parameters, known.parameters, "unknown_parameter")
    if has_body and not known.bodies and request.method not in ("GET", "HEAD"):
        if request.content_type == JSONParser.media_type:
            refuse_unknown_fields(read_json(request.body), {})
        elif "Authorization" in request.headers:  # others are asked to log in first
            raise UnsupportedMediaType(request.content_type or "")


# --- while the body is read -------------------------------------------------------------------
def refuse_unknown_in(body: Any, media_type: str, context: Mapping[str, Any] | None) -> None:
    """Raise ValidationError for fields of a parsed body that the operation does not know.
    ``context`` is the parser's."""
    request = (context or {}).get("request")
    match = getattr(request, "resolver_match", None)
    known = known_to(match.func, cast(str, cast(Any, request).method)) if match else None
    if known is not None:
        fields = known.bodies.get(media_type, known.bodies.get("*"))
        refuse_unknown_fields(body, fields)


def refuse_unknown_fields(body: Any, fields: Fields | None) -> None:
    """Raise ValidationError for unknown fields, each by its path, such as ``items.0.quantity``."""
    found = dict(_unknown(body, fields))
    if found:
        _raise(found, "unknown_field")


def _unknown(body: Any, fields: Fields | None, at: str = "") -> Iterator[tuple[str, Fields]]:
    """Yield the path of each unknown field, and the fields known at its place."""
    if fields is None:
        return
    if isinstance(body, list):
        for number, element in enumerate(body):
            yield from _unknown(element, fields, f"{at}{number}.")
    elif isinstance(body, Mapping):
        for name, value in body.items():
            if name in fields:
                yield from _unknown(value, fields[name], f"{at}{name}.")
            else:
                yield f"{at}{name}", fields


def _refuse(names: Iterable[str], known: Iterable[str], code: str) -> None:
    if found := dict.fromkeys(names, dict.fromkeys(known)):
        _raise(found, code)


def _raise(found: Mapping[str, Fields], code: str) -> None:
    raise ValidationError(
        {
            path: [ErrorDetail(_message(path.rpartition(".")[2], known), code)]
            for path, known in list(found.items())[:MOST_NAMED]
        }
    )


def _message(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1) if len(name) <= LONGEST_COMPARED else []
    if near:
        return _("This is not known here. Is “{name}” meant?").format(name=near[0])
    return _("This is not known here.")
