"""Attendances, and claims about them that were refused."""

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import (
    ArrayField,
    DateTimeRangeField,
    RangeBoundary,
    RangeOperators,
)
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now

from backend import clocks
from backend.communities.models import TenantModel
from backend.tables import PersonKey, TenantForeignKey, never
from volunteers.activities.models import Shift

if TYPE_CHECKING:
    from volunteers.attendance.models.objections import Evaluation, Objection


def beyond_a_void(*may_change: str) -> str:
    """Return the trigger condition that an update of a final row does more than may be done to it.

    It may be voided, once, and be relieved of its reason; the columns ``may_change`` are somebody
    else's to look after.
    """
    names = ",".join(("status", "voided_at", "voided_by_id", "reason", *may_change))
    return f"""(
        to_jsonb(OLD) - '{{{names}}}'::text[] IS DISTINCT FROM to_jsonb(NEW) - '{{{names}}}'::text[]
        OR (OLD.status, NEW.status) <> ('verified', 'voided') AND (
            (OLD.status, OLD.voided_at, OLD.voided_by_id)
                IS DISTINCT FROM (NEW.status, NEW.voided_at, NEW.voided_by_id)
            OR NEW.reason <> OLD.reason AND NEW.reason <> ''
        )
    )"""


class Signal(models.TextChoices):
    """A reason for whoever verifies hours to look closer; no verdict by itself."""

    SHARED_DEVICE = "shared_device"  # one device checked several people in to the shift
    IMPOSSIBLE_SPEED = "impossible_speed"  # from one venue to the next
    FAR_FROM_VENUE = "far_from_venue"  # a code was used outside of the geofence
    TOLD_LATE = "told_late"  # by a phone that was offline
    ELSEWHERE_TOO = "elsewhere_too"  # in another community at that time
    ALWAYS_THERE = "always_there"  # the leader marks everybody present, at every shift
    FORGOTTEN_CHECK_OUT = "forgotten_check_out"


class PositionMark(models.TextChoices):
    """Why a position does not show that somebody was at the venue."""

    NONE_SENT = "none_sent"
    INACCURATE = "inaccurate"
    OUTSIDE = "outside"


class Attendance(TenantModel):
    """One volunteer at one shift: signed up → checked in → checked out → verified | rejected.

    A sign-up may end as cancelled before check-in or as a no-show, and verified hours as voided.
    Where hours are made public first, they are published between check-out and verified.
    ``reason`` says why hours were rejected or voided.
    """

    class Status(models.TextChoices):
        SIGNED_UP = "signed_up"
        CANCELLED = "cancelled"
        CHECKED_IN = "checked_in"
        CHECKED_OUT = "checked_out"
        VERIFIED = "verified"
        PUBLISHED = "published"  # verified, and open to objections until it is final
        REJECTED = "rejected"
        VOIDED = "voided"
        NO_SHOW = "no_show"

    class Proof(models.TextChoices):
        """How presence was shown."""

        OWN_WORD = "own_word"
        VENUE_CODE = "venue_code"
        OWN_CODE = "own_code"  # the volunteer's, scanned by a leader
        LEADER = "leader"  # who marked them
        PAPER = "paper"

    class Cut(models.TextChoices):
        """Which limit cut the minutes."""

        RECORD = "record"
        ACTIVITY = "activity"
        DAY = "day"

    DOES_NOT_COUNT: ClassVar = (
        Status.REJECTED,
        Status.CANCELLED,
        Status.VOIDED,
        Status.NO_SHOW,
    )

    shift = TenantForeignKey(Shift, models.PROTECT, related_name="attendances", db_index=False)
    volunteer = PersonKey()
    status = models.CharField(max_length=11, choices=Status, default=Status.SIGNED_UP)
    signed_up_at = models.DateTimeField(db_default=Now())
    checked_in_at = models.DateTimeField(null=True)
    checked_out_at = models.DateTimeField(null=True)
    check_in_nonce = models.CharField(max_length=64, null=True)  # the phone's, sent with a retry
    # Of everything accepted out of batches: "<who sent it>:<nonce>" (services/offline.py).
    nonces = ArrayField(models.CharField(max_length=101), default=list)
    # The phone's clock, if it reported later, and a mark if impossible (backend/clocks.py).
    check_in_claimed_at = models.DateTimeField(null=True)
    check_in_mark = models.CharField(max_length=clocks.LONGEST_MARK, blank=True, default="")
    check_out_claimed_at = models.DateTimeField(null=True)
    check_out_mark = models.CharField(max_length=clocks.LONGEST_MARK, blank=True, default="")
    # The verifier should look: the phone was offline, or nobody checked out.
    was_offline = models.BooleanField(default=False)
    check_out_was_forgotten = models.BooleanField(default=False)
    # How presence was shown, by whom if not by the volunteer, and what stands against it.
    proof = models.CharField(max_length=10, choices=Proof, default=Proof.OWN_WORD)
    checked_in_by = PersonKey(null=True)
    checked_out_by = PersonKey(null=True)
    corrected_by = PersonKey(null=True)  # the last time; each correction is on record
    position_mark = models.CharField(max_length=10, choices=PositionMark, blank=True, default="")
    distance_metres = models.PositiveIntegerField(null=True)  # from the venue; no position is kept
    accuracy_metres = models.PositiveIntegerField(null=True)  # as the phone said
    device_digest = models.CharField(max_length=64, blank=True, default="")
    is_walk_in = models.BooleanField(default=False)
    is_backfilled = models.BooleanField(default=False)  # from paper or an import
    # What a verifier should look at; NULL until it was looked for.
    signals = ArrayField(models.CharField(max_length=19, choices=Signal), null=True)
    # Minutes count to here, if a limit cuts them before the check-out.
    counts_until = models.DateTimeField(null=True)
    cut_by = models.CharField(max_length=8, choices=Cut, blank=True, default="")
    worked_minutes = models.PositiveIntegerField(null=True)  # computed here, never sent
    verified_at = models.DateTimeField(null=True)  # or rejected; of published hours, made final
    verified_by = PersonKey(null=True)
    published_until = models.DateTimeField(null=True)  # so long anybody may object
    voided_at = models.DateTimeField(null=True)
    voided_by = PersonKey(null=True)
    reason = models.CharField(max_length=200, blank=True)

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
                name="hours_verified_by_another",
                condition=~Q(verified_by=F("volunteer"))
                & ~Q(verified_by=F("checked_in_by"))
                & ~Q(verified_by=F("checked_out_by"))
                & ~Q(verified_by=F("corrected_by")),
            ),
            models.CheckConstraint(
                name="hours_published_until_a_day",
                condition=~Q(status="published") | Q(published_until__isnull=False),
            ),
            models.CheckConstraint(
                name="hours_cut_is_complete",
                condition=Q(cut_by="", counts_until__isnull=True)
                | ~Q(cut_by="") & Q(counts_until__isnull=False),
            ),
            models.CheckConstraint(
                name="hours_voided_by_another",
                condition=~Q(voided_by=F("volunteer")) & ~Q(voided_by=F("verified_by")),
            ),
            models.CheckConstraint(
                name="hours_void_is_complete",
                condition=Q(status="voided", voided_at__isnull=False, voided_by__isnull=False)
                | ~Q(status="voided") & Q(voided_at__isnull=True, voided_by__isnull=True),
            ),
            models.CheckConstraint(
                name="check_out_not_before_check_in",
                condition=Q(checked_out_at__isnull=True)
                | Q(checked_out_at__gte=F("checked_in_at")),
            ),
            models.CheckConstraint(
                name="verified_hours_are_complete",
                condition=~Q(status__in=["published", "verified", "voided"])
                | Q(
                    checked_out_at__isnull=False,
                    worked_minutes__isnull=False,
                    verified_by__isnull=False,
                    verified_at__isnull=False,
                ),
            ),
            # One volunteer cannot be in two places. A check-in without check-out lasts for ever.
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
                condition=Q(checked_in_at__isnull=False)
                & ~Q(status__in=["rejected", "cancelled", "voided", "no_show"]),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="attendance_of_volunteer", fields=["community", "volunteer", "-id"]),
            models.Index(name="attendance_by_status", fields=["community", "status", "-id"]),
            # What a sweep has to close once the shift is over; the rest of the years is not in it.
            models.Index(
                name="attendance_open",
                fields=["community", "shift"],
                condition=Q(status__in=["signed_up", "checked_in"]),
            ),
            models.Index(
                name="hours_to_verify",
                fields=["community", "checked_out_at", "id"],
                condition=Q(status="checked_out"),
            ),
            models.Index(
                name="hours_to_look_at",
                fields=["community", "id"],
                condition=Q(status="checked_out", signals__isnull=True),
            ),
            models.Index(
                name="hours_published",
                fields=["community", "published_until", "id"],
                condition=Q(status="published"),
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="verified_hours_stay",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__status__in=["verified", "voided"]),
            ),
            never(
                "verified_hours_are_final",
                f"OLD.status IN ('verified', 'voided') AND {beyond_a_void()}",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.volunteer_id} at {self.shift_id}: {self.status}"

    @property
    def served(self) -> tuple[datetime, datetime] | None:
        """Time that counts, from and to: the volunteer's presence during the shift.

        ``None`` until they check out. Time before and after the shift does not count.
        """
        if self.checked_in_at is None or self.checked_out_at is None:
            return None
        since = max(self.checked_in_at, self.shift.starts_at)
        until = self.counts_until or self.checked_out_at
        return since, max(since, min(until, self.shift.ends_at))

    @property
    def attested_by(self) -> list[str]:
        """Ids of whoever marked, checked in, checked out or corrected it for the volunteer."""
        people = {self.checked_in_by_id, self.checked_out_by_id, self.corrected_by_id}
        return sorted(str(person) for person in people - {None, self.volunteer_id})

    @property
    def appeal(self) -> "Objection | None":
        """The volunteer's own objection."""
        return next((one for one in self.objections.all() if one.is_appeal), None)

    @property
    def evaluation(self) -> "Evaluation | None":
        """How the service was."""
        return next(iter(self.evaluations.all()), None)

    @property
    def award_source(self) -> str:
        """Source under which these hours earn points, once."""
        return f"hours:{self.pk}"


class RefusedClaim(TenantModel):
    """A refused check-in, check-out or mark that a phone reported later, kept for staff.

    A refused claim never counts as hours. ``shift``, ``attendance`` and ``volunteer`` are what
    could be made out: a forged code names none of them.
    """

    class Act(models.TextChoices):
        CHECK_IN = "check_in"
        CHECK_OUT = "check_out"
        MARK = "mark"  # by whoever leads the shift

    shift = TenantForeignKey(
        Shift, models.PROTECT, related_name="refused_claims", db_index=False, null=True
    )
    attendance = TenantForeignKey(
        Attendance, models.PROTECT, related_name="refused_claims", db_index=False, null=True
    )
    volunteer = PersonKey(null=True)
    told_by = PersonKey()
    act = models.CharField(max_length=9, choices=Act)
    claimed_at = models.DateTimeField()  # as the phone's clock said
    nonce = models.CharField(max_length=64, blank=True, default="")  # empty: the phone sent none
    refused_as = models.CharField(max_length=64)  # the code of the refusal
    told_at = models.DateTimeField()  # the first time

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="refused_claim_once",
                fields=["community", "told_by", "nonce", "attendance", "act", "claimed_at"],
                nulls_distinct=False,
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="refused_claim_of_place", fields=["community", "attendance", "id"]),
            models.Index(name="refused_claim_newest", fields=["community", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.act} at {self.claimed_at}: {self.refused_as}"
