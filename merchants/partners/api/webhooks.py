"""What my own systems are told: by owners. How to receive: docs/webhooks.md."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import CharField, DateTimeField
from backend.api.idempotency import below, idempotent
from backend.api.throttling import UserThrottle
from merchants.partners.api.members import at_owned, owned
from merchants.partners.models.merchants import Merchant
from merchants.partners.models.webhooks import WebhookDelivery, WebhookEndpoint
from merchants.partners.services import webhooks


class PingThrottle(UserThrottle):
    """How often an owner may try their addresses; each ping is a request of ours to somebody."""

    scope = "webhook_ping"
    rate = "10/hour"


class WebhookSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    """``disabled_because``: the ``owner`` switched it off, or it was ``failing`` for days."""

    class Meta:
        model = WebhookEndpoint
        fields: tuple[str, ...] = ("id", "url", "made_at", "disabled_at", "disabled_because")
        read_only_fields = fields


class NewWebhookSerializer(WebhookSerializer):
    """With the secret in use; null once a delivery that it alone signed was taken."""

    secret = serializers.CharField(source="secret_to_tell", read_only=True, allow_null=True)

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")
        read_only_fields = fields


class RegisterWebhookSerializer(serializers.Serializer[Any]):
    url = CharField(max_length=500)


class SwitchWebhookSerializer(serializers.Serializer[Any]):
    is_active = serializers.BooleanField()


class RepeatSerializer(serializers.Serializer[Any]):
    since = DateTimeField()


class RepeatedSerializer(serializers.Serializer[Any]):
    deliveries = serializers.IntegerField(read_only=True)


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """``id`` is the ``webhook-id``; ``trouble`` says why the last try had no answer."""

    class Meta:
        model = WebhookDelivery
        fields = (
            "id",
            "event",
            "object_id",
            "data",
            "happened_at",
            "state",
            "attempts",
            "next_at",
            "last_status",
            "trouble",
            "delivered_at",
        )
        read_only_fields = fields


def _endpoints(merchant: Merchant) -> QuerySet[WebhookEndpoint]:
    return merchant.webhooks.select_related("merchant").order_by("-id")


def _deliveries(endpoint: WebhookEndpoint) -> QuerySet[WebhookDelivery]:
    return endpoint.deliveries.order_by("-id")


def _repeated(request: Request, endpoint: WebhookEndpoint) -> Any:
    """How many there are since, today."""
    body = RepeatSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    told = endpoint.deliveries.filter(happened_at__gte=body.validated_data["since"])
    return RepeatedSerializer({"deliveries": told.count()}).data


_ENDPOINT = at_owned(_endpoints, "endpoint_id")


class WebhookListView(ListAPIView[WebhookEndpoint]):
    """Where we are told: ``GET /api/v1/merchants/{merchant_id}/webhooks``."""

    serializer_class = WebhookSerializer
    queryset = WebhookEndpoint.objects.none()

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        return _endpoints(owned(self.request, self.kwargs["merchant_id"]))

    @extend_schema(request=RegisterWebhookSerializer, responses={201: NewWebhookSerializer})
    @idempotent(at_owned(_endpoints), NewWebhookSerializer)
    def post(self, request: Request, merchant_id: UUID) -> Response:
        """Tell us there: ``POST /api/v1/merchants/{merchant_id}/webhooks``.

        An https address on the internet. Refused with ``webhook_url_refused``,
        ``webhook_host_unknown``, ``webhook_address_refused``, ``webhook_known``,
        ``too_many_webhooks``.
        """
        body = RegisterWebhookSerializer(data=request.data)
        merchant = owned(request, merchant_id)
        body.is_valid(raise_exception=True)
        endpoint, _ = webhooks.register(
            merchant=merchant, by=signed_in(request), **body.validated_data
        )
        return Response(NewWebhookSerializer(endpoint).data, status=status.HTTP_201_CREATED)


class WebhookSecretView(APIView):
    """Another secret: ``POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/secret``.

    The one before signs beside it for 24 hours.
    """

    @extend_schema(request=None, responses=NewWebhookSerializer)
    @idempotent(_ENDPOINT, NewWebhookSerializer)
    def post(self, request: Request, merchant_id: UUID, endpoint_id: UUID) -> Response:
        endpoint = _mine(request, merchant_id, endpoint_id)
        renewed, _ = webhooks.renew_secret(endpoint=endpoint, by=signed_in(request))
        return Response(NewWebhookSerializer(renewed).data)


class WebhookSwitchView(APIView):
    """Off, or on again: ``POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/switch``.

    What happens while it is off is not told later. Refused with ``too_many_webhooks``.
    """

    @extend_schema(request=SwitchWebhookSerializer, responses=WebhookSerializer)
    @idempotent(_ENDPOINT, WebhookSerializer, is_required=False)
    def post(self, request: Request, merchant_id: UUID, endpoint_id: UUID) -> Response:
        endpoint = _mine(request, merchant_id, endpoint_id)
        body = SwitchWebhookSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        switched = webhooks.set_active(
            endpoint=endpoint, by=signed_in(request), **body.validated_data
        )
        return Response(WebhookSerializer(switched).data)


class WebhookPingView(APIView):
    """Try it: ``POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/ping``.

    Ten times an hour at most; then it is ``throttled``.
    """

    throttle_classes = (PingThrottle,)

    @extend_schema(request=None, responses={201: DeliverySerializer})
    @idempotent(below(_ENDPOINT, _deliveries), DeliverySerializer, is_required=False)
    def post(self, request: Request, merchant_id: UUID, endpoint_id: UUID) -> Response:
        delivery = webhooks.ping(endpoint=_mine(request, merchant_id, endpoint_id))
        return Response(DeliverySerializer(delivery).data, status=status.HTTP_201_CREATED)


class DeliveryListView(ListAPIView[WebhookDelivery]):
    """What it was told, newest first.

    ``GET /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/deliveries``
    """

    serializer_class = DeliverySerializer
    queryset = WebhookDelivery.objects.none()

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        named = self.kwargs["merchant_id"], self.kwargs["endpoint_id"]
        return _mine(self.request, *named).deliveries.order_by("-id")


class RepeatView(APIView):
    """Tell it once more, under the same id.

    ``POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/deliveries/{delivery_id}/repeat``
    """

    @extend_schema(request=None, responses=DeliverySerializer)
    @idempotent(below(_ENDPOINT, _deliveries, "delivery_id"), DeliverySerializer, is_required=False)
    def post(
        self, request: Request, merchant_id: UUID, endpoint_id: UUID, delivery_id: UUID
    ) -> Response:
        told = _mine(request, merchant_id, endpoint_id).deliveries
        again = webhooks.repeat(delivery=get_object_or_404(told, pk=delivery_id))
        return Response(DeliverySerializer(again).data)


class RepeatSinceView(APIView):
    """Tell it all once more that happened since.

    ``POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/repeat``
    """

    @extend_schema(request=RepeatSerializer, responses=RepeatedSerializer)
    @idempotent(_ENDPOINT, _repeated, is_required=False)
    def post(self, request: Request, merchant_id: UUID, endpoint_id: UUID) -> Response:
        endpoint = _mine(request, merchant_id, endpoint_id)
        body = RepeatSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        count = webhooks.repeat_since(endpoint=endpoint, **body.validated_data)
        return Response(RepeatedSerializer({"deliveries": count}).data)


def _mine(request: Request, merchant_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    return get_object_or_404(_endpoints(owned(request, merchant_id)), pk=endpoint_id)
