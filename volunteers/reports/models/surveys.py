"""Surveys: how those who saw a thing find that it was dealt with."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import PersonKey, TenantForeignKey, never, stays
from volunteers.reports.models.reports import Report


class Survey(TenantModel):
    """A question to the reporter or a confirmer of a closed report, asked and answered once."""

    report = TenantForeignKey(Report, models.PROTECT, related_name="+", db_index=False)
    respondent = PersonKey()
    asked_at = models.DateTimeField(db_default=Now())
    score = models.PositiveSmallIntegerField(null=True)  # 1 to 5
    words = models.CharField(max_length=500, blank=True)  # an erasure empties it
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="survey_once", fields=["community", "report", "respondent"]
            ),
            models.CheckConstraint(
                name="survey_answer_is_complete",
                condition=Q(answered_at__isnull=True, score__isnull=True, words="")
                | Q(answered_at__isnull=False, score__range=(1, 5)),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="survey_newest", fields=["community", "-id"]),
            models.Index(name="survey_of_respondent", fields=["community", "respondent", "-id"]),
        ]
        triggers: ClassVar = [
            *stays("survey"),
            never(
                "answered_survey_is_final",
                "OLD.answered_at IS NOT NULL AND (to_jsonb(OLD) - 'words' IS DISTINCT FROM"
                " to_jsonb(NEW) - 'words' OR NEW.words NOT IN (OLD.words, ''))",
            ),
        ]

    def __str__(self) -> str:
        return f"survey of {self.respondent_id} about {self.report_id}"
