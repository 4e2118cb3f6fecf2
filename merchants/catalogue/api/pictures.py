"""Pictures of offers."""

from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.parsers import PhotoFormParser
from backend.api.renderers import JPEGRenderer
from backend.api.views import writes
from merchants.catalogue import selectors
from merchants.catalogue.api.offers import KeptOfferSerializer, one_changed
from merchants.catalogue.models import Offer
from merchants.catalogue.services import offers as catalogue

FOR_A_YEAR = "public, max-age=31536000, immutable"  # another picture has another address


class PictureFormSerializer(serializers.Serializer[Any]):
    photo = serializers.FileField(help_text="A JPEG, PNG or WebP image.")


class OfferPictureView(APIView):
    """Show an offer's picture: ``GET /api/v1/offers/{offer_id}/pictures/{picture_id}``.

    Public, and may be cached: the address is the offer's ``picture``. Before staff have listed the
    offer, only they, auditors and people who work there see it.
    """

    permission_classes = (AllowAny,)
    renderer_classes = (JPEGRenderer,)

    @extend_schema(responses={(200, JPEGRenderer.media_type): OpenApiTypes.BINARY})
    def get(self, request: Request, offer_id: UUID, picture_id: UUID) -> FileResponse:
        listed = selectors.offers_once_listed().filter(pk=offer_id).first()
        offer = listed or get_object_or_404(_kept_by(request), pk=offer_id)
        if offer.picture != catalogue.picture_name(picture_id):
            raise Http404
        return FileResponse(
            offer.picture.open(),
            content_type=JPEGRenderer.media_type,
            headers={
                "Cache-Control": FOR_A_YEAR if listed else "private, no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )


def _kept_by(request: Request) -> QuerySet[Offer]:
    """Return the offers that the caller sees whatever their status; none for a stranger."""
    if not isinstance(request.user, User):
        return Offer.objects.none()
    return selectors.offers_seen_by(request.user)


class OfferPictureFormView(APIView):
    """Set an offer's picture, by a form: ``POST /api/v1/offers/{offer_id}/picture``.

    Owners may until the offer is decided on (``offer_status_wrong``), staff at any time.
    """

    parser_classes = (PhotoFormParser,)

    @writes(KeptOfferSerializer, one_changed, body=PictureFormSerializer, status=201)
    def post(self, user: User, offer: Offer, photo: "UploadedFile[Any]") -> Offer:
        return catalogue.picture(offer=offer, photo=photo, by=user)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, offer_id: UUID) -> Response:
        """Remove an offer's picture: ``DELETE /api/v1/offers/{offer_id}/picture``."""
        offer: Any = one_changed(request, offer_id=offer_id)
        catalogue.picture(offer=offer, photo=None, by=signed_in(request))
        return Response(status=204)
