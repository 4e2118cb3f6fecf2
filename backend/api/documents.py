"""Documents that change only with a release: made once per process and language, then served."""

from collections.abc import Callable
from dataclasses import dataclass
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

from backend.api.labels import all_labels
from backend.api.renderers import etag_of

OPENAPI = "application/vnd.oai.openapi+json"
CACHE_CONTROL = "public, max-age=3600"


def openapi(request: HttpRequest) -> HttpResponse:
    """Show our own OpenAPI document, complete for everybody: ``GET /api/v1/schema``."""
    generator: Any = SchemaGenerator
    schema = generator().get_schema(request=None, public=True)
    content = OpenApiJsonRenderer().render(schema, renderer_context={})
    return HttpResponse(
        content,
        content_type=OPENAPI,
        headers={"Content-Disposition": 'inline; filename="Linli.json"'},
    )


@dataclass(frozen=True)
class _Made:
    content: bytes
    headers: dict[str, str]


def document(
    view: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Call ``view`` once for each language and serve its answer from then on, whatever the query.

    Requests meanwhile wait for the first. Answers ``If-None-Match`` with 304.
    """
    made: dict[str | None, _Made] = {}
    making = Lock()

    def kept(request: HttpRequest) -> _Made:
        language = get_language()
        if language not in made:
            with making:
                if language not in made:
                    made[language] = _made(view(request))
        return made[language]

    @require_safe
    def answer(request: HttpRequest) -> HttpResponseBase:
        found = kept(request)
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


# --- labels -----------------------------------------------------------------------------------
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
