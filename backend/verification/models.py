"""Verifications, how far each has come, and what they found."""

from typing import Any, ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from backend.communities.models import TenantModel
from backend.outbox.models import Owed, owed_indexes, owed_or_given_up
from backend.registries.checks import Kind
from backend.tables import PersonKey, ReadOnly, TenantForeignKey, never, not_emptied, together

EVERYTHING = "all"
LONGEST_ROW = 200
KINDS = [*Kind.choices, (EVERYTHING, _("Everything"))]


class Verification(TenantModel, Owed):
    """One verification of a community: waiting → running → finished, stopped or failed.

    It reads everything, or what is new since the verification ``since``. What is owed is to run it,
    so a worker that is killed is followed by another, which goes on with the first check that is
    not in ``checks``. One that failed may be owed anew.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        STOPPED = "stopped", _("Stopped")
        FINISHED = "finished", _("Finished")
        FAILED = "failed", _("Failed")

    UNDER_WAY = (Status.WAITING, Status.RUNNING)

    kind = models.CharField(max_length=12, choices=KINDS)
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    is_whole = models.BooleanField()
    since = TenantForeignKey(
        "self", models.PROTECT, related_name="+", db_index=False, null=True
    )  # what that one read is not read again, unless it was found wrong
    asked_by = PersonKey(null=True)  # NULL: the clock, or a command
    asked_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    stopped_by = PersonKey(null=True)  # the run notices it a moment later
    # The last seal when it began, up to which it read at least.
    seal = models.PositiveBigIntegerField(default=0)
    head = models.BinaryField(null=True)  # NULL: nothing was sealed yet
    under_way = models.SlugField(blank=True, db_index=False)  # the check
    checks_count = models.PositiveSmallIntegerField(default=0)
    # Those that are over: [{"check", "rows", "seconds", "findings", "new", "is_whole", "error"}]
    checks = models.JSONField(default=list)
    findings_count = models.PositiveBigIntegerField(default=0)
    new_findings_count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="verification_one_of_a_kind_at_a_time",
                fields=["community", "kind"],
                condition=Q(status__in=["waiting", "running"]),
            ),
            models.CheckConstraint(
                name="verification_whole_or_since_another",
                condition=Q(is_whole=True, since__isnull=True) | Q(is_whole=False),
            ),
            models.CheckConstraint(
                name="verification_ends_once_over",
                condition=Q(status__in=["waiting", "running"], finished_at__isnull=True)
                | Q(status__in=["stopped", "finished", "failed"], finished_at__isnull=False),
            ),
            owed_or_given_up("verification"),
        ]
        indexes: ClassVar = [
            models.Index(name="verification_newest", fields=["community", "-id"]),
            *owed_indexes("verification", "community"),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="verification_stays", operation=pgtrigger.Delete),
            not_emptied("verification"),
            ReadOnly(
                name="verification_is_as_asked",
                fields=["id", "community", "kind", "asked_by", "asked_at"],
            ),
            never("verification_is_final", "OLD.status IN ('finished', 'stopped')"),
            never("verification_starts_once", "OLD.started_at <> NEW.started_at"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.status}, {self.findings_count} findings"


class Finding(TenantModel):
    """One row that breaks a promise, found by verifications until somebody signs it off.

    It is one finding as long as the check, the row and what is wrong stay the same. One that is
    gone says so, and stays open; one that was signed off stays signed off.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        SIGNED_OFF = "signed_off", _("Signed off")

    kind = models.CharField(max_length=12, choices=Kind)
    check_name = models.SlugField(db_index=False)
    table = models.CharField(max_length=63)  # the database's name
    row = models.CharField(max_length=LONGEST_ROW)  # its id, or the name of what is no row
    because = models.TextField()  # what is there, and what should be
    digest = models.CharField(max_length=64)  # SHA-256 of all that makes it this one
    first_found_by: "TenantForeignKey[Any, Any]" = TenantForeignKey(
        Verification, models.PROTECT, related_name="+", db_index=False
    )
    last_seen_by: "TenantForeignKey[Any, Any]" = TenantForeignKey(
        Verification, models.PROTECT, related_name="+", db_index=False
    )
    found_at = models.DateTimeField(db_default=Now())
    gone_since = models.DateTimeField(null=True)  # the first time that it was not found again
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    signed_off_by = PersonKey(null=True)
    signed_off_at = models.DateTimeField(null=True)
    words = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="finding_once", fields=["community", "check_name", "digest"]
            ),
            models.CheckConstraint(
                name="finding_signed_off_by_somebody_with_words",
                condition=together("signed_off_by", "signed_off_at")
                & (
                    Q(status="open", signed_off_at__isnull=True, words="")
                    | Q(Q(status="signed_off", signed_off_at__isnull=False), ~Q(words=""))
                ),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="finding_newest", fields=["community", "-id"]),
            models.Index(
                name="finding_open",
                fields=["community", "check_name", "-id"],
                condition=Q(status="open"),
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="finding_stays", operation=pgtrigger.Delete),
            not_emptied("finding"),
            ReadOnly(
                name="finding_is_as_found",
                fields=[
                    *("id", "community", "kind", "check_name", "table", "row", "because"),
                    *("digest", "first_found_by", "found_at"),
                ],
            ),
            never(
                "finding_signed_off_is_final",
                "OLD.signed_off_at IS NOT NULL AND"
                " (OLD.status, OLD.signed_off_by_id, OLD.signed_off_at, OLD.words) IS DISTINCT FROM"
                " (NEW.status, NEW.signed_off_by_id, NEW.signed_off_at, NEW.words)",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.check_name}: {self.table} {self.row}: {self.because}"
