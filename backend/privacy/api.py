"""Leaving for good, and copies of everything that is held about me."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import FileResponse
from django.urls import path
from django.utils.translation import get_language
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.permissions import SecondFactorWhereDue
from backend.api.renderers import FileRenderer
from backend.api.serializers import ReadSerializer
from backend.api.views import OpenView, nothing, seen, writes
from backend.communities.api import views
from backend.privacy import selectors
from backend.privacy.errors import ExportUnknown
from backend.privacy.models import Export
from backend.privacy.services import erasure, exports


class ErasureSerializer(serializers.Serializer[User]):
    """A requested erasure, which can be taken back until ``erased_from``."""

    erased_from = serializers.DateTimeField(source="erasure_due_at", read_only=True)


class MeView(views.MeView):
    """Show who I am and which roles I hold: ``/api/v1/me``.

    ``GET`` also without a second factor that is due: ``second_factor_required`` says so.
    """

    @writes(ErasureSerializer, status=202, while_suspended=True)
    def delete(self, user: User) -> User:
        """Leave for good: ``DELETE /api/v1/me``.

        At ``erased_from`` my name, phone, log-ins and confidential reports are erased; hours and
        points stay, with no name behind them. ``still_holds_a_role`` for staff, managers, auditors
        and owners, who have to hand over first.
        """
        return erasure.ask(user=user)


class KeepView(APIView):
    """Stay after all: ``POST /api/v1/me/keep``. Idempotent, also if I never asked to be erased."""

    @writes(nothing, while_suspended=True)
    def post(self, user: User) -> None:
        erasure.keep(user=user)


class ZIPRenderer(FileRenderer):
    media_type = "application/zip"
    format = "zip"


class ExportSerializer(ReadSerializer[Export]):
    """The state of an export and, once it is ready, where to fetch it and until when."""

    state = serializers.SerializerMethodField()
    download_url = serializers.SerializerMethodField(
        help_text="Of the ZIP. It needs no log-in: whoever has it can fetch the file."
    )

    class Meta:
        model = Export
        fields = ("id", "requested_at", "finished_at", "expires_at", "size_bytes")

    @staticmethod
    def context_of(export: Export) -> dict[str, Any]:
        return {"state": selectors.state_of(export)}

    @extend_schema_field(serializers.ChoiceField(choices=Export.State.choices))
    def get_state(self, export: Export) -> str:
        return str(self.context["state"])

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_download_url(self, export: Export) -> str | None:
        if self.context["state"] != Export.State.READY:
            return None
        # In the query, because paths are logged.
        query = urlencode({"token": exports.link_token(export)})
        address = f"/api/v1/exports/{export.pk}?{query}"
        return str(self.context["request"].build_absolute_uri(address))


def my_export(request: Request, **names: Any) -> Export:
    """Return the newest export that the caller asked for. Raises ExportUnknown."""
    export = selectors.exports_of(signed_in(request)).first()
    if export is None:
        raise ExportUnknown
    return export


class MyExportView(OpenView[Export]):
    """Show the state of my newest export of all that is held about me: ``GET /api/v1/me/export``.

    ``export_unknown`` if I asked for none.
    """

    serializer_class = ExportSerializer
    finds = my_export

    @writes(ExportSerializer, shows=seen(selectors.exports_of), status=202, while_suspended=True)
    def post(self, user: User) -> Export:
        """Ask for a copy of all that is held about me: ``POST /api/v1/me/export``.

        A task makes it, in the language of the request. Idempotent: answers with the last one while
        that is pending or can be fetched, for 24 hours.
        """
        return exports.ask(user=user, language=get_language() or "zh-hans")


class DownloadView(APIView):
    """Fetch the file of an export: ``GET /api/v1/exports/{export_id}``.

    For its owner, or whoever has the ``token`` of a link. The link is good for 24 hours from when
    the file was finished, unless its owner logs out everywhere. ``export_expired`` also if the file
    is lost.
    """

    permission_classes = (SecondFactorWhereDue,)
    renderer_classes = (ZIPRenderer,)

    @extend_schema(
        parameters=[OpenApiParameter("token", OpenApiTypes.STR, description="Of the link.")],
        responses={(200, ZIPRenderer.media_type): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, export_id: UUID) -> FileResponse:
        file = exports.fetch(
            export_id=export_id,
            user=signed_in(request) if request.user.is_authenticated else None,
            token=request.query_params.get("token", ""),
        )
        return FileResponse(
            file,
            as_attachment=True,
            filename="linli.zip",
            content_type=ZIPRenderer.media_type,
            headers={"Cache-Control": "no-store"},
        )


urlpatterns = [
    path("me", MeView.as_view()),
    path("me/keep", KeepView.as_view()),
    path("me/export", MyExportView.as_view()),
    path("exports/<uuid:export_id>", DownloadView.as_view()),
]
