"""Shapes of endpoints and deliveries. The app that the owners belong to makes the views."""

from typing import Any

from rest_framework import serializers

from backend.api.fields import CharField, DateTimeField
from backend.api.serializers import ReadSerializer
from backend.api.throttling import UserThrottle
from backend.webhooks.models import Delivery, Endpoint


class PingThrottle(UserThrottle):
    """Throttle of pings by owners; each is a request of ours to somebody."""

    scope = "webhook_ping"
    rate = "10/hour"


class WebhookSerializer(ReadSerializer[Endpoint]):
    """An endpoint. ``disabled_reason``: its ``owner`` switched it off, or it was ``failing``."""

    class Meta:
        model = Endpoint
        fields = ("id", "url", "made_at", "disabled_at", "disabled_reason")


class NewWebhookSerializer(WebhookSerializer):
    """An endpoint with its secret; null once a delivery signed by it alone was accepted."""

    secret = serializers.CharField(source="secret_to_tell", read_only=True, allow_null=True)


class CreateWebhookSerializer(serializers.Serializer[Any]):
    url = CharField(max_length=500)


class SwitchWebhookSerializer(serializers.Serializer[Any]):
    is_active = serializers.BooleanField()


class RedeliverSerializer(serializers.Serializer[Any]):
    """A request to redeliver ``since`` a moment; ``deliveries`` is the answer's count."""

    since = DateTimeField(write_only=True)
    deliveries = serializers.IntegerField(read_only=True)


class DeliverySerializer(ReadSerializer[Delivery]):
    """A delivery. ``id`` is the ``webhook-id``; ``body`` is sent byte for byte, empty until the
    first try. ``http_status`` is that of the last answer; ``reason`` says why there was none."""

    class Meta:
        model = Delivery
        fields = (
            "id",
            "event",
            "object_id",
            "body",
            "happened_at",
            "status",
            "attempts",
            "next_at",
            "http_status",
            "reason",
            "delivered_at",
        )
