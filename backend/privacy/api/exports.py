"""Everything that is held about me, to take away."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import FileResponse
from django.utils.translation import get_language
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.idempotency import idempotent, seen
from backend.api.permissions import SecondFactorWhereDue
from backend.api.renderers import FileRenderer
from backend.privacy import selectors
from backend.privacy.errors import ExportUnknown
from backend.privacy.models import Export
from backend.privacy.services import exports


class ZIPRenderer(FileRenderer):
    media_type = "application/zip"
    format = "zip"


class ExportSerializer(serializers.ModelSerializer[Export]):
    """How an export is getting on; once it is ready, where to fetch it and until when."""

    state = serializers.SerializerMethodField()
    download_url = serializers.SerializerMethodField(
        help_text="Of the ZIP. It needs no log-in: whoever has it can fetch the file."
    )

    class Meta:
        model = Export
        fields = (
            "id",
            "state",
            "requested_at",
            "finished_at",
            "expires_at",
            "size_bytes",
            "download_url",
        )
        read_only_fields = fields

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


def _told(request: Request, export: Export) -> Any:
    context = {"request": request, "state": selectors.state_of(export)}
    return ExportSerializer(export, context=context).data


class MyExportView(APIView):
    """A copy of all that is held about me: ``/api/v1/me/export``.

    ``POST`` asks for one, in the language of the request; a task makes it. While one is pending or
    can be fetched, which is 24 hours, asking again answers with that one. ``GET`` tells how the
    newest is getting on, or ``export_unknown`` if none was asked for.
    """

    @extend_schema(request=None, responses={202: ExportSerializer})
    @idempotent(seen(lambda user: Export.objects.filter(user=user)), _told, is_required=False)
    def post(self, request: Request) -> Response:
        export = exports.ask(user=signed_in(request), language=get_language() or "zh-hans")
        return Response(_told(request, export), status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses=ExportSerializer)
    def get(self, request: Request) -> Response:
        export = selectors.newest_export_of(signed_in(request))
        if export is None:
            raise ExportUnknown
        return Response(_told(request, export))


class DownloadView(APIView):
    """The file: ``GET /api/v1/exports/{export_id}``, for its owner or with the ``token`` of a link.

    The link is good for 24 hours from when the file was finished, unless its owner logs out
    everywhere. Refused with ``export_unknown``, ``export_pending`` or, if it is too late or the
    file is lost, ``export_expired``.
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
