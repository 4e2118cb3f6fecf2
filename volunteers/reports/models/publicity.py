"""Tables behind what the public reads of reports: counts, and bulletins with their comments."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import PersonKey, TenantForeignKey, final, not_emptied, stays, together
from volunteers.people.selectors import FEWEST_TOLD


class ReportTally(TenantModel):
    """A change of the number of reports that are alike: ``count`` more, or fewer if negative.

    A trigger of ``Report`` adds rows, so that no two reports wait for each other; the sum over the
    rows is the number, and a sweep puts rows together. ``within_hours`` is the least of some steps
    within which the report was fixed, NULL if it was not. Confidential reports have neither
    category nor status.
    """

    month = models.DateField()  # its first day, in which it was submitted by the community's clock
    category = models.CharField(max_length=40, blank=True)
    status = models.CharField(max_length=9, blank=True)
    within_hours = models.PositiveSmallIntegerField(null=True)
    count = models.IntegerField()

    class Meta:
        indexes: ClassVar = [
            models.Index(name="tally_of_month", fields=["community", "month"]),
            models.Index(name="tally_confidential", fields=["community"], condition=Q(category="")),
        ]
        triggers: ClassVar = [not_emptied("report_tally")]

    def __str__(self) -> str:
        return f"{self.count} {self.category} {self.status} in {self.month}"


class ConfidentialTold(TenantModel):
    """A number of confidential reports that is public: those counted in since the last such row.

    Each is of five reports or more, none is in two of them, and nothing else tells their number:
    whatever is added or subtracted, the result is about no fewer than five.
    """

    since = models.DateField()
    until = models.DateField()  # the first day that is not in it
    count = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="confidential_told_once", fields=["community", "until"]),
            models.CheckConstraint(
                name="confidential_told_of_enough",
                condition=Q(count__gte=FEWEST_TOLD, since__lt=F("until")),
            ),
        ]
        triggers: ClassVar = final("confidential_told")

    def __str__(self) -> str:
        return f"{self.count} until {self.until}"


class Bulletin(TenantModel):
    """A public report about a month or quarter: figures as they were then, and staff's words.

    A draft becomes public when a manager other than its author publishes it, and is never changed
    from then on; a later ``version`` for the same period supersedes it.
    """

    class Period(models.TextChoices):
        MONTH = "month"
        QUARTER = "quarter"

    class Status(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"

    period = models.CharField(max_length=7, choices=Period)
    starts_on = models.DateField()
    version = models.PositiveSmallIntegerField()  # 1, 2, … of the period
    status = models.CharField(max_length=9, choices=Status, default=Status.DRAFT)
    title = models.CharField(max_length=60)
    words = models.TextField(max_length=10_000, blank=True)
    figures = models.JSONField()
    drafted_by = PersonKey()  # or last changed by
    drafted_at = models.DateTimeField(db_default=Now())
    published_by = PersonKey(null=True)
    published_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="bulletin_once", fields=["community", "period", "starts_on", "version"]
            ),
            models.UniqueConstraint(
                name="bulletin_one_draft",
                fields=["community", "period", "starts_on"],
                condition=Q(status="draft"),
            ),
            models.CheckConstraint(
                name="bulletin_published_is_complete",
                condition=Q(status="draft", published_at__isnull=True)
                | Q(status="published", published_at__isnull=False)
                & together("published_at", "published_by"),
            ),
            models.CheckConstraint(
                name="bulletin_published_by_another",
                condition=Q(published_by__isnull=True) | ~Q(published_by=F("drafted_by")),
            ),
        ]
        indexes: ClassVar = [models.Index(name="bulletin_newest", fields=["community", "-id"])]
        triggers: ClassVar = [
            *stays("bulletin"),
            pgtrigger.Protect(
                name="published_bulletin_is_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__status="published"),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class BulletinComment(TenantModel):
    """A volunteer's comment on a bulletin; public, without a name, once staff let it through."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        SHOWN = "shown"
        HIDDEN = "hidden"

    bulletin = TenantForeignKey(Bulletin, models.PROTECT, related_name="comments", db_index=False)
    author = PersonKey()
    text = models.CharField(max_length=500)  # empty once its author was erased
    written_at = models.DateTimeField(db_default=Now())
    status = models.CharField(max_length=7, choices=Status, default=Status.WAITING)
    decided_by = PersonKey(null=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="bulletin_comment_decided",
                condition=Q(status="waiting", decided_at__isnull=True, decided_by__isnull=True)
                | ~Q(status="waiting") & Q(decided_at__isnull=False, decided_by__isnull=False),
            ),
            models.CheckConstraint(
                name="bulletin_comment_decided_by_another",
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("author")),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="comment_of_bulletin", fields=["community", "bulletin", "-id"])
        ]
        triggers: ClassVar = stays("bulletin_comment")

    def __str__(self) -> str:
        return f"comment {self.pk}"
