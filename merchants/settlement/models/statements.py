"""Statements of what merchants are owed, and questions about their lines."""

from datetime import date, timedelta
from typing import ClassVar

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.registries import sealed
from backend.tables import (
    FSM,
    PersonKey,
    ReadOnly,
    TenantForeignKey,
    changed,
    never,
    set_once,
    trigger,
)
from merchants.partners.models.partnerships import Partnership
from merchants.triggers import not_their_own


def of_statement(statement: str) -> dict[str, str]:
    """Return the partnership and the period's beginning of the statement, for ``not_their_own``."""
    columns = {"partnership": "partnership_id", "since": "period_start"}
    return {
        name: f"(SELECT s.{column} FROM merchants_statement s"  # noqa: S608  # nothing from outside
        f" WHERE s.community_id = NEW.community_id AND s.id = {statement})"
        for name, column in columns.items()
    }


OF_STATEMENT = of_statement("NEW.statement_id")


_AGREED_ON = "{row}.status IN ('approved', 'paid')"
_PAID = "{row}.status = 'paid'"
_IS_APPROVED = Q(approved_at__isnull=False, approved_by__isnull=False)


class Statement(TenantModel):
    """A community's debt to a merchant for a period: draft ⇄ questioned; draft → approved → paid.

    Every redemption and refund names the one statement in which it is a line. Lines after the draft
    go to the next statement. ``points`` and ``amount_fen`` are the sums of the redemptions less the
    refunds. A negative sum is the next statement's ``carried_fen``.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        QUESTIONED = "questioned"
        APPROVED = "approved"
        PAID = "paid"

    partnership = TenantForeignKey(
        Partnership, models.PROTECT, related_name="statements", db_index=False
    )
    period_start = models.DateField()  # the community's days; the end is not included
    period_end = models.DateField()
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    redemptions_count = models.PositiveIntegerField()
    refunds_count = models.PositiveIntegerField(default=0)
    points = models.BigIntegerField()
    amount_fen = models.BigIntegerField()
    carried_fen = models.BigIntegerField(default=0)  # 0 or less
    services = models.JSONField(default=list)  # what volunteers did there, an object an activity
    drafted_at = models.DateTimeField(db_default=Now())
    drafted_by = PersonKey(null=True)  # NULL: by the nightly task
    approved_at = models.DateTimeField(null=True)
    approved_by = PersonKey(null=True)
    # Set by approval: the number in the community's year, and the digest of the content.
    number_year = models.PositiveSmallIntegerField(null=True)
    number_in_year = models.PositiveIntegerField(null=True)
    digest = models.CharField(max_length=64, blank=True)
    paid_at = models.DateTimeField(null=True)
    paid_by = PersonKey(null=True)
    payment_reference = models.CharField(max_length=64, blank=True)  # the bank's, for instance

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="statement_once", fields=["community", "partnership", "period_start"]
            ),
            models.CheckConstraint(
                name="statement_approved_by_another",
                condition=~Q(approved_by=F("drafted_by")),
            ),
            models.UniqueConstraint(
                name="statement_number_once", fields=["community", "number_year", "number_in_year"]
            ),
            ExclusionConstraint(
                name="statement_periods_apart",
                expressions=[
                    ("community", RangeOperators.EQUAL),
                    ("partnership", RangeOperators.EQUAL),
                    (
                        Func(F("period_start"), F("period_end"), function="daterange"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
            models.CheckConstraint(
                name="statement_carries_debts_only", condition=Q(carried_fen__lte=0)
            ),
            models.CheckConstraint(
                name="statement_numbered_when_agreed_on",
                condition=Q(number_year__isnull=True, number_in_year__isnull=True, digest="")
                | Q(
                    status__in=["approved", "paid"],
                    number_year__isnull=False,
                    number_in_year__isnull=False,
                    digest__regex="^[0-9a-f]{64}$",
                ),
            ),
            models.CheckConstraint(
                name="statement_paid_by_another", condition=~Q(paid_by=F("approved_by"))
            ),
            models.CheckConstraint(
                name="statement_status_is_complete",
                condition=Q(status__in=["draft", "questioned"], approved_at=None, paid_at=None)
                | _IS_APPROVED & Q(status="approved", paid_at=None)
                | _IS_APPROVED & Q(status="paid", paid_at__isnull=False, paid_by__isnull=False),
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="statement_stays", operation=pgtrigger.Delete),
            not_their_own(
                "statement_not_approved_by_their_own",
                pgtrigger.Update,
                "NEW.approved_by_id",
                since="NEW.period_start",
                condition=changed("approved_by"),
            ),
            # The person who ordered a WeChat transfer was checked when ordering it.
            trigger(
                "statement_not_paid_by_their_own", pgtrigger.Update, condition=changed("paid_by")
            ),
            trigger("statement_draft_is_told", pgtrigger.Insert, body="statement_is_told"),
            trigger("statement_is_told", pgtrigger.Update, condition=changed("status")),
            ReadOnly(
                name="statement_figures_are_final",
                fields=[
                    "community",
                    "partnership",
                    "period_start",
                    "period_end",
                    "redemptions_count",
                    "refunds_count",
                    "points",
                    "amount_fen",
                    "carried_fen",
                    "services",
                    "drafted_by",
                ],
            ),
            FSM(
                name="statement_goes_forward",
                field="status",
                transitions=[
                    ("draft", "questioned"),
                    ("questioned", "draft"),
                    ("draft", "approved"),
                    ("approved", "paid"),
                ],
            ),
            never(
                "statement_agreed_on_has_a_number",
                "OLD.status = 'draft' AND NEW.status = 'approved' AND NEW.digest = ''",
            ),
            never(
                "statement_agreed_on_stays",
                "OLD.status IN ('approved', 'paid') AND (OLD.number_year, OLD.number_in_year,"
                " OLD.digest, OLD.approved_by_id, OLD.approved_at) IS DISTINCT FROM"
                " (NEW.number_year, NEW.number_in_year, NEW.digest, NEW.approved_by_id,"
                " NEW.approved_at)",
            ),
            pgtrigger.Protect(
                name="paid_statement_is_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__status="paid"),
            ),
            sealed.marked("statement", _AGREED_ON),
            sealed.marked("payment", _PAID),
        ]

    def __str__(self) -> str:
        return f"{self.partnership_id} {self.period_start}"

    @property
    def number(self) -> str:
        """The number as people write it, ``2026-0007``; empty before approval."""
        return f"{self.number_year}-{self.number_in_year:04}" if self.number_in_year else ""

    @property
    def subject(self) -> str:
        """The statement as the subject of a payout."""
        return f"statement:{self.pk}"

    @property
    def last_day(self) -> date:
        """Last day of the period."""
        return self.period_end - timedelta(days=1)

    @property
    def due_fen(self) -> int:
        """Amount to pay, in fen; 0 while more was refunded than redeemed."""
        return max(0, self.amount_fen + self.carried_fen)

    @property
    def carries_fen(self) -> int:
        """Amount in fen, 0 or less, that the next statement deducts."""
        return min(0, self.amount_fen + self.carried_fen)


sealed.register(
    sealed.Kind(
        name="statement",
        table="merchants_statement",
        facts=sealed.facts_of(
            Statement,
            "partnership period_start period_end redemptions_count refunds_count points amount_fen"
            " carried_fen services drafted_at drafted_by approved_at approved_by number_year"
            " number_in_year digest",
        ),
        due=_AGREED_ON,
    ),
    sealed.Kind(
        name="payment",
        table="merchants_statement",
        facts=sealed.facts_of(
            Statement, "amount_fen carried_fen paid_at paid_by payment_reference"
        ),
        due=_PAID,
    ),
)


class StatedAttendance(TenantModel):
    """Verified hours that a statement counts among its services, once for each partnership.

    Hours voided afterwards are taken off once, on a later statement.

    The attendance belongs to the volunteers app; only its id is known here.
    """

    partnership = TenantForeignKey(
        Partnership, models.PROTECT, related_name="+", db_index=False
    )  # the statement's
    statement = TenantForeignKey(Statement, models.PROTECT, related_name="+", db_index=False)
    attendance_id = models.UUIDField()
    is_taken_off = models.BooleanField(default=False)  # voided since an earlier one stated it

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="attendance_stated_once",
                fields=["community", "partnership", "attendance_id", "is_taken_off"],
            )
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="stated_attendance_stays", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.attendance_id} on {self.statement_id}"


class StatementQuestion(TenantModel):
    """A doubt about a line of a draft. The statement is approved only when all are answered."""

    statement = TenantForeignKey(
        Statement, models.PROTECT, related_name="questions", db_index=False
    )
    line_id = models.UUIDField()  # of a redemption or a refund in the statement
    reason = models.CharField(max_length=500)  # why it is doubted
    asked_by = PersonKey()
    asked_by_merchant = models.BooleanField()  # otherwise by the community
    asked_at = models.DateTimeField(db_default=Now())
    answer = models.CharField(max_length=500, blank=True)
    answered_by = PersonKey(null=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="question_answered_by_another", condition=~Q(answered_by=F("asked_by"))
            ),
            models.CheckConstraint(
                name="question_answer_is_complete",
                condition=Q(answer="", answered_by__isnull=True, answered_at__isnull=True)
                | Q(~Q(answer=""), answered_by__isnull=False, answered_at__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="question_of_statement", fields=["community", "statement", "-id"])
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="question_stays", operation=pgtrigger.Delete),
            not_their_own(
                "question_not_their_own",
                pgtrigger.Insert,
                "NEW.asked_by_id",
                **OF_STATEMENT,
                condition=pgtrigger.Q(new__asked_by_merchant=False),
            ),
            not_their_own(
                "answer_not_their_own",
                pgtrigger.Update,
                "NEW.answered_by_id",
                **OF_STATEMENT,
                condition=pgtrigger.Q(
                    new__asked_by_merchant=True,
                    old__answered_by__df=pgtrigger.F("new__answered_by"),
                ),
            ),
            ReadOnly(
                name="question_as_it_was_asked",
                fields=[
                    "community",
                    "statement",
                    "line_id",
                    "reason",
                    "asked_by",
                    "asked_by_merchant",
                    "asked_at",
                ],
            ),
            set_once("question_answered_once", "answered_at"),
        ]

    def __str__(self) -> str:
        return f"{self.statement_id}: {self.reason}"
