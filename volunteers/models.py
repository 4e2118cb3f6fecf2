"""Volunteers, what they do and what they report."""

from datetime import datetime
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now

from backend import clocks
from backend.communities.models import Community, CoordType, TenantModel
from backend.names import ComparedField


class Volunteer(TenantModel):
    """Somebody who serves a community; the person is a User, the right a Membership."""

    class Kind(models.TextChoices):
        RESIDENT = "resident"  # 居民
        COURIER = "courier"  # 快递员
        RIDER = "rider"  # 外卖骑手
        DRIVER = "driver"  # 网约车司机

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=10, choices=Kind)
    estate = models.ForeignKey(
        Community, models.PROTECT, related_name="+", db_index=False, null=True
    )
    enrolled_at = models.DateTimeField(db_default=Now())
    left_at = models.DateTimeField(null=True)  # moved away; hours and points stay on record

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="volunteer_once", fields=["community", "user"])
        ]

    def __str__(self) -> str:
        return str(self.user)


class JoinRequest(TenantModel):
    """Somebody wants to be a volunteer: pending → approved | rejected | withdrawn.

    Who has the community's code is approved by it, ``decided_by`` nobody.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=10, choices=Volunteer.Kind)
    estate = models.ForeignKey(
        Community, models.PROTECT, related_name="+", db_index=False, null=True
    )
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    asked_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    because = models.CharField(max_length=200, blank=True)  # what the asker reads of a rejection

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="join_request_pending_once",
                fields=["community", "user"],
                condition=Q(status="pending"),
            ),
            models.CheckConstraint(
                name="join_request_decided_by_another", condition=~Q(decided_by=F("user"))
            ),
            models.CheckConstraint(
                name="join_request_decided_is_complete",
                condition=Q(status="pending", decided_at__isnull=True)
                | Q(status__in=["approved", "withdrawn"], decided_at__isnull=False)
                | Q(status="rejected", decided_at__isnull=False, decided_by__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="join_request_of_user", fields=["community", "user", "-id"]),
            models.Index(name="join_request_by_status", fields=["community", "status", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.community_id}: {self.status}"


class Activity(TenantModel):
    """Something to be done together; its shifts say when. ``category`` decides what it earns."""

    title = models.CharField(max_length=80)
    title_compared = ComparedField(of="title")
    category = models.CharField(max_length=40)
    place = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(name="activity_by_title", fields=["community", "title_compared"])
        ]

    def __str__(self) -> str:
        return self.title


class Shift(TenantModel):
    """One time slot of an activity, for at most ``capacity`` volunteers (NULL: any number)."""

    activity = models.ForeignKey(Activity, models.PROTECT, related_name="shifts", db_index=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    capacity = models.PositiveSmallIntegerField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="shift_ends_after_it_begins", condition=Q(ends_at__gt=F("starts_at"))
            )
        ]
        indexes: ClassVar = [
            models.Index(name="shift_by_time", fields=["community", "starts_at"]),
            models.Index(name="shift_of_activity", fields=["community", "activity", "starts_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.activity_id} {self.starts_at}"


class Attendance(TenantModel):
    """One volunteer at one shift: signed up → checked in → checked out → verified | rejected."""

    class Status(models.TextChoices):
        SIGNED_UP = "signed_up"
        CANCELLED = "cancelled"
        CHECKED_IN = "checked_in"
        CHECKED_OUT = "checked_out"
        VERIFIED = "verified"
        REJECTED = "rejected"

    shift = models.ForeignKey(Shift, models.PROTECT, related_name="attendances", db_index=False)
    volunteer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    status = models.CharField(max_length=11, choices=Status, default=Status.SIGNED_UP)
    signed_up_at = models.DateTimeField(db_default=Now())
    checked_in_at = models.DateTimeField(null=True)
    checked_out_at = models.DateTimeField(null=True)
    check_in_nonce = models.CharField(max_length=64, null=True)  # the phone's, sent with a retry
    # What the phone's clock said where it told later, and whether that could not be (clocks.py).
    check_in_claimed_at = models.DateTimeField(null=True)
    check_in_mark = models.CharField(max_length=clocks.LONGEST_MARK, blank=True, default="")
    check_out_claimed_at = models.DateTimeField(null=True)
    check_out_mark = models.CharField(max_length=clocks.LONGEST_MARK, blank=True, default="")
    # What the verifier should look at: told from a phone that was offline, or never checked out.
    was_offline = models.BooleanField(default=False)
    check_out_was_forgotten = models.BooleanField(default=False)
    worked_minutes = models.PositiveIntegerField(null=True)  # computed here, never sent
    verified_at = models.DateTimeField(null=True)
    verified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    rejected_because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="attendance_once", fields=["community", "shift", "volunteer"]
            ),
            models.UniqueConstraint(
                name="check_in_nonce_once",
                fields=["community", "volunteer", "check_in_nonce"],
                condition=Q(check_in_nonce__isnull=False),
            ),
            models.CheckConstraint(
                name="hours_verified_by_another", condition=~Q(verified_by=F("volunteer"))
            ),
            models.CheckConstraint(
                name="check_out_not_before_check_in",
                condition=Q(checked_out_at__isnull=True)
                | Q(checked_out_at__gte=F("checked_in_at")),
            ),
            models.CheckConstraint(
                name="verified_hours_are_complete",
                condition=~Q(status="verified")
                | Q(
                    checked_out_at__isnull=False,
                    worked_minutes__isnull=False,
                    verified_by__isnull=False,
                    verified_at__isnull=False,
                ),
            ),
            # Nobody is in two places at once; who is checked in and not out is there for good.
            # "[)", the default boundary, lets one shift begin when another ends.
            ExclusionConstraint(
                name="nobody_in_two_places",
                expressions=[
                    ("community", RangeOperators.EQUAL),
                    ("volunteer", RangeOperators.EQUAL),
                    (
                        Func(
                            "checked_in_at",
                            "checked_out_at",
                            RangeBoundary(),
                            function="tstzrange",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(checked_in_at__isnull=False) & ~Q(status__in=["rejected", "cancelled"]),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="attendance_of_volunteer", fields=["community", "volunteer", "-id"]),
            models.Index(name="attendance_by_status", fields=["community", "status", "-id"]),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="verified_hours_are_final",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__status="verified"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.volunteer_id} at {self.shift_id}: {self.status}"

    @property
    def served(self) -> tuple[datetime, datetime] | None:
        """From when to when it counts, once it has ended: of the time they were there, the shift's.

        Coming early is not paid, nor staying on.
        """
        if self.checked_in_at is None or self.checked_out_at is None:
            return None
        since = max(self.checked_in_at, self.shift.starts_at)
        return since, max(since, min(self.checked_out_at, self.shift.ends_at))

    @property
    def award_source(self) -> str:
        """The id under which these hours earn points, once."""
        return f"hours:{self.pk}"


class RefusedClaim(TenantModel):
    """What a phone told of an attendance later and was not believed: kept for staff to look at.

    It gives nobody a minute.
    """

    class Act(models.TextChoices):
        CHECK_IN = "check_in"
        CHECK_OUT = "check_out"

    attendance = models.ForeignKey(
        Attendance, models.PROTECT, related_name="refused_claims", db_index=False
    )
    act = models.CharField(max_length=9, choices=Act)
    claimed_at = models.DateTimeField()  # as the phone's clock said
    nonce = models.CharField(max_length=64, blank=True, default="")  # empty: it told none
    refused_as = models.CharField(max_length=64)  # the refusal's code
    told_at = models.DateTimeField()  # first

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="refused_claim_once",
                fields=["community", "attendance", "act", "nonce", "claimed_at"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.act} of {self.attendance_id} at {self.claimed_at}: {self.refused_as}"


class Report(TenantModel):
    """What somebody saw on their rounds: submitted → accepted → closed as verified | rejected."""

    class Category(models.TextChoices):
        HAZARD = "hazard"  # 安全隐患
        DIRTY_CORNER = "dirty_corner"  # 卫生死角
        FACILITY = "facility"  # 设施损坏
        DISPUTE = "dispute"  # 邻里纠纷
        HOTLINE = "hotline"  # 市长热线
        ASSISTANCE = "assistance"  # 帮扶救助

    # Neighbours' disputes and needs never stand on a public page.
    CONFIDENTIAL: ClassVar = (Category.DISPUTE, Category.ASSISTANCE)

    class Status(models.TextChoices):
        SUBMITTED = "submitted"
        ACCEPTED = "accepted"
        VERIFIED = "verified"
        REJECTED = "rejected"

    OPEN: ClassVar = (Status.SUBMITTED, Status.ACCEPTED)

    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    category = models.CharField(max_length=12, choices=Category)
    text = models.CharField(max_length=1000)
    place = models.CharField(max_length=120, blank=True)
    # NULL where the reporter did not allow it, and once 30 days have passed.
    latitude = models.FloatField(
        null=True, validators=[MinValueValidator(-90), MaxValueValidator(90)]
    )
    longitude = models.FloatField(
        null=True, validators=[MinValueValidator(-180), MaxValueValidator(180)]
    )
    coord_type = models.CharField(max_length=5, choices=CoordType, default=CoordType.WGS84)
    photo = models.ImageField(upload_to="reports", blank=True)  # re-encoded, without EXIF
    status = models.CharField(max_length=9, choices=Status, default=Status.SUBMITTED)
    submitted_at = models.DateTimeField(db_default=Now())
    is_by_child = models.BooleanField(default=False)  # as told of their age when it was submitted
    accepted_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    answer = models.CharField(max_length=500, blank=True)  # what the public reads of the outcome

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="report_closed_by_another", condition=~Q(closed_by=F("reporter"))
            ),
            models.CheckConstraint(
                name="report_closed_is_complete",
                condition=Q(status__in=["submitted", "accepted"])
                | Q(closed_at__isnull=False, closed_by__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="report_of_reporter", fields=["community", "reporter", "-id"]),
            models.Index(name="report_by_status", fields=["community", "status", "-id"]),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="closed_report_stays",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__status__in=["verified", "rejected"]),
            ),
            # But for what privacy takes away: where it was, the photo, the reporter's own words.
            pgtrigger.Protect(
                name="closed_report_is_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.status IN ('verified', 'rejected') AND ("
                    "to_jsonb(OLD) - '{latitude,longitude,photo,text,place}'::text[]"
                    " IS DISTINCT FROM"
                    " to_jsonb(NEW) - '{latitude,longitude,photo,text,place}'::text[]"
                    " OR NEW.latitude IS DISTINCT FROM OLD.latitude AND NEW.latitude IS NOT NULL"
                    " OR NEW.longitude IS DISTINCT FROM OLD.longitude"
                    " AND NEW.longitude IS NOT NULL"
                    " OR NEW.photo <> OLD.photo AND NEW.photo <> ''"
                    " OR NEW.text <> OLD.text AND NEW.text <> ''"
                    " OR NEW.place <> OLD.place AND NEW.place <> '')"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.pk}"

    @property
    def award_source(self) -> str:
        """The id under which this report earns points, once."""
        return f"report:{self.pk}"
