"""Reports that came by Open311: who may send them, and what was sent."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import TenantForeignKey, stays
from volunteers.reports.models.reports import Report


class Open311Key(TenantModel):
    """A key of a system that sends reports to a community; only its keyed hash is kept."""

    name = models.CharField(max_length=60)  # the system's
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="open311_key_once", fields=["community", "digest"])
        ]
        triggers: ClassVar = stays("open311_key")

    def __str__(self) -> str:
        return self.name


class Open311Request(TenantModel):
    """A request that was taken, by its token ``id``: the report that it made.

    ``digest`` is a keyed hash of who sent it and of its body, by which a repeat is known; empty
    once that is over.
    """

    digest = models.CharField(max_length=64, blank=True)
    report = TenantForeignKey(
        Report, models.CASCADE, related_name="+", db_index=False, null=True
    )  # NULL within the transaction that makes it
    taken_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="open311_request_once", fields=["community", "digest"], condition=~Q(digest="")
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)
