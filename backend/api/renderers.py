"""Renderers of JSON and files.

JSON is UTF-8, unescaped, with moments as ISO 8601 in UTC (``2025-03-01T08:00:00Z``).
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from rest_framework import renderers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

PROBLEM_TYPE = "application/problem+json"


def etag_of(body: bytes) -> str:
    """Return the strong ``ETag`` of a body: other bytes are another version."""
    return f'"{sha256(body).hexdigest()[:32]}"'


class Negotiation(DefaultContentNegotiation):
    """Negotiation that compares nothing for whoever takes anything, as nearly everybody does."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first, headers = next(iter(renderers)), request._request.META
        takes_it = headers.get("HTTP_ACCEPT", "*/*") in ("*/*", first.media_type)
        if takes_it and first.media_type and not headers.get("QUERY_STRING"):
            return first, first.media_type
        return super().select_renderer(request, renderers, format_suffix)  # type: ignore[no-any-return]


class JSONRenderer(renderers.JSONRenderer):
    """Renderer that marks errors as problems (RFC 9457) and gives others their ``ETag``."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        rendered = super().render(data, accepted_media_type, renderer_context)
        response = (renderer_context or {}).get("response")
        if response is not None and response.status_code >= 400:
            response["Content-Type"] = PROBLEM_TYPE
        elif response is not None and response.status_code == 200:
            response["ETag"] = etag_of(rendered)
        return rendered


class FileRenderer(renderers.BaseRenderer):
    """Renderer that names the format of an address; the view sends the file itself."""

    charset: str | None = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return data


class JPEGRenderer(FileRenderer):
    media_type = "image/jpeg"
    format = "jpg"


class SVGRenderer(FileRenderer):
    media_type = "image/svg+xml"
    format = "svg"


class PNGRenderer(FileRenderer):
    media_type = "image/png"
    format = "png"
