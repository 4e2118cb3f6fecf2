"""Documents that change only with a release: made once per process and language, then served."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.translation import get_language
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.labels import SUFFIX, X_LABELS
from backend.api.renderers import etag_of

OPENAPI = "application/vnd.oai.openapi+json"
CACHE_CONTROL = "public, max-age=3600"


@dataclass(frozen=True)
class _Made:
    content: bytes
    headers: dict[str, str]


class Document:
    """Answer of ``make``, made once for each language; whoever asks meanwhile waits for it."""

    def __init__(self, make: Callable[[], HttpResponse]) -> None:
        self._make = make
        self._made: dict[str | None, _Made] = {}
        self._making = Lock()

    def made(self) -> _Made:
        """Return it in the language that is active."""
        language = get_language()
        if language not in self._made:
            with self._making:
                if language not in self._made:
                    self._made[language] = _made(self._make())
        return self._made[language]


def served(document: Document) -> Callable[[HttpRequest], HttpResponseBase]:
    """Return a view that serves ``document``, whatever the query, and answers
    ``If-None-Match`` with 304."""

    @require_safe
    def answer(request: HttpRequest) -> HttpResponseBase:
        found = document.made()
        response = HttpResponse(found.content, headers=found.headers)
        etag = found.headers["ETag"]
        return get_conditional_response(request, etag=etag, response=response) or response

    return answer


def _made(answer: HttpResponse) -> _Made:
    told = ("Content-Type", "Content-Disposition")
    headers = {name: answer.headers[name] for name in told if name in answer.headers}
    headers["Cache-Control"] = CACHE_CONTROL
    headers["ETag"] = etag_of(answer.content)
    return _Made(answer.content, headers)


def make_openapi() -> HttpResponse:
    """Make our own OpenAPI document, complete for everybody; it takes seconds."""
    generator: Any = SchemaGenerator
    schema = generator().get_schema(request=None, public=True)
    content = OpenApiJsonRenderer().render(schema, renderer_context={})
    return HttpResponse(
        content,
        content_type=OPENAPI,
        headers={"Content-Disposition": 'inline; filename="Linli.json"'},
    )


openapi = Document(make_openapi)


# --- labels -----------------------------------------------------------------------------------
@cache
def all_labels() -> list[dict[str, Any]]:
    """Return the labels of every enum in the document, by name; each has both languages."""
    schemas = json.loads(openapi.made().content)["components"]["schemas"]
    return [
        {"name": name.removesuffix(SUFFIX), "labels": schema[X_LABELS]}
        for name, schema in sorted(schemas.items())
        if X_LABELS in schema
    ]


class LabelSerializer(serializers.Serializer[Any]):
    value = serializers.CharField(read_only=True)
    zh = serializers.CharField(read_only=True)
    en = serializers.CharField(read_only=True)


class EnumLabelsSerializer(serializers.Serializer[Any]):
    """The labels of an enum; ``name`` is that of the OpenAPI document without ``Enum``."""

    name = serializers.CharField(read_only=True)
    labels = LabelSerializer(many=True, read_only=True)


class LabelListView(APIView):
    """List the labels of every enum value in Chinese and English: ``GET /api/v1/labels``.

    Public. The list changes only with a release.
    """

    permission_classes = (AllowAny,)

    @extend_schema(responses=EnumLabelsSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(EnumLabelsSerializer(all_labels(), many=True).data)
