"""The inbox."""

from typing import Any

from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, seen, writes
from backend.notices import selectors
from backend.notices import services as notices
from backend.notices.models import Notice
from backend.notices.words import words


class NoticeSerializer(ReadSerializer[Notice]):
    """A notice, in the reader's language."""

    title = serializers.SerializerMethodField()
    body = serializers.SerializerMethodField()

    class Meta:
        model = Notice
        fields = ("id", "kind", "delivered_at", "read_at")

    def get_title(self, notice: Notice) -> str:
        return words(notice)[0]

    def get_body(self, notice: Notice) -> str:
        return words(notice)[1]


def my_notice(request: Request, **names: Any) -> Notice:
    """Return a notice that was delivered to the caller. Raises NoticeUnknown."""
    return selectors.notice_of(signed_in(request), names["notice_id"])


class InboxView(ListView[Notice]):
    """List my notices, newest first: ``GET /api/v1/me/notices``."""

    serializer_class = NoticeSerializer
    finds = seen(selectors.inbox_of)


class NoticeView(OpenView[Notice]):
    """Open a notice: ``GET /api/v1/me/notices/{notice_id}``. It stays unread."""

    serializer_class = NoticeSerializer
    finds = my_notice


class NoticeReadView(APIView):
    """Mark a notice as read: ``POST /api/v1/me/notices/{notice_id}/read``."""

    @writes(NoticeSerializer, my_notice)
    def post(self, user: User, notice: Notice) -> Notice:
        return notices.mark_read(notice=notice)


urlpatterns = [
    path("me/notices", InboxView.as_view()),
    path("me/notices/<uuid:notice_id>", NoticeView.as_view()),
    path("me/notices/<uuid:notice_id>/read", NoticeReadView.as_view()),
]
