"""Templates of WeChat messages, which the mini-program asks a person to accept."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.notices.channels.wechat import quotas, templates


class WeChatTemplateSerializer(serializers.Serializer[Any]):
    """A template, and how many messages of it the person still accepts."""

    family = serializers.CharField(
        read_only=True, help_text="our name for what its messages are about"
    )
    template_id = serializers.CharField(read_only=True, help_text="for wx.requestSubscribeMessage")
    left = serializers.IntegerField(
        read_only=True, help_text="messages that the person still accepts"
    )
    kinds = serializers.ListField(
        read_only=True,
        child=serializers.CharField(read_only=True),
        help_text="the kinds of notices that go by it",
    )


class MyWeChatTemplatesView(APIView):
    """List the templates of WeChat messages: ``GET /api/v1/me/wechat-templates``.

    The mini-program passes a few ``template_id`` to ``wx.requestSubscribeMessage`` in a tap, each
    accept of which is one more message. WeChat tells us of it a moment later: ``left``.
    """

    @extend_schema(responses=WeChatTemplateSerializer(many=True))
    def get(self, request: Request) -> Response:
        left = quotas.left_of(signed_in(request))
        told = [
            {
                "family": family,
                "template_id": template.id,
                "left": left.get(template.id, 0),
                "kinds": [*templates.kinds_of(family)],
            }
            for family, template in templates.registered().items()
        ]
        return Response(WeChatTemplateSerializer(told, many=True).data)


urlpatterns = [path("me/wechat-templates", MyWeChatTemplatesView.as_view())]
