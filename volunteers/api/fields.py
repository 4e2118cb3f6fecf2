"""A field for what phones and staff send."""

from datetime import datetime

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
