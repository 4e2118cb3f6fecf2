"""Codes as pictures: beside each code that is shown stands ``code.svg`` and ``code.png``."""

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
    """A code as a QR code, for whoever is shown the code itself; 404 where there is none."""

    def code(self, request: Request, **named: Any) -> str | None:
        """The code that is shown to the caller. Raises Http404 where that is nobody of theirs."""
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
            # A code may be good for points: neither the phone nor what is on the way keeps it.
            headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        )


def code_pictures(address: str, view: type[CodePictureView]) -> list[URLPattern]:
    """The two addresses below that of a code."""
    return in_each_format(f"{address}/code", view, (SVGRenderer, PNGRenderer))
