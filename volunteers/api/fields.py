"""Fields for what a phone sends: times and places."""

import math
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers


class MomentField(serializers.DateTimeField):
    """A time with its offset from UTC; one without is refused rather than guessed at."""

    default_error_messages = {
        "naive": _("A time needs its offset from UTC, such as +08:00 or Z."),
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        if timezone.is_naive(value):
            self.fail("naive")
        return super().enforce_timezone(value)


class DegreesField(serializers.FloatField):
    """Degrees of latitude or longitude.

    The framework's own field lets NaN past its bounds, and fails on an integer beyond any float.
    """

    def to_internal_value(self, data: Any) -> float:
        try:
            degrees = super().to_internal_value(data)
        except OverflowError:
            self.fail("invalid")
        if math.isnan(degrees):
            self.fail("invalid")
        return degrees
