"""Shapes of places."""

from rest_framework import serializers

from backend.communities.models import Community


class CommunityInBriefSerializer(serializers.ModelSerializer[Community]):
    """Which community something belongs to."""

    class Meta:
        model = Community
        fields = ("id", "code", "name")
        read_only_fields = fields


class CommunitySerializer(serializers.ModelSerializer[Community]):
    """``timezone`` is the IANA name of the zone in which its days begin."""

    class Meta:
        model = Community
        fields = ("id", "code", "name", "timezone")
        read_only_fields = fields
