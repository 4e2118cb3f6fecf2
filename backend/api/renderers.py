"""What goes out: JSON, and files.

JSON is UTF-8, unescaped, with moments as ISO 8601 in UTC (``2025-03-01T08:00:00Z``).
"""

from collections.abc import Mapping
from typing import Any

from rest_framework import renderers

PROBLEM_TYPE = "application/problem+json"


class JSONRenderer(renderers.JSONRenderer):
    """Names an error's body for what it is (RFC 9457)."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        response = (renderer_context or {}).get("response")
        if response is not None and response.status_code >= 400:
            response["Content-Type"] = PROBLEM_TYPE
        return super().render(data, accepted_media_type, renderer_context)


class FileRenderer(renderers.BaseRenderer):
    """Says what kind of file an address answers with; the view sends the file itself."""

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
