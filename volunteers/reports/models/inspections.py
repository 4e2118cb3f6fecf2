"""Inspections: places that are looked at time and again, and looked at anew after a repair."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.events.models import Occurrence, Series
from backend.tables import PersonKey, TenantForeignKey, never, stays
from volunteers.reports.models.reports import Report


class InspectionPlan(TenantModel):
    """A plan to look at the ``items`` of a ``place`` on each occurrence of a series."""

    series = TenantForeignKey(Series, models.PROTECT, related_name="+", db_index=False)
    place = models.CharField(max_length=120)
    items = ArrayField(models.CharField(max_length=80))
    reinspect_days = models.PositiveSmallIntegerField(default=7)  # after a problem was fixed
    planned_by = PersonKey()
    planned_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="inspection_plan_once", fields=["community", "series"])
        ]
        indexes: ClassVar = [
            models.Index(name="inspection_plan_newest", fields=["community", "-id"])
        ]

    def __str__(self) -> str:
        return f"inspection of {self.place}"


class Inspection(TenantModel):
    """One inspection: due → ok | problem, or cancelled with its occurrence.

    A problem makes a ``report``. A re-inspection ``follows`` the inspection that found the problem,
    and has no occurrence.
    """

    class Status(models.TextChoices):
        DUE = "due"
        OK = "ok"
        PROBLEM = "problem"
        CANCELLED = "cancelled"

    plan = TenantForeignKey(
        InspectionPlan, models.PROTECT, related_name="inspections", db_index=False
    )
    occurrence = TenantForeignKey(
        Occurrence, models.PROTECT, related_name="+", db_index=False, null=True
    )
    follows = TenantForeignKey("self", models.PROTECT, related_name="+", db_index=False, null=True)
    due_at = models.DateTimeField()
    status = models.CharField(max_length=9, choices=Status, default=Status.DUE)
    inspected_at = models.DateTimeField(null=True)
    inspected_by = PersonKey(null=True)
    problems = ArrayField(models.CharField(max_length=80), default=list)  # of the plan's items
    note = models.CharField(max_length=500, blank=True)
    report = TenantForeignKey(Report, models.PROTECT, related_name="+", db_index=False, null=True)
    told_overdue_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="inspection_once_an_occurrence", fields=["community", "plan", "occurrence"]
            ),
            models.UniqueConstraint(name="reinspection_once", fields=["community", "follows"]),
            models.CheckConstraint(
                name="inspection_has_a_cause",
                condition=Q(occurrence__isnull=False, follows__isnull=True)
                | Q(occurrence__isnull=True, follows__isnull=False),
            ),
            models.CheckConstraint(
                name="inspection_is_complete",
                condition=Q(
                    status__in=["due", "cancelled"],
                    inspected_at__isnull=True,
                    inspected_by__isnull=True,
                    report__isnull=True,
                )
                | Q(
                    status="ok",
                    inspected_at__isnull=False,
                    inspected_by__isnull=False,
                    report__isnull=True,
                )
                | Q(
                    status="problem",
                    inspected_at__isnull=False,
                    inspected_by__isnull=False,
                    report__isnull=False,
                ),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="inspection_newest", fields=["community", "-id"]),
            models.Index(
                name="inspection_due",
                fields=["community", "due_at"],
                condition=Q(status="due"),
            ),
            models.Index(
                name="inspection_with_problem",
                fields=["community", "report"],
                condition=Q(status="problem"),
            ),
        ]
        triggers: ClassVar = [
            *stays("inspection"),
            never(
                "inspection_is_final",
                "OLD.status <> 'due' AND (to_jsonb(OLD) - 'note' IS DISTINCT FROM"
                " to_jsonb(NEW) - 'note' OR NEW.note NOT IN (OLD.note, ''))",
            ),
        ]

    def __str__(self) -> str:
        return f"inspection {self.pk}, {self.status}"
