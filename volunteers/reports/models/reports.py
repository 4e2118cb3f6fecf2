"""Reports of what volunteers see on their rounds."""

from typing import ClassVar

import pgtrigger
from django.contrib.postgres.indexes import GistIndex
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, FloatField, Func, Q
from django.db.models.functions import Degrees, Now, Radians, Tan

from backend.communities.models import Community, CoordType, TenantModel
from backend.tables import FSM, UPDATE_OF, PersonKey, TenantForeignKey, never, trigger
from volunteers.attendance.models.attendances import Attendance
from volunteers.reports.models import moves
from volunteers.reports.models.categories import Colour

# A place on Mercator's map, in degrees: near each other, what is nearer on it is nearer on earth.
ON_THE_MAP = Func(
    F("longitude"),
    Degrees(Func(Tan(Radians("latitude")), function="asinh")),
    function="point",
    output_field=FloatField(),
)
MASK = "█"  # stands for each character of words that were taken out


def _is_masked(column: str) -> str:
    """Return the condition that a column's new words are its old ones, some of them masked."""
    pattern = f"NEW.{column}"
    for sign in ("chr(92)", "chr(37)", "'_'"):  # what LIKE reads as more than itself
        pattern = f"replace({pattern}, {sign}, chr(92) || {sign})"
    return f"OLD.{column} LIKE replace({pattern}, '{MASK}', '_')"


def only_masked(column: str) -> str:
    """Return the trigger condition that words are changed otherwise than masked or emptied."""
    return f"(NEW.{column} <> OLD.{column} AND NEW.{column} <> '' AND NOT {_is_masked(column)})"


def rest_differs(*free: str) -> str:
    """Return the trigger condition that an update changes other columns than the ``free`` ones."""
    names = f"'{{{','.join(free)}}}'::text[]"
    return f"to_jsonb(OLD) - {names} IS DISTINCT FROM to_jsonb(NEW) - {names}"


def _any_of(statuses: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{status}'" for status in statuses) + ")"


# A closed or rejected one is opened again as a whole; what it earned by stays.
_REOPENED_WRONGLY = (
    rest_differs(
        *("status", "accepted_at", "made_safe_at", "fixed_at", "closed_at", "closed_by_id"),
        *("answer", "reopened_at", "due_at", "escalates_at", "escalated_to"),
    )
    + " OR NEW.closed_at IS NOT NULL OR NEW.closed_by_id IS NOT NULL"
    " OR NEW.made_safe_at IS NOT NULL OR NEW.fixed_at IS NOT NULL"
    " OR NEW.reopened_at IS NOT DISTINCT FROM OLD.reopened_at"
    " OR OLD.status = 'rejected' AND OLD.earned_at IS NOT NULL"
)
# A closed one may be voided, once, and a duplicate of a duplicate follows it to its original.
# Privacy may still take away coordinates and people's own words.
_CHANGED_WRONGLY = (
    rest_differs(
        *("status", "voided_at", "voided_by_id", "reason", "latitude", "longitude", "text"),
        *("place", "answers", "answer", "duplicate_of_id", "is_screened"),
        *("ruled_as", "reporter_group", "made_during_id"),  # once: report_is_rewarded_once
    )
    + " OR (OLD.status, NEW.status) <> ('closed', 'voided') AND ("
    " (OLD.status, OLD.voided_at, OLD.voided_by_id)"
    " IS DISTINCT FROM (NEW.status, NEW.voided_at, NEW.voided_by_id)"
    " OR NEW.reason <> OLD.reason AND NEW.reason <> '')"
    " OR NEW.latitude IS DISTINCT FROM OLD.latitude AND NEW.latitude IS NOT NULL"
    " OR NEW.longitude IS DISTINCT FROM OLD.longitude AND NEW.longitude IS NOT NULL"
    " OR NEW.answers <> OLD.answers AND NEW.answers <> '{}'::jsonb"
    " OR NEW.duplicate_of_id IS DISTINCT FROM OLD.duplicate_of_id AND OLD.status <> 'duplicate'"
    f" OR {only_masked('text')} OR {only_masked('place')} OR {only_masked('answer')}"
)


class Source(models.TextChoices):
    """The way by which a report came."""

    APP = "app"
    RELAYED = "relayed"  # by phone or at the office, for somebody who is not a user
    IMPORTED = "imported"
    OPEN311 = "open311"


class Level(models.TextChoices):
    """How far up an overdue step of a report has climbed from its grid."""

    COMMUNITY = "community"
    STREET = "street"


# What the public's figures follow from.
TALLIED = (
    *("category", "status", "is_confidential", "is_screened", "is_by_child", "text"),
    *("submitted_at", "fixed_at", "closed_at"),
)
# What the columns say of being public; selectors.public_reports asks for more.
SHOWN = Q(is_confidential=False, is_screened=True)


class Report(TenantModel):
    """A report: submitted → accepted → made safe → fixed → closed, which earns its reward.

    An open one may end as rejected, duplicate, not ours or withdrawn instead, and a closed one as
    voided; ``reason`` says why. moves.py says from where it goes where. ``reporter`` is NULL if
    they are not a user. Whether it is confidential is that of its category. ``made_during`` is the
    attendance at which its reporter was when they submitted it, as known when it was closed.
    What it is rewarded by stays as it was at the first closing, also if it is opened again. The
    staff of its ``estate`` handle it as well as the community's, and so does ``assigned_to``.
    """

    class Status(models.TextChoices):
        SUBMITTED = "submitted"
        ACCEPTED = "accepted"
        MADE_SAFE = "made_safe"
        FIXED = "fixed"
        CLOSED = "closed"
        REJECTED = "rejected"
        DUPLICATE = "duplicate"
        NOT_OURS = "not_ours"
        WITHDRAWN = "withdrawn"
        VOIDED = "voided"

    category_name: str | None = None  # set where whoever has read the category shows it

    OPEN: ClassVar = moves.OPEN
    ENDED: ClassVar = moves.ENDED

    estate = models.ForeignKey(
        Community, models.PROTECT, related_name="+", db_index=False, null=True
    )
    source = models.CharField(max_length=8, choices=Source, default=Source.APP)
    code = models.CharField(max_length=30, null=True)  # its number in the list it came from
    reporter = PersonKey(null=True)
    relayed_by = PersonKey(null=True)
    category = models.CharField(max_length=40)  # a code, of a default category or a community's own
    is_confidential = models.BooleanField()
    colour = models.CharField(max_length=6, choices=Colour)
    answers = models.JSONField(default=dict)  # to the category's questions, by their codes
    text = models.CharField(max_length=1000)
    place = models.CharField(max_length=120, blank=True)
    # NULL without the reporter's consent, and 30 days after the end.
    latitude = models.FloatField(
        null=True, validators=[MinValueValidator(-90), MaxValueValidator(90)]
    )
    longitude = models.FloatField(
        null=True, validators=[MinValueValidator(-180), MaxValueValidator(180)]
    )
    coord_type = models.CharField(max_length=5, choices=CoordType, default=CoordType.WGS84)
    status = models.CharField(max_length=9, choices=Status, default=Status.SUBMITTED)
    submitted_at = models.DateTimeField(db_default=Now())
    is_by_child = models.BooleanField(default=False)  # by the age known when it was submitted
    is_screened = models.BooleanField(default=True)  # found safe to be shown; else nobody reads it
    accepted_at = models.DateTimeField(null=True)
    made_safe_at = models.DateTimeField(null=True)
    fixed_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)  # in whatever way it ended
    closed_by = PersonKey(null=True)
    # When it was first closed, by which it earns; a second closing earns nothing more.
    earned_at = models.DateTimeField(null=True)
    reopened_at = models.DateTimeField(null=True)  # the last time; its clocks run from then
    assigned_to = PersonKey(null=True)
    # Of the step that is to be done now, by services/deadlines.py; NULL: no clock runs.
    due_at = models.DateTimeField(null=True)
    escalates_at = models.DateTimeField(null=True)  # when that step climbs next
    escalated_to = models.CharField(max_length=9, choices=Level, null=True)
    duplicate_of = TenantForeignKey(
        "self", models.PROTECT, related_name="duplicates", db_index=False, null=True
    )
    answer = models.CharField(max_length=500, blank=True)  # read by the public
    made_during = TenantForeignKey(
        Attendance, models.PROTECT, related_name="+", db_index=False, null=True
    )
    ruled_as = models.CharField(max_length=40, blank=True)  # the category whose rule rewards it
    reporter_group = models.CharField(max_length=20, blank=True)  # by which it was rewarded
    voided_at = models.DateTimeField(null=True)
    voided_by = PersonKey(null=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="report_code_once", fields=["community", "code"]),
            models.CheckConstraint(
                name="report_closed_by_another",
                condition=~Q(closed_by=F("reporter")) | Q(status="withdrawn"),
            ),
            models.CheckConstraint(
                name="report_closed_is_complete",
                condition=Q(status__in=["submitted", "accepted", "made_safe", "fixed"])
                | Q(closed_at__isnull=False, closed_by__isnull=False),
            ),
            models.CheckConstraint(
                name="report_duplicate_of_another",
                condition=Q(status="duplicate", duplicate_of__isnull=False)
                & ~Q(duplicate_of=F("id"))
                | ~Q(status="duplicate") & Q(duplicate_of__isnull=True),
            ),
            models.CheckConstraint(
                name="report_earned_once_closed",
                condition=~Q(status__in=["closed", "voided"]) | Q(earned_at__isnull=False),
            ),
            models.CheckConstraint(
                name="report_has_a_reporter_or_a_relay",
                condition=Q(source="app", reporter__isnull=False)
                | Q(source="relayed", relayed_by__isnull=False)
                | Q(source__in=["imported", "open311"]),
            ),
            models.CheckConstraint(
                name="report_rewarded_by_a_rule",
                condition=Q(ruled_as="", reporter_group="")
                | Q(earned_at__isnull=False) & ~Q(ruled_as=""),
            ),
            models.CheckConstraint(
                name="report_voided_by_another",
                condition=~Q(voided_by=F("reporter")) & ~Q(voided_by=F("closed_by")),
            ),
            models.CheckConstraint(
                name="report_void_is_complete",
                condition=Q(status="voided", voided_at__isnull=False, voided_by__isnull=False)
                | ~Q(status="voided") & Q(voided_at__isnull=True, voided_by__isnull=True),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="report_of_reporter", fields=["community", "reporter", "-id"]),
            models.Index(name="report_by_status", fields=["community", "status", "-id"]),
            models.Index(
                name="report_due",
                fields=["community", "due_at"],
                condition=Q(due_at__isnull=False, status__in=moves.OPEN),
            ),
            models.Index(
                name="report_escalates",
                fields=["community", "escalates_at"],
                condition=Q(escalates_at__isnull=False, status__in=moves.OPEN),
            ),
            models.Index(
                name="report_duplicates",
                fields=["community", "duplicate_of"],
                condition=Q(duplicate_of__isnull=False),
            ),
            models.Index(
                name="report_assigned",
                fields=["community", "assigned_to", "-id"],
                condition=Q(assigned_to__isnull=False),
            ),
            models.Index(name="report_public_newest", fields=["community", "-id"], condition=SHOWN),
            models.Index(
                name="report_public_by_time",
                fields=["community", "-submitted_at"],
                condition=SHOWN,
            ),
            # For near.py; what is not shown to others is not in it.
            GistIndex(
                F("community"),
                F("category"),
                F("coord_type"),
                ON_THE_MAP,
                name="report_near",
                condition=Q(
                    status__in=["submitted", "accepted", "made_safe", "fixed"],
                    is_screened=True,
                    is_confidential=False,
                    is_by_child=False,
                    latitude__isnull=False,
                ),
            ),
            models.Index(name="report_by_end", fields=["community", "closed_at"]),
        ]
        triggers: ClassVar = [
            trigger("report_is_tallied", pgtrigger.Insert | pgtrigger.Delete | UPDATE_OF(*TALLIED)),
            pgtrigger.Protect(
                name="ended_report_stays",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__status__in=list(moves.ENDED)),
            ),
            FSM(name="report_goes_its_way", field="status", transitions=moves.TRANSITIONS),
            never(
                "ended_report_is_final",
                f"OLD.status IN {_any_of(moves.ENDED)} AND CASE"
                f" WHEN OLD.status IN {_any_of(moves.BY_ACT['reopen'].of)}"
                f" AND NEW.status = 'accepted' THEN {_REOPENED_WRONGLY}"
                f" ELSE {_CHANGED_WRONGLY} END",
            ),
            never(
                "report_is_rewarded_once",
                "OLD.ruled_as <> '' AND (OLD.earned_at, OLD.reporter_id, OLD.category,"
                " OLD.ruled_as, OLD.colour, OLD.reporter_group, OLD.made_during_id)"
                " IS DISTINCT FROM (NEW.earned_at, NEW.reporter_id, NEW.category, NEW.ruled_as,"
                " NEW.colour, NEW.reporter_group, NEW.made_during_id)",
            ),
            never(
                "report_earns_once",
                "OLD.earned_at <> NEW.earned_at OR"
                " OLD.earned_at IS NOT NULL AND NEW.earned_at IS NULL",
            ),
            trigger(
                "report_duplicate_of_an_original",
                pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.duplicate_of_id IS NOT NULL"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.pk}"

    @property
    def award_source(self) -> str:
        """Source under which this report earns points, once."""
        return f"report:{self.pk}"
