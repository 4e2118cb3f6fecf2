"""The address at which WeChat's message push tells us of events."""

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, permissions
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.wechat import push


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
        push.tell(request.data)
        return HttpResponse("success", content_type="text/plain")


def _require_signature(request: Request) -> None:
    if not push.is_from_wechat(request.query_params):
        raise exceptions.AuthenticationFailed


urlpatterns = [path("wechat/push", WeChatPushView.as_view())]
