"""Columns and indexes of a row that is owed; backend/outbox/kinds.py tells how to owe something."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Owed(models.Model):
    """Row that says what is owed, until ``next_at`` is null: then it is done or given up.

    While a worker tries it, ``next_at`` is the end of the worker's lease. The worker's outcome
    counts only as long as it still is, so whoever sets another one owes it anew.
    """

    next_at = models.DateTimeField(null=True, db_default=Now())  # tried next, or leased until
    attempts = models.PositiveSmallIntegerField(db_default=0)  # begun, since it was last owed
    reason = models.CharField(max_length=64, blank=True, db_default="")  # why the last one failed
    given_up_at = models.DateTimeField(null=True)  # a dead letter, until somebody retries it
    leased_until: datetime  # of a claimed row, as long as its worker knows: what ``next_at`` was

    class Meta:
        abstract = True


def owed_indexes(name: str, *share: str) -> list[models.Index]:
    """Return the two indexes of a table of ``Owed`` rows: what is owed, and what was given up.

    ``share`` are the fields by which its kind is shared fairly, the community first. Rows that are
    settled are in neither, so however many there are, a claim costs the same.
    """
    owed, given_up = (Q(**{f"{moment}__isnull": False}) for moment in ("next_at", "given_up_at"))
    return [
        models.Index(name=f"{name}_owed", fields=[*share, "next_at", "id"], condition=owed),
        models.Index(name=f"{name}_given_up", fields=[*share, "given_up_at"], condition=given_up),
    ]


def owed_or_given_up(name: str) -> models.CheckConstraint:
    """Return the constraint that what was given up is not owed."""
    return models.CheckConstraint(
        name=f"{name}_owed_or_given_up",
        condition=Q(next_at__isnull=True) | Q(given_up_at__isnull=True),
    )
