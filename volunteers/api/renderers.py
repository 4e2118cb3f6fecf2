"""Photos out."""

from collections.abc import Mapping
from typing import Any

from rest_framework import renderers


class JPEGRenderer(renderers.BaseRenderer):
    """Says that an address answers with a photo; the view sends the file itself."""

    media_type = "image/jpeg"
    format = "jpg"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return data
