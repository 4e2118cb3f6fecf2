"""The OpenAPI document: what every operation has in common.

Facts about an operation are derived rather than written down: its summary is its docstring's first
sentence, its errors are what it can raise (backend/api/refusals.py), its example is made of its
fields (backend/api/examples.py).
"""

import re
from collections import defaultdict
from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema as BaseAutoSchema
from drf_spectacular.plumbing import ResolvedComponent, list_hash
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.serializers import ChoiceField

from backend import days
from backend.api import errors
from backend.api.exceptions import status_of, titles_of
from backend.api.idempotency import (
    HEADER,
    IF_MATCH,
    MAX_KEY_CHARACTERS,
    REPLAYED_HEADER,
    idempotency_of,
    is_edit,
)
from backend.api.labels import remember
from backend.api.permissions import SecondFactorWhereDue
from backend.api.refusals import raised_by
from backend.api.renderers import PROBLEM_TYPE, JSONRenderer

PROBLEM_SCHEMA = {
    "type": "object",
    "description": "An error (RFC 9457). A refusal's facts are further members.",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string", "description": "For people, in the language asked for."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "description": "For programs; never changes."},
        "detail": {"type": "string"},
        "errors": {
            "type": "object",
            "description": "By field, as a path such as `items.0.quantity`.",
            "additionalProperties": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["code", "message"],
                    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
                },
            },
        },
    },
    "additionalProperties": {},
}
REPLAYED = OpenApiParameter(
    REPLAYED_HEADER,
    OpenApiTypes.BOOL,
    OpenApiParameter.HEADER,
    response=True,
    description="Present, and true, if an earlier request with the key did it. The status is the "
    "first answer's; the body has its shape and tells how things stand now.",
)


def _key_parameter(*, required: bool) -> OpenApiParameter:
    return OpenApiParameter(
        HEADER,
        {"type": "string", "pattern": "^[!-~]+$", "maxLength": MAX_KEY_CHARACTERS},
        OpenApiParameter.HEADER,
        required=required,
        description="Chosen by the client, one per intention. The same request sent again with "
        "the same key does nothing twice. Its answer is rendered anew, for whoever may see it by "
        "then; what is told once (a code, a secret) is told until it is first used, then it is "
        "null. Keys are kept for a week.",
    )


ETAG = OpenApiParameter(
    "ETag",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    response=[200],
    description="The version that the body tells, for `If-Match` and `If-None-Match`.",
)
MATCH = OpenApiParameter(
    IF_MATCH,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The `ETag` of what is to be changed, as it was read. If it has been changed since "
    "then, nothing is done (412, `precondition_failed`).",
)
# The address, or what comes after a colon, of what a docstring says first.
_ADDRESS = re.compile(r":?\s*``(GET|POST|PUT|PATCH|DELETE|/api)\b.*", re.DOTALL)
_SENTENCE = re.compile(r"(?<=\w\w)\.(\s|$)")


class AutoSchema(BaseAutoSchema):
    """Schema that adds to every operation its summary, its errors and its headers.

    Tags are the first word of the path after the prefix.
    """

    @property
    def handler(self) -> Any:
        return getattr(self.view, self.method.lower(), None)

    def _get_paginator(self) -> Any:
        """Return the paginator of a ``GET``; nothing else has pages."""
        return super()._get_paginator() if self.method == "GET" else None  # type: ignore[no-untyped-call]

    def get_summary(self) -> str:
        """Return the first sentence of the description, without the address."""
        first = self.get_description().strip().partition("\n\n")[0]
        return " ".join(_SENTENCE.split(_ADDRESS.sub("", first))[0].split())

    def get_override_parameters(self) -> list[Any]:
        parameters: list[Any] = super().get_override_parameters()
        if takes := idempotency_of(self.handler):
            parameters = [*parameters, _key_parameter(required=takes == "required"), REPLAYED]
        if is_edit(self.handler):
            parameters = [*parameters, MATCH]
        is_json = JSONRenderer.media_type in self.map_renderers("media_type")
        if is_edit(self.handler) or (self.method == "GET" and is_json):
            parameters = [*parameters, ETAG]
        return parameters

    def _map_serializer_field(
        self, field: Any, direction: Any, bypass_extensions: Any = False
    ) -> Any:
        if isinstance(field, ChoiceField):
            remember(self.registry, field.choices)
        mapped: Any = super()._map_serializer_field  # untyped
        return mapped(field, direction, bypass_extensions)

    def _errors(self) -> dict[int, dict[str, Any]]:
        """Return the operation's refusals by status: their codes and titles."""
        is_write = self.method != "GET"
        takes_key = idempotency_of(self.handler)
        kinds = raised_by(type(self.view), self.method.lower())
        if is_write:
            kinds |= {errors.CommunityMoved}
        if takes_key:
            kinds |= {errors.IdempotencyKeyInvalid, errors.IdempotencyKeyInUse}
            kinds |= {errors.IdempotencyKeyReused}
        if takes_key == "required":
            kinds |= {errors.IdempotencyKeyMissing}
        if is_edit(self.handler):
            kinds |= {errors.PreconditionFailed}
        if self._is_list_view() and getattr(self.view, "pagination_class", None):
            kinds |= {errors.InvalidCursor}
        if any(isinstance(one, SecondFactorWhereDue) for one in self.view.get_permissions()):
            kinds |= {errors.SecondFactorRequired}
        statuses = [400, 404, 406, 429]
        statuses += [413, 415] if is_write else []
        statuses += [] if {} in self.get_auth() else [401]
        found: dict[int, dict[str, Any]] = defaultdict(dict)
        for status in statuses:
            found[status] |= titles_of(status)
        for kind in sorted(kinds, key=lambda kind: kind.code):
            if answered := status_of(kind):
                found[answered].setdefault(kind.code, kind.title)
        return found

    def _refused(self, status: int, titles: dict[str, Any], problem: ResolvedComponent) -> Any:
        """Return the answer with one of these codes, as a component that operations share."""
        codes = list(titles)
        name = codes[0] if len(codes) == 1 else f"{status}_{list_hash(codes)[:8]}"
        told = {"type": "object", "properties": {"code": {"enum": codes}}}
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name=name,
            type="responses",
            schema={
                "description": "\n".join(f"* `{code}`: {titles[code]}" for code in codes),
                "content": {PROBLEM_TYPE: {"schema": {"allOf": [problem.ref, told]}}},
            },
            object=name,
        )
        self.registry.register_on_missing(component)
        return component.ref

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name="Problem",
            type=ResolvedComponent.SCHEMA,
            schema=PROBLEM_SCHEMA,
            object="Problem",
        )
        self.registry.register_on_missing(component)
        for status, titles in sorted(self._errors().items()):
            responses[str(status)] = self._refused(status, titles, component)
        responses["default"] = {
            "description": "An error.",
            "content": {PROBLEM_TYPE: {"schema": component.ref}},
        }
        return responses


class AccessTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "backend.api.authentication.AccessTokenAuthentication"
    name = "accessToken"

    def get_security_definition(self, auto_schema: BaseAutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "`meta.access_token` of the answer to logging in, good for 5 minutes; "
            "`POST /_allauth/app/v1/tokens/refresh` gives the next.",
        }


class DaysBounds(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Schema of days, with bounds named ``x-…``: the plain keywords are for numbers alone."""

    target_class = "backend.api.fields.DateField"
    format = "date"

    def map_serializer_field(self, auto_schema: BaseAutoSchema, direction: Any) -> dict[str, Any]:
        bounds = {"x-minimum": days.EARLIEST.isoformat(), "x-maximum": days.LATEST.isoformat()}
        return {"type": "string", "format": self.format} | bounds


class MomentsBounds(DaysBounds):  # type: ignore[no-untyped-call]
    target_class = "backend.api.fields.DateTimeField"
    format = "date-time"
