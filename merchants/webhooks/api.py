"""Webhooks of a merchant, managed by its owners. How to receive them: docs/webhooks.md."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.views import ListView, OpenView, below, seen, writes
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
from merchants.partners.api.members import at_owned
from merchants.partners.models.merchants import Merchant


def _endpoints(merchant: Merchant) -> QuerySet[Endpoint]:
    return endpoints_of(merchant.pk)


def _redelivered(request: Request, endpoint: Endpoint) -> Any:
    """Return how many deliveries there now are since the requested moment."""
    body = RedeliverSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    told = deliveries_to(endpoint).filter(happened_at__gte=body.validated_data["since"])
    return RedeliverSerializer({"deliveries": told.count()}).data


_MINE = at_owned(_endpoints, "endpoint_id")
_DELIVERY = below(_MINE, deliveries_to, "delivery_id")


class WebhookListView(ListView[Endpoint]):
    """List a merchant's webhooks: ``GET /api/v1/merchants/{merchant_id}/webhooks``."""

    serializer_class = WebhookSerializer
    finds = at_owned(_endpoints)

    @writes(
        NewWebhookSerializer,
        seen(selectors.merchants_owned_by, "merchant_id"),
        body=CreateWebhookSerializer,
        creates=_endpoints,
    )
    def post(self, user: User, merchant: Merchant, url: str) -> Endpoint:
        """Add a webhook by its https address: ``POST /api/v1/merchants/{merchant_id}/webhooks``.

        The answer has the secret, also when repeated, until the secret has been used.
        """
        return services.create(owner_id=merchant.pk, by=user, url=url)[0]


class WebhookView(OpenView[Endpoint]):
    """Open a webhook: ``GET /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}``."""

    serializer_class = WebhookSerializer
    finds = _MINE


class WebhookSecretView(APIView):
    """Renew a webhook's secret; the old one signs as well for another 24 hours.

    ``POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/secret``
    """

    @writes(NewWebhookSerializer, _MINE, needs_key=True)
    def post(self, user: User, endpoint: Endpoint) -> Endpoint:
        return services.rotate_secret(endpoint=endpoint, by=user)[0]


class WebhookSwitchView(APIView):
    """Switch a webhook off or on; events while it is off are not sent later.

    ``POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/switch``
    """

    @writes(WebhookSerializer, _MINE, body=SwitchWebhookSerializer)
    def post(self, user: User, endpoint: Endpoint, *, is_active: bool) -> Endpoint:
        return services.switch(endpoint=endpoint, is_active=is_active, by=user)


class WebhookPingView(APIView):
    """Send a test event: ``POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/ping``.

    Ten times an hour at most; more are ``throttled``.
    """

    throttle_classes = (PingThrottle,)

    @writes(DeliverySerializer, _MINE, creates=deliveries_to, needs_key=False)
    def post(self, user: User, endpoint: Endpoint) -> Delivery:
        community_id = selectors.first_community_of(endpoint.owner_id)
        return services.ping(endpoint=endpoint, community_id=community_id)


class DeliveryListView(ListView[Delivery]):
    """List a webhook's deliveries, newest first.

    ``GET /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/deliveries``
    """

    serializer_class = DeliverySerializer
    finds = below(_MINE, deliveries_to)


class DeliveryView(OpenView[Delivery]):
    """Open a delivery: ``GET …/webhooks/{endpoint_id}/deliveries/{delivery_id}``."""

    serializer_class = DeliverySerializer
    finds = _DELIVERY


class RedeliverView(APIView):
    """Send a delivery once more, under the same event id.

    ``POST …/webhooks/{endpoint_id}/deliveries/{delivery_id}/redeliver``
    """

    @writes(DeliverySerializer, _DELIVERY)
    def post(self, user: User, delivery: Delivery) -> Delivery:
        return services.redeliver(delivery=delivery)


class RedeliverSinceView(APIView):
    """Send all events since a moment once more.

    ``POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/redeliver``
    """

    @writes(_redelivered, _MINE, body=RedeliverSerializer, shape=RedeliverSerializer)
    def post(self, user: User, endpoint: Endpoint, since: datetime) -> Response:
        count = services.redeliver_since(endpoint=endpoint, since=since)
        return Response(RedeliverSerializer({"deliveries": count}).data)


WEBHOOK = "merchants/<uuid:merchant_id>/webhooks/<uuid:endpoint_id>"

urlpatterns = [
    path("merchants/<uuid:merchant_id>/webhooks", WebhookListView.as_view()),
    path(WEBHOOK, WebhookView.as_view()),
    path(f"{WEBHOOK}/secret", WebhookSecretView.as_view()),
    path(f"{WEBHOOK}/switch", WebhookSwitchView.as_view()),
    path(f"{WEBHOOK}/ping", WebhookPingView.as_view()),
    path(f"{WEBHOOK}/redeliver", RedeliverSinceView.as_view()),
    path(f"{WEBHOOK}/deliveries", DeliveryListView.as_view()),
    path(f"{WEBHOOK}/deliveries/<uuid:delivery_id>", DeliveryView.as_view()),
    path(f"{WEBHOOK}/deliveries/<uuid:delivery_id>/redeliver", RedeliverView.as_view()),
]
