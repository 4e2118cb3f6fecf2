"""Column defaults that the database computes."""

from django.db import models
from django.db.models import Func


class ClockTimestamp(Func):
    """The moment itself; Now() is when the transaction began, hours ago in a long import."""

    function = "clock_timestamp"
    output_field = models.DateTimeField()
