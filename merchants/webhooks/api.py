"""What my own systems are told: by owners. How to receive: docs/webhooks.md."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.idempotency import idempotent
from backend.api.views import below
from backend.webhooks import services
from backend.webhooks.api import (
    CreateWebhookSerializer,
    DeliverySerializer,
    NewWebhookSerializer,
    PingThrottle,
    RedeliverSerializer,
    SwitchWebhookSerializer,
    WebhookSerializer,
)
from backend.webhooks.models import Delivery, Endpoint
from backend.webhooks.selectors import deliveries_to, endpoints_of
from merchants.partners import selectors
from merchants.partners.api.members import at_owned, owned
from merchants.partners.models.merchants import Merchant


def _endpoints(merchant: Merchant) -> QuerySet[Endpoint]:
    return endpoints_of(merchant.pk)


def _body(kind: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    body = kind(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def _redelivered(request: Request, endpoint: Endpoint) -> Any:
    """How many there are since, today."""
    since = _body(RedeliverSerializer, request)["since"]
    told = deliveries_to(endpoint).filter(happened_at__gte=since)
    return RedeliverSerializer({"deliveries": told.count()}).data


_mine: Any = at_owned(_endpoints, "endpoint_id")
_delivery: Any = below(_mine, deliveries_to, "delivery_id")


class WebhookListView(ListAPIView[Endpoint]):
    """List where the merchant is told: ``GET /api/v1/merchants/{merchant_id}/webhooks``."""

    serializer_class = WebhookSerializer
    queryset = Endpoint.objects.none()

    def get_queryset(self) -> QuerySet[Endpoint]:
        return _endpoints(owned(self.request, self.kwargs["merchant_id"]))

    @extend_schema(request=CreateWebhookSerializer, responses={201: NewWebhookSerializer})
    @idempotent(at_owned(_endpoints), NewWebhookSerializer)
    def post(self, request: Request, merchant_id: UUID) -> Response:
        """Add an address: ``POST /api/v1/merchants/{merchant_id}/webhooks``.

        An https address on the internet. Refused with ``webhook_url_refused``,
        ``webhook_host_unknown``, ``webhook_address_refused``, ``webhook_known``,
        ``too_many_webhooks``.
        """
        merchant, body = owned(request, merchant_id), _body(CreateWebhookSerializer, request)
        endpoint, _ = services.create(owner_id=merchant.pk, by=signed_in(request), **body)
        return Response(NewWebhookSerializer(endpoint).data, status=status.HTTP_201_CREATED)


class WebhookSecretView(APIView):
    """Make another secret: ``POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/secret``.

    The one before signs beside it for 24 hours.
    """

    @extend_schema(request=None, responses=NewWebhookSerializer)
    @idempotent(_mine, NewWebhookSerializer)
    def post(self, request: Request, /, **named: UUID) -> Response:
        endpoint = _mine(request, **named)
        rotated, _ = services.rotate_secret(endpoint=endpoint, by=signed_in(request))
        return Response(NewWebhookSerializer(rotated).data)


class WebhookSwitchView(APIView):
    """Switch it off or on: ``POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/switch``.

    What happens while it is off is not told later. Refused with ``too_many_webhooks``.
    """

    @extend_schema(request=SwitchWebhookSerializer, responses=WebhookSerializer)
    @idempotent(_mine, WebhookSerializer, is_required=False)
    def post(self, request: Request, /, **named: UUID) -> Response:
        endpoint, body = _mine(request, **named), _body(SwitchWebhookSerializer, request)
        switched = services.switch(endpoint=endpoint, by=signed_in(request), **body)
        return Response(WebhookSerializer(switched).data)


class WebhookPingView(APIView):
    """Try it: ``POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/ping``.

    Ten times an hour at most; then it is ``throttled``.
    """

    throttle_classes = (PingThrottle,)

    @extend_schema(request=None, responses={201: DeliverySerializer})
    @idempotent(below(_mine, deliveries_to), DeliverySerializer, is_required=False)
    def post(self, request: Request, /, **named: UUID) -> Response:
        endpoint = _mine(request, **named)
        community_id = selectors.first_community_of(endpoint.owner_id)
        delivery = services.ping(endpoint=endpoint, community_id=community_id)
        return Response(DeliverySerializer(delivery).data, status=status.HTTP_201_CREATED)


class DeliveryListView(ListAPIView[Delivery]):
    """List what it was told, newest first.

    ``GET /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/deliveries``
    """

    serializer_class = DeliverySerializer
    queryset = Delivery.objects.none()

    def get_queryset(self) -> QuerySet[Delivery]:
        return deliveries_to(_mine(self.request, **self.kwargs))


class RedeliverView(APIView):
    """Send one event once more, under its own id.

    ``POST …/webhooks/{endpoint_id}/deliveries/{delivery_id}/redeliver``
    """

    @extend_schema(request=None, responses=DeliverySerializer)
    @idempotent(_delivery, DeliverySerializer, is_required=False)
    def post(self, request: Request, /, **named: UUID) -> Response:
        delivery = services.redeliver(delivery=_delivery(request, **named))
        return Response(DeliverySerializer(delivery).data)


class RedeliverSinceView(APIView):
    """Send every event once more that happened since a moment.

    ``POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/redeliver``
    """

    @extend_schema(request=RedeliverSerializer, responses=RedeliverSerializer)
    @idempotent(_mine, _redelivered, is_required=False)
    def post(self, request: Request, /, **named: UUID) -> Response:
        endpoint, body = _mine(request, **named), _body(RedeliverSerializer, request)
        count = services.redeliver_since(endpoint=endpoint, **body)
        return Response(RedeliverSerializer({"deliveries": count}).data)


WEBHOOK = "merchants/<uuid:merchant_id>/webhooks/<uuid:endpoint_id>"

urlpatterns = [
    path("merchants/<uuid:merchant_id>/webhooks", WebhookListView.as_view()),
    path(f"{WEBHOOK}/secret", WebhookSecretView.as_view()),
    path(f"{WEBHOOK}/switch", WebhookSwitchView.as_view()),
    path(f"{WEBHOOK}/ping", WebhookPingView.as_view()),
    path(f"{WEBHOOK}/redeliver", RedeliverSinceView.as_view()),
    path(f"{WEBHOOK}/deliveries", DeliveryListView.as_view()),
    path(f"{WEBHOOK}/deliveries/<uuid:delivery_id>/redeliver", RedeliverView.as_view()),
]
