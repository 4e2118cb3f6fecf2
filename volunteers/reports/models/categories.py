"""Categories of reports, and a community's decisions about them, both as data."""

from datetime import time
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from backend.communities.models import TenantModel


class Colour(models.TextChoices):
    """How urgent a report is: each colour has clocks of its own."""

    RED = "red"
    YELLOW = "yellow"
    BLUE = "blue"


class ReportCategory(TenantModel):
    """A community's own category of reports, or its change of a default one of that ``code``.

    Categories form a tree by ``parent``, a code. ``questions`` are asked of whoever reports.
    """

    code = models.SlugField(max_length=40, db_index=False)
    parent = models.SlugField(max_length=40, blank=True, db_index=False)
    name = models.CharField(max_length=40, blank=True)  # empty: that of the default one
    description = models.CharField(max_length=200, blank=True)
    is_confidential = models.BooleanField(default=False)
    colour = models.CharField(max_length=6, choices=Colour, default=Colour.BLUE)
    questions = models.JSONField(default=list)
    is_retired = models.BooleanField(default=False)  # takes no new reports

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="report_category_once", fields=["community", "code"]),
            models.CheckConstraint(
                name="report_category_under_another", condition=~Q(parent=F("code"))
            ),
        ]

    def __str__(self) -> str:
        return self.name


def _clocks() -> dict[str, Any]:
    return {
        Colour.RED.value: {"acknowledge": 30, "make_safe": 120, "fix": 1_440},
        Colour.YELLOW.value: {"acknowledge": 240, "make_safe": 960, "fix": 2_400},
        Colour.BLUE.value: {"acknowledge": 480, "make_safe": None, "fix": 4_800},
    }


def _weekdays() -> list[int]:
    return [1, 2, 3, 4, 5]


class ReportPolicy(TenantModel):
    """Decisions of a community about reports; one row, made by the first change.

    ``clocks`` says for each colour within how many minutes a report is acknowledged, made safe and
    fixed, None: no clock. Those of red always run, the others in office hours alone.
    """

    near_metres = models.PositiveSmallIntegerField(default=250)  # within which others are shown
    reopen_days = models.PositiveSmallIntegerField(default=7)  # after closing
    clocks = models.JSONField(default=_clocks)
    office_days = ArrayField(models.PositiveSmallIntegerField(), default=_weekdays)  # Monday is 1
    office_from = models.TimeField(default=time(9))
    office_until = models.TimeField(default=time(18))
    # After the fix, until those who saw the thing are asked how it was; 0: nobody is asked.
    survey_weeks = models.PositiveSmallIntegerField(default=3)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="report_policy_once", fields=["community"]),
            models.CheckConstraint(
                name="report_policy_office_is_open",
                condition=Q(office_from__lt=F("office_until"), office_days__len__gte=1),
            ),
        ]

    def __str__(self) -> str:
        return f"report policy of {self.community_id}"
