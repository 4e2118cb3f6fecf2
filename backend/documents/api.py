"""Tables and pages as files: at once if short, else made by a task and fetched."""

import tempfile
from base64 import b64encode
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.http import JsonResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import get_language
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.api import files
from backend.api.callers import signed_in
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView
from backend.communities.api import shown
from backend.communities.models import Community
from backend.documents import selectors, services
from backend.documents.models import Document
from backend.outbox import services as outbox

AT_ONCE = 500  # lines: some tenths of a second
JSON = "application/json"


class DocumentSerializer(ReadSerializer[Document]):
    """A file that a task makes. Ask at ``url`` until it answers with 200."""

    state = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()

    class Meta:
        model = Document
        fields = ("id", "asked_at")

    @extend_schema_field(serializers.ChoiceField(choices=[Document.State.PENDING]))
    def get_state(self, document: Document) -> str:
        return str(selectors.state_of(document))

    @extend_schema_field(serializers.URLField())
    def get_url(self, document: Document) -> str:
        address = f"/api/v1/communities/{document.community.code}/documents/{document.pk}"
        return str(self.context["request"].build_absolute_uri(address))


# What an address answers with that gives a file: itself, or where it will be.
LATER = {
    200: OpenApiTypes.BINARY,
    (202, JSON): DocumentSerializer,
}


def answer(
    request: Request,
    *,
    community: Community,
    kind: str,
    about: dict[str, Any],
    is_long: bool,
    is_final: bool = False,
) -> HttpResponseBase:
    """Answer with the file of the address, at once if it is short, or with 202 until it is made.

    The 202 says where the file will be, here or at ``Location``. A final file is made once and
    served again. Raises TooManyDocuments.
    """
    document = Document(
        community=community,
        kind=kind,
        about=about,
        ending=request.accepted_renderer.format,
        language=get_language() or settings.LANGUAGE_CODE,
        is_final=is_final,
        asked_by=signed_in(request),
    )
    if not is_long and not is_final:
        file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # the answer closes it
        name = services.write(document, file)
        return files.sent(file, name, document.ending)
    document = services.ask(document)
    if not is_long and document.finished_at is None:
        outbox.attempt("document", community_id=community.pk, pk=document.pk)
        document.refresh_from_db()
    return _fetched(request, document)


def _fetched(request: Request, document: Document) -> HttpResponseBase:
    if selectors.state_of(document) == Document.State.PENDING:
        told = DocumentSerializer(document, context={"request": request}).data
        wait = {"Location": told["url"], "Retry-After": str(round(settings.SWEEP_SECONDS))}
        return JsonResponse(told, status=status.HTTP_202_ACCEPTED, headers=wait)
    sent = files.sent(services.fetch(document), document.name, document.ending)
    digest = b64encode(bytes.fromhex(document.sha256)).decode()
    sent["Repr-Digest"] = f"sha-256=:{digest}:"  # RFC 9530
    return sent


def asked_by_me(request: Request, **names: Any) -> Any:
    """Find the files that the caller asked for in the community that the address names."""
    return selectors.asked_by(signed_in(request), shown.tenant(request, **names))


class AskedDocumentSerializer(ReadSerializer[Document]):
    """A file that I asked for; ``kind`` and ``ending`` say which. ``name`` is empty until then."""

    state = serializers.SerializerMethodField()

    class Meta:
        model = Document
        fields = ("id", "kind", "ending", "name", "asked_at", "finished_at", "expires_at")

    @extend_schema_field(serializers.ChoiceField(choices=Document.State.choices))
    def get_state(self, document: Document) -> str:
        return str(selectors.state_of(document))


class MyDocumentListView(ListView[Document]):
    """List the files that I asked for and that are made or waited for, newest first.

    ``GET /api/v1/communities/{code}/documents``
    """

    serializer_class = AskedDocumentSerializer
    finds = asked_by_me


class AsItWasMade(DefaultContentNegotiation):
    """Content negotiation that keeps the format a file was made in, whatever the caller accepts."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


class DocumentView(APIView):
    """Fetch a file that a task makes: ``GET /api/v1/communities/{code}/documents/{document_id}``.

    202 with ``Retry-After`` until it is there, then the file, for a day, or for good if its
    contents never change. ``document_unknown`` for whoever may not, or may no longer, read what it
    is about; ``document_expired`` if it is gone.
    """

    content_negotiation_class = AsItWasMade

    @extend_schema(
        responses={
            **{(200, renderer.media_type): OpenApiTypes.BINARY for renderer in files.RENDERERS},
            (202, JSON): DocumentSerializer,
        }
    )
    def get(self, request: Request, code: str, document_id: UUID) -> HttpResponseBase:
        document = services.seen_by(signed_in(request), code=code, document_id=document_id)
        return _fetched(request, document)


urlpatterns = [
    path("communities/<str:code>/documents", MyDocumentListView.as_view()),
    path("communities/<str:code>/documents/<uuid:document_id>", DocumentView.as_view()),
]
