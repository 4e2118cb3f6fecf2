"""Activities, and the shifts in which they take place."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import Community, TenantModel
from backend.events.models import Cancellable, Scheduled, Series, Venue
from backend.names import ComparedField
from backend.tables import PersonKey, TenantForeignKey
from volunteers.teams.models import Team

OPENS_BEFORE = timedelta(minutes=30)  # check-in opens so long before a shift begins


class ServicePolicy(TenantModel):
    """Decisions of a community about its volunteering; one row, made by the first change.

    ``categories`` lists what activities may be planned as; empty: whatever has a rule for hours.
    """

    categories = ArrayField(models.CharField(max_length=40), default=list)
    leaders_verify = models.BooleanField(default=False)  # hours of their own team's activities
    publicity_days = models.PositiveSmallIntegerField(default=0)  # before hours become final
    longest_day_minutes = models.PositiveSmallIntegerField(null=True)  # of one volunteer and day

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="service_policy_once", fields=["community"])
        ]

    def __str__(self) -> str:
        return f"service policy of {self.community_id}"


class CheckInMode(models.TextChoices):
    """How presence at an activity is recorded."""

    IN_OUT = "in_out"  # check in and out; minutes between
    IN_ONLY = "in_only"  # check in; minutes run to the shift's end
    LEADER = "leader"  # a leader marks who was there; the whole shift unless shortened


class Activity(Cancellable):
    """Something that volunteers do together in its shifts. ``category`` decides the rule.

    The estate's staff handle an activity of an ``estate`` as well as the community's.
    """

    estate = models.ForeignKey(
        Community, models.PROTECT, related_name="+", db_index=False, null=True
    )
    title = models.CharField(max_length=80)
    title_compared = ComparedField(of="title")
    category = models.CharField(max_length=40)
    description = models.CharField(max_length=500, blank=True)
    team = TenantForeignKey(  # its leaders plan and mark; NULL: the staff do
        Team, models.PROTECT, related_name="activities", db_index=False, null=True
    )
    series = TenantForeignKey(
        Series, models.PROTECT, related_name="activities", db_index=False, null=True
    )
    venue = TenantForeignKey(
        Venue, models.PROTECT, related_name="activities", db_index=False, null=True
    )
    place = models.CharField(max_length=120, blank=True)
    is_public = models.BooleanField(default=False)  # a place may be somebody's home
    check_in_mode = models.CharField(max_length=7, choices=CheckInMode, default=CheckInMode.IN_OUT)
    geofence_metres = models.PositiveIntegerField(null=True)  # around the venue; NULL: none
    walk_ins = models.BooleanField(default=False)  # whoever comes may check in without a sign-up
    min_age = models.PositiveSmallIntegerField(null=True)
    skills = ArrayField(models.CharField(max_length=20), default=list)  # wanted, not required
    # What counts at most of one record, and of one volunteer's records of the activity in all.
    longest_minutes = models.PositiveSmallIntegerField(null=True)
    most_minutes = models.PositiveIntegerField(null=True)
    serves = PersonKey(null=True)  # a person who is helped, and may say how it was
    created_at = models.DateTimeField(db_default=Now())

    class Meta(Cancellable.Meta):
        constraints: ClassVar = [
            *Cancellable.Meta.constraints,
            models.CheckConstraint(
                name="activity_geofence_has_a_venue",
                condition=Q(geofence_metres__isnull=True) | Q(venue__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="activity_by_title", fields=["community", "title_compared"]),
            models.Index(name="activity_newest", fields=["community", "-id"]),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def where(self) -> str:
        """The venue and the place there, in words; empty if nothing is said of it."""
        return " ".join(filter(None, [self.venue.name if self.venue else "", self.place]))

    @property
    def current_patterns(self) -> "models.QuerySet[ShiftPattern]":
        """Slots on new occurrences of its series, in the order of the day."""
        return self.patterns.filter(ended_at=None).order_by("from_time")


class ShiftPattern(TenantModel):
    """A time slot that an activity has on each occurrence of its series, by the local clock."""

    activity = TenantForeignKey(Activity, models.PROTECT, related_name="patterns", db_index=False)
    from_time = models.TimeField()
    until_time = models.TimeField()
    capacity = models.PositiveSmallIntegerField(null=True)
    wanted = models.PositiveSmallIntegerField(null=True)
    ended_at = models.DateTimeField(null=True)  # planned no more; its shifts stay

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="shift_pattern_once", fields=["community", "activity", "from_time"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.activity_id} at {self.from_time}"


class Shift(Scheduled):
    """One time slot of an activity, for at most ``capacity`` volunteers (NULL: any number).

    ``wanted`` is how many are needed, say at rush hour.
    """

    activity = TenantForeignKey(Activity, models.PROTECT, related_name="shifts", db_index=False)
    pattern = TenantForeignKey(
        ShiftPattern, models.PROTECT, related_name="shifts", db_index=False, null=True
    )
    capacity = models.PositiveSmallIntegerField(null=True)
    wanted = models.PositiveSmallIntegerField(null=True)

    class Meta(Scheduled.Meta):
        constraints: ClassVar = [
            *Scheduled.Meta.constraints,
            models.UniqueConstraint(
                name="shift_once_an_occurrence", fields=["community", "occurrence", "pattern"]
            ),
            models.CheckConstraint(
                name="shift_wants_no_more_than_fit", condition=Q(wanted__lte=F("capacity"))
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="shift_by_time", fields=["community", "starts_at"]),
            models.Index(name="shift_of_activity", fields=["community", "activity", "starts_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.activity_id} {self.starts_at}"

    @property
    def check_in_opens_at(self) -> datetime:
        return self.starts_at - OPENS_BEFORE
