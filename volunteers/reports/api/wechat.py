"""WeChat's side of the safety check: it fetches photos, and tells its opinion of them."""

from typing import Any

from django.http import FileResponse, Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, permissions
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.api.renderers import JPEGRenderer
from backend.wechat import push
from volunteers.reports.services import screening

VERDICT = "wxa_media_check"


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


class WeChatPushView(APIView):
    """Take what WeChat's message push tells: ``/api/v1/wechat/push``.

    Answers 401 without its signature. ``GET`` returns ``echostr``, by which WeChat knows us.
    """

    authentication_classes = ()
    permission_classes = (permissions.AllowAny,)
    throttle_classes = ()

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        _require_signature(request)
        return HttpResponse(request.query_params.get("echostr", ""), content_type="text/plain")

    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        _require_signature(request)
        told: Any = request.data
        if isinstance(told, dict) and told.get("Event") == VERDICT:
            result = told.get("result")
            opinion = result.get("suggest") if isinstance(result, dict) else None
            screening.tell(trace_id=str(told.get("trace_id") or ""), opinion=str(opinion))
        return HttpResponse("success", content_type="text/plain")


def _require_signature(request: Request) -> None:
    if not push.is_from_wechat(request.query_params):
        raise exceptions.AuthenticationFailed
