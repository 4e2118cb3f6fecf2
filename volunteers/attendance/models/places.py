"""Places on waiting lists, and calls for people."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.communities.models import Community, TenantModel
from backend.tables import PersonKey, TenantForeignKey
from points.ledger.clock import ClockTimestamp
from volunteers.activities.models import Shift
from volunteers.people.models import Volunteer
from volunteers.teams.models import Team


class WaitingPlace(TenantModel):
    """A volunteer's place on the waiting list of a full shift: waiting → promoted, or ended.

    Whatever frees a place gives it to the first in line within its transaction, so a shift that
    somebody waits for is full. ``passed_over`` are those who could not take the place they were
    offered; ``ended`` are those for whom the shift was cancelled or is over.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        PROMOTED = "promoted"
        LEFT = "left"
        PASSED_OVER = "passed_over"
        ENDED = "ended"

    shift = TenantForeignKey(Shift, models.PROTECT, related_name="waiting_places", db_index=False)
    volunteer = PersonKey()
    status = models.CharField(max_length=11, choices=Status, default=Status.WAITING)
    # The order of the list: read under the shift's lock, so no two are the same.
    since_at = models.DateTimeField(db_default=ClockTimestamp())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="waiting_place_once",
                fields=["community", "shift", "volunteer"],
                condition=Q(status="waiting"),
            ),
            models.CheckConstraint(
                name="waiting_place_is_complete",
                condition=Q(status="waiting", ended_at__isnull=True)
                | ~Q(status="waiting") & Q(ended_at__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="waiting_place_in_line", fields=["community", "shift", "since_at"]),
            models.Index(name="waiting_place_of_person", fields=["community", "volunteer", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.volunteer_id} for {self.shift_id}: {self.status}"


class CallOut(TenantModel):
    """A call for volunteers for a shift: ``told`` people were told of it by a notice.

    The conditions say who they were, of the community's volunteers who could come; an empty one
    leaves out nobody.
    """

    shift = TenantForeignKey(Shift, models.PROTECT, related_name="call_outs", db_index=False)
    team = TenantForeignKey(
        Team, models.PROTECT, related_name="call_outs", db_index=False, null=True
    )
    estate = models.ForeignKey(
        Community, models.PROTECT, related_name="+", db_index=False, null=True
    )
    kind = models.CharField(max_length=10, choices=Volunteer.Kind, blank=True)
    skill = models.CharField(max_length=20, blank=True)
    message = models.CharField(max_length=200)
    told = models.PositiveIntegerField()
    called_by = PersonKey()
    called_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(name="call_out_of_shift", fields=["community", "shift", "-id"])
        ]

    def __str__(self) -> str:
        return f"call for {self.shift_id}"
