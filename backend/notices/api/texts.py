"""A community's own texts of notices."""

from typing import Any

from django.conf import settings
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.fields import CharField, TextField
from backend.api.views import OpenView, nothing, writes
from backend.communities.api.shown import managed_community
from backend.notices import wording as services
from backend.notices.models import NoticeText
from backend.notices.wording import Wording
from backend.notices.words import Text


class WordsSerializer(serializers.Serializer[Text]):
    """A title and a body."""

    title = serializers.CharField(read_only=True)
    body = serializers.CharField(read_only=True)


class NoticeTextSerializer(serializers.Serializer[Any]):
    """A kind of notice in one language: the catalogue's text, and the community's own if any.

    ``placeholders`` are the facts that a text may tell, written ``{activity}``; ``example`` is what
    people read today, of example facts.
    """

    kind = serializers.CharField(read_only=True)
    language = serializers.CharField(read_only=True)
    placeholders = serializers.ListField(child=serializers.CharField(), read_only=True)
    default = WordsSerializer(read_only=True)
    own = WordsSerializer(read_only=True, allow_null=True)
    example = WordsSerializer(read_only=True)


class AskedTextsSerializer(serializers.Serializer[Any]):
    """Which texts are asked for: of a ``language``, with ``text`` in what people read, our own."""

    language = serializers.ChoiceField(choices=settings.LANGUAGES, required=False)
    text = CharField(max_length=100, required=False)
    is_own = serializers.BooleanField(required=False, allow_null=True, default=None)


class RewordSerializer(serializers.Serializer[Any]):
    """A text, with ``{activity}`` and the like for the facts of a notice."""

    title = CharField(max_length=NoticeText._meta.get_field("title").max_length)
    body = TextField(max_length=NoticeText._meta.get_field("body").max_length)


def wording(request: Request, **names: Any) -> Any:
    """Find the wording that the address names, for managers. Raises NoticeTextUnknown."""
    community = managed_community(request, **names)
    return services.wording(community, names["notice_kind"], names["language"])


class NoticeTextListView(APIView):
    """List how notices are worded: ``GET /api/v1/communities/{code}/notice-texts``.

    All kinds of notices in both languages, by kind, or those that are asked for: of a ``language``,
    with a ``text`` in what people read, and only the community's own or the catalogue's with
    ``is_own``. For managers.
    """

    asks = AskedTextsSerializer
    finds = managed_community

    @extend_schema(parameters=[AskedTextsSerializer], responses=NoticeTextSerializer(many=True))
    def get(self, request: Request, **names: Any) -> Response:
        asked = AskedTextsSerializer(data=request.query_params)
        community = managed_community(request, **names)
        asked.is_valid(raise_exception=True)
        texts = services.wordings(community, **asked.validated_data)
        return Response(NoticeTextSerializer(texts, many=True).data)


class NoticeTextView(OpenView[Any]):
    """Open how a kind of notice is worded in a language, for managers.

    ``GET /api/v1/communities/{code}/notice-texts/{notice_kind}/{language}``, ``zh-hans`` or ``en``.
    """

    serializer_class = NoticeTextSerializer
    finds = wording

    @writes(NoticeTextSerializer, wording, body=RewordSerializer)
    def put(self, user: User, wording: Wording, **text: str) -> Wording:
        """Put the community's own text in place of the catalogue's.

        Notices are worded when they are read, so those told before read so too.
        ``placeholder_unknown`` if the text names a fact that is not among ``placeholders``.
        """
        return services.reword(wording=wording, by=user, **text)

    @writes(nothing, wording)
    def delete(self, user: User, wording: Wording) -> None:
        """Put the catalogue's text back. Idempotent."""
        services.reset(wording=wording, by=user)


class PreviewView(APIView):
    """Preview a text with example facts; nothing is kept. For managers.

    ``POST /api/v1/communities/{code}/notice-texts/{notice_kind}/{language}/preview``.
    """

    @writes(WordsSerializer, wording, body=RewordSerializer, keeps=False)
    def post(self, user: User, wording: Wording, **text: str) -> Text:
        return services.preview(wording=wording, **text)


TEXT = "communities/<str:code>/notice-texts/<str:notice_kind>/<str:language>"
urlpatterns = [
    path("communities/<str:code>/notice-texts", NoticeTextListView.as_view()),
    path(TEXT, NoticeTextView.as_view()),
    path(f"{TEXT}/preview", PreviewView.as_view()),
]
