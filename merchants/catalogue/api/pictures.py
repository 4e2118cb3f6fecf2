"""What an offer looks like."""

from typing import Any
from uuid import UUID

from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.idempotency import idempotent, seen
from backend.api.parsers import PhotoFormParser
from backend.api.renderers import JPEGRenderer
from merchants.catalogue import selectors
from merchants.catalogue.api.offers import KeptOfferSerializer
from merchants.catalogue.models.offers import Offer
from merchants.catalogue.services import offers as catalogue
from merchants.partners.api.members import at_owned, owned

FOR_A_YEAR = "public, max-age=31536000, immutable"  # another picture has another address


class PictureFormSerializer(serializers.Serializer[Any]):
    photo = serializers.FileField(help_text="A JPEG, PNG or WebP image.")


class OfferPictureView(APIView):
    """The picture: ``GET /api/v1/offers/{offer_id}/pictures/{picture_id}``.

    Public, and kept by whoever likes: the address is the offer's ``picture``. There is none before
    staff have listed the offer.
    """

    permission_classes = (AllowAny,)
    renderer_classes = (JPEGRenderer,)

    @extend_schema(responses={(200, JPEGRenderer.media_type): OpenApiTypes.BINARY})
    def get(self, request: Request, offer_id: UUID, picture_id: UUID) -> FileResponse:
        offer = get_object_or_404(selectors.offers_once_listed(), pk=offer_id)
        if offer.picture != catalogue.picture_name(picture_id):
            raise Http404
        return FileResponse(
            offer.picture.open(),
            content_type=JPEGRenderer.media_type,
            headers={"Cache-Control": FOR_A_YEAR, "X-Content-Type-Options": "nosniff"},
        )


class MerchantPictureView(APIView):
    """Owners add one to what they propose, until it is decided on.

    ``POST /api/v1/merchants/{merchant_id}/offers/{offer_id}/picture``, as a form. Refused with
    ``photo_invalid``, ``photo_too_large`` (of pixels), ``body_too_large`` (of bytes),
    ``photos_busy``, ``offer_state_wrong``.
    """

    parser_classes = (PhotoFormParser,)

    @extend_schema(
        request={PhotoFormParser.media_type: PictureFormSerializer},
        responses={201: KeptOfferSerializer},
    )
    @idempotent(at_owned(selectors.offers_at, "offer_id"), KeptOfferSerializer, is_required=False)
    def post(self, request: Request, merchant_id: UUID, offer_id: UUID) -> Response:
        mine = selectors.offers_at(owned(request, merchant_id))
        offer = get_object_or_404(mine, pk=offer_id)
        return _pictured(request, offer, only_proposed=True)


class StaffPictureView(APIView):
    """Staff do at any time: ``POST /api/v1/offers/{offer_id}/picture``, as a form.

    Refused with ``photo_invalid``, ``photo_too_large`` (of pixels), ``body_too_large`` (of bytes),
    ``photos_busy``.
    """

    parser_classes = (PhotoFormParser,)

    @extend_schema(
        request={PhotoFormParser.media_type: PictureFormSerializer},
        responses={201: KeptOfferSerializer},
    )
    @idempotent(
        seen(selectors.offers_handled_by, "offer_id"), KeptOfferSerializer, is_required=False
    )
    def post(self, request: Request, offer_id: UUID) -> Response:
        return _pictured(request, _handled(request, offer_id), only_proposed=False)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, offer_id: UUID) -> Response:
        """And take it away: ``DELETE /api/v1/offers/{offer_id}/picture``."""
        catalogue.picture(offer=_handled(request, offer_id), photo=None, by=signed_in(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _handled(request: Request, offer_id: UUID) -> Offer:
    return get_object_or_404(selectors.offers_handled_by(signed_in(request)), pk=offer_id)


def _pictured(request: Request, offer: Offer, *, only_proposed: bool) -> Response:
    body = PictureFormSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    offer = catalogue.picture(
        offer=offer, by=signed_in(request), only_proposed=only_proposed, **body.validated_data
    )
    return Response(KeptOfferSerializer(offer).data, status=status.HTTP_201_CREATED)
