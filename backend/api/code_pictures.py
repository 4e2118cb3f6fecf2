"""Codes as pictures: ``code.svg`` and ``code.png`` below each address that shows a code."""

from typing import Any

from django.http import Http404, HttpResponse
from django.urls import URLPattern
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from backend import codes
from backend.api.files import in_each_format
from backend.api.renderers import PNGRenderer, SVGRenderer


class CodePictureView(APIView):
    """View of a code as a QR code, for whoever may read the code; 404 if there is none."""

    def code(self, request: Request, **named: Any) -> str | None:
        """Return the code that is shown to the caller. Raises Http404 if they may not read it."""
        raise NotImplementedError

    @extend_schema(responses=OpenApiTypes.BINARY)
    def get(self, request: Request, **named: Any) -> HttpResponse:
        code = self.code(request, **named)
        if not code:
            raise Http404
        renderer = request.accepted_renderer
        return HttpResponse(
            codes.picture(code, renderer.format),
            content_type=renderer.media_type,
            # A code may be worth points: neither the phone nor a proxy may keep it.
            headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        )


def code_pictures(address: str, view: type[CodePictureView]) -> list[URLPattern]:
    """Return the two picture addresses below that of a code."""
    return in_each_format(f"{address}/code", view, (SVGRenderer, PNGRenderer))
