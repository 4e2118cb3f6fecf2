"""The inbox."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.idempotency import idempotent, seen
from backend.notices import selectors
from backend.notices.api.serializers import NoticeSerializer
from backend.notices.models import Notice
from backend.notices.services import notices


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
