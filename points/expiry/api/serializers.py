"""Shapes of expiry."""

from typing import Any

from rest_framework import serializers

from backend.api.fields import DateField, IntegerField
from backend.api.serializers import ReadSerializer
from backend.communities.api.serializers import CommunityInBriefSerializer
from points.expiry.models import ExpiryPolicy
from points.expiry.services import AT_LEAST_DAYS, MOST_AT_LEAST_DAYS, MOST_MONTHS


class ExpiryPolicySerializer(ReadSerializer[ExpiryPolicy]):
    """A policy: how long points earned from ``valid_from`` on can be spent.

    Points posted from then on can be spent for ``at_least_days``, whenever the service was. The
    policy is the community's own or that of a place above; if none was published, ``place`` and
    ``valid_from`` are null.
    """

    place = CommunityInBriefSerializer(source="community", read_only=True, allow_null=True)
    valid_from = serializers.DateField(read_only=True, allow_null=True)

    class Meta:
        model = ExpiryPolicy
        fields = ("kind", "months", "at_least_days")


class SetExpirySerializer(serializers.Serializer[Any]):
    """A policy to set, from a day of the community on; points earned before keep their last day."""

    kind = serializers.ChoiceField(choices=ExpiryPolicy.Kind.choices)
    months = IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MOST_MONTHS,
        help_text="With `months` only: points expire at the end of the month so much later.",
    )
    at_least_days = IntegerField(
        required=False,
        default=AT_LEAST_DAYS,
        min_value=0,
        max_value=MOST_AT_LEAST_DAYS,
        help_text="So long, whatever the day served, can be spent what is posted from then on.",
    )
    valid_from = DateField(help_text="Today or later.")


class ExpiryPreviewSerializer(serializers.Serializer[Any]):
    """The points that will expire when a day is over, if nothing is spent before."""

    expires_on = serializers.DateField(read_only=True)
    wallets = serializers.IntegerField(read_only=True)
    points = serializers.IntegerField(read_only=True)


class ExpiredDaySerializer(ExpiryPreviewSerializer):
    """A day whose points have expired. ``ran_at`` is when the last of them was taken."""

    ran_at = serializers.DateTimeField(read_only=True)


class ExpirySerializer(serializers.Serializer[Any]):
    in_force = ExpiryPolicySerializer(read_only=True)
    upcoming = ExpiryPolicySerializer(many=True, read_only=True, help_text="By their first day.")
    last_runs = ExpiredDaySerializer(many=True, read_only=True, help_text="The newest twelve.")
    next = ExpiryPreviewSerializer(read_only=True, allow_null=True)
