"""Runs of periodic work: what ran when, and what it did."""

from django.db import models
from django.db.models import Q

from backend.ids import new_id

NEW = "new"  # work that is new in the table, of which nothing was missed
TOO_LATE = "too_late"
WORKER_LOST = "worker_lost"
SKIPPED = (NEW, TOO_LATE)


class Run(models.Model):
    """A slot of a work that was run, is to be run, or was skipped.

    As long as ``leased_until`` is set it is open: queued, begun, or to be tried again after a
    failure. A work has one open run, so it never runs twice at a time, and slots that come
    meanwhile count as missed by the next run.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    work = models.CharField(max_length=60)
    slot = models.DateTimeField()  # or when it began, if somebody ran it by hand
    missed = models.PositiveIntegerField(default=0)  # slots just before that have no row
    leased_until = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    did = models.JSONField(default=dict)  # counts, by a word of its function's
    reason = models.CharField(max_length=64, default="")  # why it was skipped, or failed

    class Meta:
        constraints = [
            models.UniqueConstraint(name="run_once_a_slot", fields=["work", "slot"]),
            models.UniqueConstraint(
                name="run_one_at_a_time", fields=["work"], condition=Q(leased_until__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.work} {self.slot:%Y-%m-%d %H:%M:%S}"

    @property
    def is_open(self) -> bool:
        """Tell whether it is still to be run, or is running."""
        return self.leased_until is not None

    @property
    def has_failed(self) -> bool:
        """Tell whether its last try failed. It is tried again if it is open."""
        return bool(self.reason) and self.reason not in SKIPPED
