"""The OpenAPI document: what every operation has in common."""

from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema as BaseAutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from backend import days
from backend.api.idempotency import (
    HEADER,
    MAX_KEY_CHARACTERS,
    REPLAYED_HEADER,
    idempotency_of,
)
from backend.api.renderers import PROBLEM_TYPE

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


class AutoSchema(BaseAutoSchema):
    """Adds to every operation its error answer and, if it has one, its ``Idempotency-Key``.

    Tags are the first word of the path after the prefix.
    """

    def get_override_parameters(self) -> list[Any]:
        parameters: list[Any] = super().get_override_parameters()
        if takes := idempotency_of(getattr(self.view, self.method.lower(), None)):
            parameters = [*parameters, _key_parameter(required=takes == "required"), REPLAYED]
        return parameters

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name="Problem",
            type=ResolvedComponent.SCHEMA,
            schema=PROBLEM_SCHEMA,
            object="Problem",
        )
        self.registry.register_on_missing(component)
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
    """Bounds of days are named ``x-…``: the keywords without it are for numbers alone."""

    target_class = "backend.api.fields.DateField"
    format = "date"

    def map_serializer_field(self, auto_schema: BaseAutoSchema, direction: Any) -> dict[str, Any]:
        bounds = {"x-minimum": days.EARLIEST.isoformat(), "x-maximum": days.LATEST.isoformat()}
        return {"type": "string", "format": self.format} | bounds


class MomentsBounds(DaysBounds):  # type: ignore[no-untyped-call]
    target_class = "backend.api.fields.DateTimeField"
    format = "date-time"
