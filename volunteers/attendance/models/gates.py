"""The page at the door of a shift."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import PersonKey, TenantForeignKey, together
from volunteers.activities.models import Shift


class Gate(TenantModel):
    """A page at the door that shows the venue's code of one shift, by an unguessable link.

    The link ends with the shift, or when whoever handles the shift closes the page.
    """

    shift = TenantForeignKey(Shift, models.PROTECT, related_name="gates", db_index=False)
    opened_at = models.DateTimeField(db_default=Now())
    opened_by = PersonKey()
    closed_at = models.DateTimeField(null=True)
    closed_by = PersonKey(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="gate_once",
                fields=["community", "shift"],
                condition=Q(closed_at__isnull=True),
            ),
            models.CheckConstraint(
                name="gate_closed_is_complete", condition=together("closed_at", "closed_by")
            ),
        ]

    def __str__(self) -> str:
        return f"gate of {self.shift_id}"
