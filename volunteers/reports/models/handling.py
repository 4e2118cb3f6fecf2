"""Words and acts of people about a report while it is handled."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import PersonKey, TenantForeignKey, never, stays, together
from volunteers.reports.models.reports import Report, only_masked, rest_differs


class ReportComment(TenantModel):
    """A comment on a report: its reporter's, or staff's for the public or among themselves."""

    report = TenantForeignKey(Report, models.PROTECT, related_name="comments", db_index=False)
    author = PersonKey()
    is_internal = models.BooleanField(default=False)  # never leaves staff
    text = models.CharField(max_length=500, blank=True)  # an erasure empties it
    written_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(name="report_comment_of", fields=["community", "report", "id"])
        ]
        triggers: ClassVar = [
            *stays("report_comment"),
            never(
                "report_comment_is_final",
                f"{rest_differs('text')} OR {only_masked('text')}",
            ),
        ]

    def __str__(self) -> str:
        return f"comment on {self.report_id}"


class FormerWords(TenantModel):
    """Words of a report or a comment before they were taken out, or of an answer withdrawn.

    For managers and auditors.
    """

    class Place(models.TextChoices):
        TEXT = "text"
        PLACE = "place"
        ANSWER = "answer"
        COMMENT = "comment"

    report = TenantForeignKey(Report, models.PROTECT, related_name="former_words", db_index=False)
    comment = TenantForeignKey(
        ReportComment, models.PROTECT, related_name="+", db_index=False, null=True
    )
    stood_in = models.CharField(max_length=7, choices=Place)
    words = models.CharField(max_length=1000, blank=True)  # an erasure empties it
    taken_out_by = PersonKey()
    taken_out_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="former_words_of_a_comment",
                condition=Q(stood_in="comment", comment__isnull=False)
                | ~Q(stood_in="comment") & Q(comment__isnull=True),
            )
        ]
        indexes: ClassVar = [
            models.Index(name="former_words_of", fields=["community", "report", "-id"])
        ]
        triggers: ClassVar = [
            *stays("former_words"),
            never(
                "former_words_are_final",
                rest_differs("words") + " OR NEW.words NOT IN ('', OLD.words)",
            ),
        ]

    def __str__(self) -> str:
        return f"former {self.stood_in} of {self.report_id}"


class ReportReferral(TenantModel):
    """A report that was passed on: up to the street, or to a ``party`` elsewhere, in words.

    Its status stays; whoever handles it notes the answer.
    """

    report = TenantForeignKey(Report, models.PROTECT, related_name="referrals", db_index=False)
    is_up = models.BooleanField()
    party = models.CharField(max_length=80)
    note = models.CharField(max_length=200, blank=True)  # an erasure empties it, and the answer
    due_on = models.DateField(null=True)
    sent_by = PersonKey()
    sent_at = models.DateTimeField(db_default=Now())
    answer = models.CharField(max_length=500, blank=True)
    answered_at = models.DateTimeField(null=True)
    answered_by = PersonKey(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="report_referral_once",
                fields=["community", "report", "party"],
                condition=Q(answered_at__isnull=True),
            ),
            models.CheckConstraint(
                name="report_referral_answer_is_complete",
                condition=together("answered_at", "answered_by"),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="report_referral_of", fields=["community", "report", "-id"])
        ]
        triggers: ClassVar = [
            *stays("report_referral"),
            never(
                "report_referral_is_answered_once",
                rest_differs("note", "answer", "answered_at", "answered_by_id")
                + " OR NEW.note NOT IN ('', OLD.note) OR OLD.answered_at IS NOT NULL AND ("
                "(OLD.answered_at, OLD.answered_by_id)"
                " IS DISTINCT FROM (NEW.answered_at, NEW.answered_by_id)"
                " OR NEW.answer NOT IN ('', OLD.answer))",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.report_id} to {self.party}"


class ReportPause(TenantModel):
    """A time in which the clocks of a report stand still, and why; ``until_at`` is NULL as yet."""

    report = TenantForeignKey(Report, models.PROTECT, related_name="pauses", db_index=False)
    since_at = models.DateTimeField(db_default=Now())
    until_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True)  # an erasure empties it
    paused_by = PersonKey()
    resumed_by = PersonKey(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="report_pause_once",
                fields=["community", "report"],
                condition=Q(until_at__isnull=True),
            ),
            models.CheckConstraint(
                name="report_pause_ends_after_it_begins", condition=Q(until_at__gte=F("since_at"))
            ),
            models.CheckConstraint(
                name="report_pause_end_is_complete", condition=together("until_at", "resumed_by")
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="report_pause_of", fields=["community", "report", "id"])
        ]
        triggers: ClassVar = [
            *stays("report_pause"),
            never(
                "report_pause_ends_once",
                rest_differs("until_at", "resumed_by_id", "reason")
                + " OR NEW.reason NOT IN ('', OLD.reason) OR OLD.until_at IS NOT NULL AND"
                " (OLD.until_at, OLD.resumed_by_id)"
                " IS DISTINCT FROM (NEW.until_at, NEW.resumed_by_id)",
            ),
        ]

    def __str__(self) -> str:
        return f"pause of {self.report_id}"
