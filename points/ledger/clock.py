"""Column defaults that the database computes."""

from django.db import models
from django.db.models import Func


class ClockTimestamp(Func):
    """The moment itself; Now() is when the statement began, long ago for the last of many rows.

    An UPDATE takes Now(), for it may have no volatile function (docs/architecture.md).
    """

    function = "clock_timestamp"
    output_field = models.DateTimeField()
