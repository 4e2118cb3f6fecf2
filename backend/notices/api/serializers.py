"""Shapes of notices."""

from rest_framework import serializers

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
