"""What is shown of endpoints and deliveries. An app that has owners makes the views."""

from typing import Any

from rest_framework import serializers

from backend.api.fields import CharField, DateTimeField
from backend.api.serializers import ReadSerializer
from backend.api.throttling import UserThrottle
from backend.webhooks.models import Delivery, Endpoint


class PingThrottle(UserThrottle):
    """How often an owner may try their addresses; each ping is a request of ours to somebody."""

    scope = "webhook_ping"
    rate = "10/hour"


class WebhookSerializer(ReadSerializer[Endpoint]):
    """``disabled_reason``: the ``owner`` switched it off, or it was ``failing`` for days."""

    class Meta:
        model = Endpoint
        fields = ("id", "url", "made_at", "disabled_at", "disabled_reason")


class NewWebhookSerializer(WebhookSerializer):
    """With the secret in use; null once a delivery that it alone signed was taken."""

    secret = serializers.CharField(source="secret_to_tell", read_only=True, allow_null=True)


class CreateWebhookSerializer(serializers.Serializer[Any]):
    url = CharField(max_length=500)


class SwitchWebhookSerializer(serializers.Serializer[Any]):
    is_active = serializers.BooleanField()


class RedeliverSerializer(serializers.Serializer[Any]):
    """Asked ``since`` when; answered how many ``deliveries`` there are."""

    since = DateTimeField(write_only=True)
    deliveries = serializers.IntegerField(read_only=True)


class DeliverySerializer(ReadSerializer[Delivery]):
    """``id`` is the ``webhook-id``, ``body`` what is sent, byte for byte; empty until the first
    try. ``http_status`` is the last answer's, ``reason`` says why there was none."""

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
