"""The inbox, and people's wishes about messages beside it."""

from typing import Any

from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.filters import BooleanFilter, CharFilter, CommunityFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, myself, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.notices import selectors, targets
from backend.notices import services as notices
from backend.notices.models import Notice
from backend.notices.words import own_texts, words


class TargetSerializer(serializers.Serializer[Any]):
    """A thing that a tap opens, by ``GET`` of its ``address``; ``id`` is null where it has none."""

    type = serializers.CharField(read_only=True)
    id = serializers.UUIDField(read_only=True, allow_null=True)
    address = serializers.CharField(read_only=True)


class NoticeSerializer(ReadSerializer[Notice]):
    """A notice, in the reader's language. ``target`` is null if there is nothing to open."""

    community = CommunityInBriefSerializer(read_only=True)
    title = serializers.SerializerMethodField()
    body = serializers.SerializerMethodField()
    target = serializers.SerializerMethodField()

    class Meta:
        model = Notice
        fields = ("id", "kind", "delivered_at", "read_at")

    @staticmethod
    def rows_for(rows: QuerySet[Notice], user: User) -> QuerySet[Notice]:
        return rows.select_related("community")

    @extend_schema_field(TargetSerializer(allow_null=True))
    def get_target(self, notice: Notice) -> Any:
        target = targets.target_of(notice)
        return TargetSerializer(target).data if target else None

    @classmethod
    def context_of(cls, *notices: Notice) -> dict[str, Any]:
        return {"texts": own_texts(notice.community_id for notice in notices)}

    def get_title(self, notice: Notice) -> str:
        return words(notice, self.context["texts"]).title

    def get_body(self, notice: Notice) -> str:
        return words(notice, self.context["texts"]).body


class UnreadSerializer(serializers.Serializer[User]):
    """The number of notices that the caller has not read."""

    unread = serializers.SerializerMethodField()

    def get_unread(self, user: User) -> int:
        return selectors.count_unread(user)


class InboxFilter(CommunityFilter):
    """Filters of an inbox."""

    unread = BooleanFilter(field_name="read_at", lookup_expr="isnull", help_text="Not read yet.")
    kind = CharFilter(help_text="Exactly this kind.")


def my_notice(request: Request, **names: Any) -> Notice:
    """Return a notice that was delivered to the caller. Raises NoticeUnknown."""
    return selectors.notice_of(signed_in(request), names["notice_id"])


class InboxView(ListView[Notice]):
    """List my notices, newest first: ``GET /api/v1/me/notices``."""

    serializer_class = NoticeSerializer
    filterset_class = InboxFilter
    finds = seen(selectors.inbox_of)


class UnreadView(OpenView[User]):
    """Count what I have not read: ``GET /api/v1/me/notices/unread``."""

    serializer_class = UnreadSerializer
    finds = myself


class ReadAllView(APIView):
    """Mark all my notices as read: ``POST /api/v1/me/notices/read-all``. Idempotent."""

    @writes(UnreadSerializer, while_suspended=True)
    def post(self, user: User) -> None:
        notices.mark_all_read(recipient=user)


class NoticeView(OpenView[Notice]):
    """Open a notice: ``GET /api/v1/me/notices/{notice_id}``. It stays unread."""

    serializer_class = NoticeSerializer
    finds = my_notice


class NoticeReadView(APIView):
    """Mark a notice as read: ``POST /api/v1/me/notices/{notice_id}/read``."""

    @writes(NoticeSerializer, my_notice, while_suspended=True)
    def post(self, user: User, notice: Notice) -> Notice:
        return notices.mark_read(notice=notice)


urlpatterns = [
    path("me/notices", InboxView.as_view()),
    path("me/notices/unread", UnreadView.as_view()),
    path("me/notices/read-all", ReadAllView.as_view()),
    path("me/notices/<uuid:notice_id>", NoticeView.as_view()),
    path("me/notices/<uuid:notice_id>/read", NoticeReadView.as_view()),
]
