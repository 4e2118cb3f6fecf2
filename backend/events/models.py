"""When and where: venues, series that recur, their occurrences, and whatever has a time there."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import Community, CoordType, TenantModel
from backend.names import ComparedField
from backend.tables import TenantForeignKey, together


class Status(models.TextChoices):
    """Status of something planned: it takes place, or was cancelled."""

    PLANNED = "planned"
    CANCELLED = "cancelled"


class Cancellable(TenantModel):
    """A planned thing that may be cancelled, with the ``reason`` that people read."""

    status = models.CharField(max_length=9, choices=Status, default=Status.PLANNED)
    reason = models.CharField(max_length=200, blank=True)
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        constraints: ClassVar = [
            models.CheckConstraint(
                name="%(class)s_cancelled_is_complete",
                condition=Q(status="planned", cancelled_at__isnull=True)
                | Q(status="cancelled", cancelled_at__isnull=False),
            )
        ]


class Venue(TenantModel):
    """A place where things happen: a station, a square, a hall.

    ``opening_hours`` are a ``weekday``, Monday being 1, with ``from_time`` and ``until_time`` as
    ``"HH:MM"`` by the community's clock, of which an ``until_time`` of 00:00 is the day's end; an
    empty list means always open. A venue with a point can prove presence.
    """

    estate = models.ForeignKey(
        Community, models.PROTECT, related_name="+", db_index=False, null=True
    )
    name = models.CharField(max_length=60)
    name_compared = ComparedField(of="name")
    address = models.CharField(max_length=120, blank=True)
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    coord_type = models.CharField(max_length=5, choices=CoordType, default=CoordType.WGS84)
    opening_hours = models.JSONField(default=list)
    closed_at = models.DateTimeField(null=True)  # no longer used; what took place there stays

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="venue_name_once", fields=["community", "name_compared"]),
            models.CheckConstraint(
                name="venue_on_the_map_or_not", condition=together("latitude", "longitude")
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Series(Cancellable):
    """Something that recurs: each occurrence has what the apps plan for it (shifts, a fair).

    ``rule`` is an RFC 5545 RRULE without times; ``from_time`` and ``until_time`` are by the
    community's clock, and an occurrence that ends no later than it begins ends on the next day.
    """

    estate = models.ForeignKey(
        Community, models.PROTECT, related_name="+", db_index=False, null=True
    )
    title = models.CharField(max_length=80)
    title_compared = ComparedField(of="title")
    theme = models.CharField(max_length=40, blank=True)  # a season or a campaign
    venue = TenantForeignKey(
        Venue, models.PROTECT, related_name="series", db_index=False, null=True
    )
    rule = models.CharField(max_length=200)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True)  # included; NULL: until it is cancelled
    from_time = models.TimeField()
    until_time = models.TimeField()
    made_until = models.DateField(null=True)  # occurrences up to this day exist
    created_at = models.DateTimeField(db_default=Now())

    class Meta(Cancellable.Meta):
        indexes: ClassVar = [models.Index(name="series_newest", fields=["community", "-id"])]

    def __str__(self) -> str:
        return self.title


class Timed(Cancellable):
    """A thing that lasts from ``starts_at`` to ``ends_at`` and may be cancelled."""

    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        abstract = True
        constraints: ClassVar = [
            *Cancellable.Meta.constraints,
            models.CheckConstraint(
                name="%(class)s_ends_after_it_begins", condition=Q(ends_at__gt=F("starts_at"))
            ),
        ]


class Occurrence(Timed):
    """One day of a series. ``day`` is the one that the rule gave, also if it was moved since."""

    series = TenantForeignKey(Series, models.PROTECT, related_name="occurrences", db_index=False)
    day = models.DateField()

    class Meta(Timed.Meta):
        constraints: ClassVar = [
            *Timed.Meta.constraints,
            models.UniqueConstraint(
                name="occurrence_once_a_day", fields=["community", "series", "day"]
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="occurrence_by_time", fields=["community", "starts_at"])
        ]

    def __str__(self) -> str:
        return f"{self.series_id} on {self.day}"


class Scheduled(Timed):
    """Something at a time that stands alone, or belongs to an occurrence of a series."""

    occurrence = TenantForeignKey(
        Occurrence, models.PROTECT, related_name="%(class)ss", db_index=False, null=True
    )

    class Meta(Timed.Meta):
        abstract = True
