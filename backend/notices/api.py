"""The inbox."""

from uuid import UUID

from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.idempotency import idempotent
from backend.api.views import seen
from backend.notices import selectors
from backend.notices import services as notices
from backend.notices.models import Notice
from backend.notices.texts import words


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    """One entry of the inbox, in the reader's language."""

    title = serializers.SerializerMethodField()
    body = serializers.SerializerMethodField()

    class Meta:
        model = Notice
        fields = ("id", "kind", "title", "body", "delivered_at", "read_at")
        read_only_fields = fields

    def get_title(self, notice: Notice) -> str:
        return words(notice)[0]

    def get_body(self, notice: Notice) -> str:
        return words(notice)[1]


class InboxView(ListAPIView[Notice]):
    """What I have been told: ``GET /api/v1/me/notices``."""

    serializer_class = NoticeSerializer
    queryset = Notice.objects.none()

    def get_queryset(self) -> QuerySet[Notice]:
        return selectors.inbox_of(signed_in(self.request))


class NoticeReadView(APIView):
    """I have read it: ``POST /api/v1/me/notices/{notice_id}/read``."""

    @extend_schema(request=None, responses=NoticeSerializer)
    @idempotent(seen(selectors.inbox_of, "notice_id"), NoticeSerializer, is_required=False)
    def post(self, request: Request, notice_id: UUID) -> Response:
        notice = notices.mark_read(user=signed_in(request), notice_id=notice_id)
        return Response(NoticeSerializer(notice).data)


urlpatterns = [
    path("me/notices", InboxView.as_view()),
    path("me/notices/<uuid:notice_id>/read", NoticeReadView.as_view()),
]
