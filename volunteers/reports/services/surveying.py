"""Surveys: some weeks after the fix, those who saw a thing are asked how it was dealt with."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.models import Community
from backend.notices import services as notices
from backend.tenants import HERE
from volunteers.reports import errors
from volunteers.reports.models.categories import ReportPolicy
from volunteers.reports.models.confirmations import Confirmation
from volunteers.reports.models.reports import Report
from volunteers.reports.models.surveys import Survey

ASKED_AT_ONCE = 500  # reports in one transaction
# A report that was closed longer ago than this beyond its weeks is asked about no more.
TOO_LATE = timedelta(days=60)


def weeks_of(community_id: UUID) -> int:
    """Return after how many weeks a community asks; 0: never."""
    policy = ReportPolicy.objects.filter(community=community_id).first()
    return (policy or ReportPolicy()).survey_weeks


def communities_to_ask(*, now: datetime | None = None) -> list[UUID]:
    """Return the communities in which a report was closed that may have to be asked about.

    Those that ask later than by default are among them, so each looks for itself.
    """
    now = now or timezone.now()
    longest = max(
        ReportPolicy().survey_weeks,
        *ReportPolicy.objects.values_list("survey_weeks", flat=True),
        0,
    )
    since = now - timedelta(weeks=longest) - TOO_LATE
    closed = Report.objects.filter(HERE, status=Report.Status.CLOSED, closed_at__gt=since)
    return list(closed.values_list("community_id", flat=True).distinct())


@transaction.atomic
def ask(*, community: Community, now: datetime | None = None) -> int:
    """Ask the reporters and confirmers of some reports whose time has come. Returns the count.

    Each is asked once and owed a notice. Whoever closed the report is not asked, nor whoever left
    Linli. Idempotent: two at once queue at the reports, and the second finds them asked.
    """
    weeks = weeks_of(community.pk)
    if not weeks:
        return 0
    now = now or timezone.now()
    due = _due(community, weeks, now)
    reports = list(due.select_for_update(no_key=True, of=("self",)).order_by("pk")[:ASKED_AT_ONCE])
    # One that waited for the lock may have been asked about meanwhile.
    known = set(
        Survey.objects.filter(community=community, report__in=reports).values_list("report_id")
    )
    reports = [report for report in reports if (report.pk,) not in known]
    confirmed = Confirmation.objects.filter(community=community, report__in=reports)
    seen = {(report.pk, report.reporter_id) for report in reports if report.reporter_id}
    seen |= set(confirmed.values_list("report_id", "confirmer_id"))
    closers = {report.pk: report.closed_by_id for report in reports}
    asked = {(report_id, person) for report_id, person in seen if closers[report_id] != person}
    there = set(
        User.objects.filter(pk__in=[person for _, person in asked], is_active=True).values_list(
            "pk", flat=True
        )
    )
    surveys = Survey.objects.bulk_create(
        Survey(community=community, report_id=report_id, respondent_id=person)
        for report_id, person in sorted(asked)
        if person in there
    )
    by_id = {report.pk: report for report in reports}
    notices.owe_many(
        community=community,
        kind="report_survey",
        owed=[
            notices.Owed(
                key=f"report-survey:{survey.pk}",
                recipient_id=survey.respondent_id,
                facts={
                    "starts_at": by_id[survey.report_id].submitted_at.isoformat(),
                    "timezone": community.timezone,
                },
                target_id=survey.pk,
            )
            for survey in surveys
        ],
        due_at=now,
    )
    return len(surveys)


@transaction.atomic
def answer(*, survey: Survey, score: int, words: str = "") -> Survey:
    """Answer a survey with 1 to 5, once. Idempotent. Raises SurveyAnswered for another answer."""
    survey = survey.locked("community", "report", "respondent")
    if survey.answered_at is not None:
        if (survey.score, survey.words) != (score, words):
            raise errors.SurveyAnswered
        return survey
    survey.save_with(score=score, words=words, answered_at=timezone.now())
    return survey


def _due(community: Community, weeks: int, now: datetime) -> QuerySet[Report]:
    fixed_by = now - timedelta(weeks=weeks)
    # Somebody is to be asked: others would be looked at again and again.
    confirmed = Confirmation.objects.filter(
        ~Q(confirmer=OuterRef("closed_by")),
        community=community,
        report=OuterRef("pk"),
        confirmer__is_active=True,
    )
    asked = Survey.objects.filter(community=community, report=OuterRef("pk"))
    return (
        Report.objects.filter(
            Q(reporter__is_active=True) | Exists(confirmed),
            ~Exists(asked),
            community=community,
            status=Report.Status.CLOSED,
            closed_at__gt=fixed_by - TOO_LATE,
            closed_at__lte=now,
        )
        .annotate(since=Coalesce(F("fixed_at"), F("closed_at")))
        .filter(since__lte=fixed_by)
    )
