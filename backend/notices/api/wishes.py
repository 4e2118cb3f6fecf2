"""My wishes about the messages by which notices go beside the inbox."""

from typing import Any

from django.conf import settings
from django.urls import path
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.fields import TimeOfDayField
from backend.api.serializers import ReadSerializer
from backend.api.views import OpenView, writes
from backend.notices import kinds, selectors
from backend.notices import services as notices
from backend.notices.models import Channel, NoticeSettings


class KindSettingsSerializer(serializers.Serializer[Any]):
    """A kind of notice that also goes by ``channels``, and by which of them I want none."""

    kind = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    channels = serializers.ListField(
        child=serializers.ChoiceField(choices=Channel.choices), read_only=True
    )
    off = serializers.ListField(
        child=serializers.ChoiceField(choices=Channel.choices), read_only=True
    )
    is_required = serializers.BooleanField(read_only=True)


class NoticeSettingsSerializer(ReadSerializer[NoticeSettings]):
    """Wishes about messages beside the inbox, which has every notice.

    Messages are in ``language`` and wait from ``quiet_from`` until ``quiet_until``, by the clock of
    the community that tells, unless they are urgent; nothing waits if the two are equal.
    """

    quiet_from = TimeOfDayField(read_only=True)
    quiet_until = TimeOfDayField(read_only=True)
    kinds = serializers.SerializerMethodField()

    class Meta:
        model = NoticeSettings
        fields = ("language",)

    @extend_schema_field(KindSettingsSerializer(many=True))
    def get_kinds(self, wishes: NoticeSettings) -> Any:
        told = [
            {
                "kind": name,
                "title": str(kind.title),
                "channels": kind.channels,
                "off": selectors.channels_off(wishes, name),
                "is_required": kind.is_required,
            }
            for name, kind in kinds.registered.items()
            if kind.channels
        ]
        return KindSettingsSerializer(told, many=True).data


class SwitchOffSerializer(serializers.Serializer[Any]):
    """The channels by which I want no notice of a ``kind``; empty: all of its channels again."""

    kind = serializers.SlugField(max_length=50)
    off = serializers.ListField(
        child=serializers.ChoiceField(choices=Channel.choices), max_length=len(Channel)
    )


class ChangeNoticeSettingsSerializer(serializers.Serializer[Any]):
    """Wishes to change; fields, and kinds, that are left out stay as they are."""

    language = serializers.ChoiceField(choices=settings.LANGUAGES)
    quiet_from = TimeOfDayField()
    quiet_until = TimeOfDayField()
    kinds = SwitchOffSerializer(many=True)


def my_settings(request: Request, **names: Any) -> NoticeSettings:
    """Return the caller's wishes about messages."""
    return selectors.settings_of(signed_in(request))


class NoticeSettingsView(OpenView[NoticeSettings]):
    """Show my wishes about messages: ``GET /api/v1/me/notice-settings``."""

    serializer_class = NoticeSettingsSerializer
    finds = my_settings

    @writes(
        NoticeSettingsSerializer,
        body=ChangeNoticeSettingsSerializer,
        shows=my_settings,
        while_suspended=True,
    )
    def patch(self, user: User, **changes: Any) -> NoticeSettings:
        """Change my wishes about messages: ``PATCH /api/v1/me/notice-settings``.

        ``notice_required`` if one of the ``kinds`` cannot be switched off.
        """
        if "kinds" in changes:
            changes["switched_off"] = {one["kind"]: one["off"] for one in changes.pop("kinds")}
        return notices.change_settings(user=user, **changes)


urlpatterns = [path("me/notice-settings", NoticeSettingsView.as_view())]
