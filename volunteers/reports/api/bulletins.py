"""Bulletins: read by everybody, drafted by staff, published by managers, commented on."""

from datetime import date
from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.fields import CharField, DateField, TextField
from backend.api.permissions import SecondFactorToWrite
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.communities.api.shown import community as community_for
from backend.communities.api.shown import tenant, where_known
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER, tenants
from volunteers.reports import selectors
from volunteers.reports.api.public import FundFiguresSerializer, ReportFiguresSerializer
from volunteers.reports.models.publicity import Bulletin, BulletinComment
from volunteers.reports.services import bulletins


class BulletinFiguresSerializer(ReportFiguresSerializer):
    """The figures of a bulletin, as they were when it was drafted."""

    funds = FundFiguresSerializer(many=True, read_only=True)


class BulletinSerializer(ReadSerializer[Bulletin]):
    """A bulletin about the ``period`` that begins on ``starts_on``; drafts are read by staff alone.

    A published one never changes; ``is_superseded`` says that a later ``version`` is published.
    """

    community = CommunityInBriefSerializer(read_only=True)
    is_superseded = serializers.BooleanField(read_only=True)
    figures = serializers.SerializerMethodField()

    class Meta:
        model = Bulletin
        fields = (
            *("id", "period", "starts_on", "version", "status", "title", "words"),
            *("drafted_at", "published_at"),
        )

    @staticmethod
    def rows_for(rows: Any, user: Any) -> Any:
        return selectors.with_superseded(rows.select_related("community"))

    @extend_schema_field(BulletinFiguresSerializer)
    def get_figures(self, bulletin: Bulletin) -> Any:
        return BulletinFiguresSerializer(bulletin.figures).data


class DraftBulletinSerializer(serializers.Serializer[Any]):
    """A bulletin to draft; its figures are taken now."""

    period = serializers.ChoiceField(choices=Bulletin.Period.choices)
    starts_on = DateField(help_text="The first day of the month or quarter.")
    title = CharField(max_length=60)
    words = TextField(max_length=10_000, allow_blank=True, default="")


class ChangeBulletinSerializer(serializers.Serializer[Any]):
    """The words of staff in a draft; its figures are taken anew."""

    title = CharField(max_length=60, required=False)
    words = TextField(max_length=10_000, allow_blank=True, required=False)


class BulletinCommentSerializer(ReadSerializer[BulletinComment]):
    """A comment on a bulletin, without a name."""

    class Meta:
        model = BulletinComment
        fields = ("id", "text", "written_at", "status")


class WatchedCommentSerializer(BulletinCommentSerializer):
    """A comment, and which bulletin it is on."""

    bulletin_id = serializers.UUIDField(read_only=True)
    bulletin_title = serializers.CharField(source="bulletin.title", read_only=True)


class WriteBulletinCommentSerializer(serializers.Serializer[Any]):
    text = TextField(max_length=500)


class DecideSerializer(serializers.Serializer[Any]):
    is_shown = serializers.BooleanField(help_text="Whether everybody may read it.")


class BulletinFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    period = filters.ChoiceFilter(choices=Bulletin.Period.choices)
    status = filters.ChoiceFilter(choices=Bulletin.Status.choices)


class CommentFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=BulletinComment.Status.choices)


def _in_community(request: Request, **names: Any) -> Any:
    return selectors.bulletins_seen_by(request.user, [tenant(request, **names)])


def _seen(request: Request, **names: Any) -> Any:
    found = selectors.bulletins_seen_by(request.user, tenants())
    return below(lambda *_, **__: found, lambda rows: rows, "bulletin_id")(request, **names)


def _comments(request: Request, **names: Any) -> Any:
    return selectors.comments_seen_by(request.user, _seen(request, **names))


def _comment(request: Request, **names: Any) -> Any:
    rows = _comments(request, **names)
    return below(lambda *_, **__: rows, lambda found: found, "comment_id")(request, **names)


def _handled_comment(request: Request, **names: Any) -> Any:
    found = seen(selectors.bulletins_drafted_by, "bulletin_id")(request, **names)
    rows = selectors.comments_seen_by(request.user, found)  # type: ignore[arg-type]
    return below(lambda *_, **__: rows, lambda rows: rows, "comment_id")(request, **names)


class BulletinListView(ListView[Bulletin]):
    """List a community's bulletins, newest first: ``GET /api/v1/communities/{code}/bulletins``.

    Public; staff and auditors are shown drafts as well.
    """

    permission_classes = (IsAuthenticatedOrReadOnly, SecondFactorToWrite)
    serializer_class = BulletinSerializer
    filterset_class = BulletinFilter
    finds = _in_community

    @writes(
        BulletinSerializer,
        community_for(HANDLES),
        body=DraftBulletinSerializer,
        shows=seen(selectors.bulletins_drafted_by),
        needs_key=True,
        status=201,
    )
    def post(
        self, user: User, community: Community, period: str, starts_on: date, **words: Any
    ) -> Bulletin:
        """Draft a bulletin, as staff: ``POST /api/v1/communities/{code}/bulletins``."""
        return bulletins.draft(
            community=community, drafted_by=user, period=period, starts_on=starts_on, **words
        )


class BulletinView(OpenView[Bulletin]):
    """Open a bulletin: ``GET /api/v1/bulletins/{bulletin_id}``. Public, unless it is a draft."""

    permission_classes = (IsAuthenticatedOrReadOnly, SecondFactorToWrite)
    serializer_class = BulletinSerializer
    finds = _seen

    @writes(
        BulletinSerializer,
        seen(selectors.bulletins_drafted_by, "bulletin_id"),
        body=ChangeBulletinSerializer,
        edits=True,
    )
    def patch(self, user: User, bulletin: Bulletin, **changes: str) -> Bulletin:
        """Change a draft, as staff: ``PATCH /api/v1/bulletins/{bulletin_id}``."""
        return bulletins.change(bulletin=bulletin, changed_by=user, changes=changes)


class PublishBulletinView(APIView):
    """Publish a draft, as a manager: ``POST /api/v1/bulletins/{bulletin_id}/publish``.

    Not for whoever changed it last. Idempotent.
    """

    @writes(BulletinSerializer, seen(selectors.bulletins_managed_by, "bulletin_id"))
    def post(self, user: User, bulletin: Bulletin) -> Bulletin:
        return bulletins.publish(bulletin=bulletin, published_by=user)


class BulletinCommentListView(ListView[BulletinComment]):
    """List the comments on a bulletin: ``GET /api/v1/bulletins/{bulletin_id}/comments``.

    Everybody reads those that staff let through, their author those that wait, staff all.
    """

    permission_classes = (IsAuthenticatedOrReadOnly, SecondFactorToWrite)
    serializer_class = BulletinCommentSerializer
    filterset_class = CommentFilter
    finds = _comments

    @writes(
        BulletinCommentSerializer,
        seen(selectors.bulletins_open_to, "bulletin_id"),
        body=WriteBulletinCommentSerializer,
        within=where_known,
        shows=seen(selectors.comments_of),
        needs_key=True,
        status=201,
    )
    def post(self, user: User, bulletin: Bulletin, text: str) -> BulletinComment:
        """Comment, as a volunteer: ``POST /api/v1/bulletins/{bulletin_id}/comments``."""
        return bulletins.comment(bulletin=bulletin, author=user, text=text)


class WatchedCommentListView(ListView[BulletinComment]):
    """List the comments on all bulletins: ``GET /api/v1/communities/{code}/comments``.

    For staff and auditors, newest first: those that wait for a decision have ``status=waiting``.
    """

    serializer_class = WatchedCommentSerializer
    filterset_class = CommentFilter
    finds = below(community_for(WATCHES_OVER), selectors.comments_in)


class BulletinCommentView(OpenView[BulletinComment]):
    """Open a comment: ``GET /api/v1/bulletins/{bulletin_id}/comments/{comment_id}``."""

    permission_classes = (IsAuthenticatedOrReadOnly, SecondFactorToWrite)
    serializer_class = BulletinCommentSerializer
    finds = _comment


class DecideCommentView(APIView):
    """Show a comment to the public or hide it, as staff.

    ``POST /api/v1/bulletins/{bulletin_id}/comments/{comment_id}/decision``. Idempotent; a decision
    may be changed.
    """

    @writes(BulletinCommentSerializer, _handled_comment, body=DecideSerializer)
    def post(self, user: User, comment: BulletinComment, is_shown: bool) -> BulletinComment:
        return bulletins.decide(comment=comment, decided_by=user, is_shown=is_shown)
