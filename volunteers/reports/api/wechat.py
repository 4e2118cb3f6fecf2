"""WeChat's side of the safety check: it fetches photos."""

from django.http import FileResponse, Http404
from drf_spectacular.utils import extend_schema
from rest_framework import permissions
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.api.renderers import JPEGRenderer
from volunteers.reports.services import screening


class CheckedPhotoView(APIView):
    """Show WeChat a photo that it is to check: ``GET /api/v1/wechat/photos/{token}``."""

    authentication_classes = ()
    permission_classes = (permissions.AllowAny,)
    renderer_classes = (JPEGRenderer,)

    @extend_schema(exclude=True)
    def get(self, request: Request, token: str) -> FileResponse:
        photo = screening.shown_by(token)
        if photo is None or not photo.image:
            raise Http404
        return FileResponse(
            photo.image.open(),
            content_type=JPEGRenderer.media_type,
            headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        )
