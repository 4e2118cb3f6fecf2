"""Queries for what surrounds reports (mediation, surveys …), named for the reader."""

from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from backend.accounts.models import User
from backend.communities.errors import PersonUnknown
from backend.communities.models import Community, Role
from backend.communities.selectors import (
    BELONGS,
    HANDLES,
    WATCHES_OVER,
    in_reach,
    known_to,
    places_where,
)
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.selectors import attendance_during
from volunteers.reports.models.contributions import Contribution
from volunteers.reports.models.inspections import Inspection, InspectionPlan
from volunteers.reports.models.mediations import Mediation, MediationSession
from volunteers.reports.models.patrols import (
    Patrol,
    PatrolCount,
    PatrolOutcome,
    PatrolPhoto,
    PatrolReport,
)
from volunteers.reports.models.reports import Report
from volunteers.reports.models.surveys import Survey
from volunteers.reports.selectors import public_reports


def person_at(report: Report, user_id: UUID) -> User:
    """Return the person whose role, of any kind, reaches the report. Raises PersonUnknown."""
    person = User.objects.filter(pk=user_id, is_active=True).first()
    where = [report.community_id, report.estate_id]
    if person is None or not places_where(person, BELONGS).filter(pk__in=where).exists():
        raise PersonUnknown
    return person


# --- mediation --------------------------------------------------------------------------------
def mediations_watched_by(user: User) -> QuerySet[Mediation]:
    """Return the mediations that ``user`` may read as staff or auditor, newest first.

    Those of a dispute that they reported themselves are left out.
    """
    return _mediations(user, WATCHES_OVER)


def mediations_handled_by(user: User) -> QuerySet[Mediation]:
    """Return the mediations that ``user`` may record and end as staff."""
    return _mediations(user, HANDLES)


def mediations_of(report: Report) -> QuerySet[Mediation]:
    """Return the mediation of a report, if there is one."""
    return _with_sessions(Mediation.objects.filter(community=report.community_id, report=report))


def _mediations(user: User, roles: tuple[Role, ...]) -> QuerySet[Mediation]:
    reached = Mediation.objects.filter(in_reach(user, roles, estate="report__estate"))
    return _with_sessions(reached.exclude(report__reporter=user))


def _with_sessions(mediations: QuerySet[Mediation]) -> QuerySet[Mediation]:
    sessions = MediationSession.objects.select_related("mediator").order_by("held_at")
    return (
        mediations.select_related("community", "report__estate", "opened_by", "ended_by")
        .prefetch_related(Prefetch("sessions", sessions))
        .order_by("-id")
    )


# --- surveys ----------------------------------------------------------------------------------
def surveys_of(user: User) -> QuerySet[Survey]:
    """Return the surveys in which ``user`` is asked, newest first."""
    return _surveys(Survey.objects.filter(community__in=known_to(user), respondent=user))


def surveys_seen_by(user: User) -> QuerySet[Survey]:
    """Return the surveys of ``user``, and those answered that they read as staff or auditor."""
    watched = Q(answered_at__isnull=False) & in_reach(user, WATCHES_OVER, estate="report__estate")
    return _surveys(Survey.objects.filter(Q(respondent=user) | watched))


def surveys_watched_by(user: User) -> QuerySet[Survey]:
    """Return the answered surveys that ``user`` reads as staff or auditor, newest first."""
    reached = Survey.objects.filter(in_reach(user, WATCHES_OVER, estate="report__estate"))
    return _surveys(reached.filter(answered_at__isnull=False))


def _surveys(surveys: QuerySet[Survey]) -> QuerySet[Survey]:
    return surveys.select_related("community", "report__community", "respondent").order_by("-id")


# --- patrols ----------------------------------------------------------------------------------
def patrol_outcomes_of(community: Community) -> QuerySet[PatrolOutcome]:
    """Return the kinds of outcomes that are counted in a community, by name."""
    counted = PatrolOutcome.objects.filter(community=community, is_retired=False)
    return counted.order_by("name", "code")


def patrols_of(user: User) -> QuerySet[Patrol]:
    """Return the patrols of which ``user`` is the walker, for one to be found by its id."""
    return _patrols(Patrol.objects.filter(walker=user))


def patrols_seen_by(user: User) -> QuerySet[Patrol]:
    """Return the patrols of ``user``, and those they may look at as staff or auditor."""
    mine = Q(community__in=known_to(user), walker=user)
    return _patrols(Patrol.objects.filter(mine | in_reach(user, WATCHES_OVER)))


def with_what_was_found(patrols: QuerySet[Patrol], reader: User) -> QuerySet[Patrol]:
    """Add counts, photos and reports to ``patrols``, but for confidential reports."""
    counts = PatrolCount.objects.select_related("outcome").order_by("id")
    photos = PatrolPhoto.objects.exclude(image="").order_by("id")
    reports = PatrolReport.objects.filter(report__is_confidential=False).order_by("id")
    return patrols.prefetch_related(
        Prefetch("counts", counts), Prefetch("photos", photos), Prefetch("reports", reports)
    )


def made_during(report: Report) -> Attendance | None:
    """Return the attendance at which the reporter was when they submitted the report.

    Of a report that was made on a patrol it is that of the patrol, if they were at none by then.
    """
    if report.reporter_id is None:
        return None
    found = attendance_during(report.community_id, report.reporter_id, report.submitted_at)
    if found is not None:
        return found
    linked = PatrolReport.objects.filter(
        community=report.community_id, report=report, patrol__attendance__isnull=False
    )
    on_patrol = linked.select_related("patrol__attendance").first()
    attendance = on_patrol and on_patrol.patrol.attendance
    return attendance if attendance and attendance.status not in attendance.DOES_NOT_COUNT else None


def _patrols(patrols: QuerySet[Patrol]) -> QuerySet[Patrol]:
    return patrols.select_related("community", "estate", "walker").order_by("-id")


# --- inspections ------------------------------------------------------------------------------
OF_SERIES = "plan__series__estate"  # whose staff inspect


def inspection_plans_in(place: Community) -> QuerySet[InspectionPlan]:
    """Return the plans of a community, or of an estate, newest first."""
    whose = place.whose
    plans = InspectionPlan.objects.filter(community=whose["community_id"])
    if "estate_id" in whose:
        plans = plans.filter(series__estate=whose["estate_id"])
    return _plans(plans)


def inspection_plans_watched_by(user: User) -> QuerySet[InspectionPlan]:
    """Return the plans that ``user`` may look at as staff or auditor."""
    return _plans(
        InspectionPlan.objects.filter(in_reach(user, WATCHES_OVER, estate="series__estate"))
    )


def inspections_watched_by(user: User) -> QuerySet[Inspection]:
    """Return the inspections that ``user`` may look at as staff or auditor, newest first."""
    return _inspections(user, WATCHES_OVER)


def inspections_made_by(user: User) -> QuerySet[Inspection]:
    """Return the inspections that ``user`` may make as staff."""
    return _inspections(user, HANDLES)


def _plans(plans: QuerySet[InspectionPlan]) -> QuerySet[InspectionPlan]:
    return plans.select_related("community", "series__estate").order_by("-id")


def _inspections(user: User, roles: tuple[Role, ...]) -> QuerySet[Inspection]:
    reached = Inspection.objects.filter(in_reach(user, roles, estate=OF_SERIES))
    return reached.select_related("community", OF_SERIES, "inspected_by").order_by("-id")


# --- contributions ----------------------------------------------------------------------------
def contributions_of(report: Report) -> QuerySet[Contribution]:
    """Return what was given for a report."""
    found = Contribution.objects.filter(community=report.community_id, report=report)
    return _contributions(found)


def contributions_seen_by(user: User) -> QuerySet[Contribution]:
    """Return what ``user`` gave, and what they may look at as staff or auditor, newest first."""
    mine = Q(community__in=known_to(user), giver=user)
    watched = in_reach(user, WATCHES_OVER, estate="report__estate")
    return _contributions(Contribution.objects.filter(mine | watched))


def contributions_decided_by(user: User) -> QuerySet[Contribution]:
    """Return those that ``user`` may agree to be thanked for: their own, or a name's, as staff."""
    for_a_name = Q(giver__isnull=True) & in_reach(user, HANDLES, estate="report__estate")
    return _contributions(Contribution.objects.filter(Q(giver=user) | for_a_name))


def public_contributions(community: Community) -> QuerySet[Contribution]:
    """Return what the public thanks for, newest first: with consent, for public reports."""
    agreed = Contribution.objects.filter(
        community=community,
        agreed_at__isnull=False,
        report__in=public_reports(community).order_by(),
    )
    return _contributions(agreed)


def _contributions(found: QuerySet[Contribution]) -> QuerySet[Contribution]:
    return found.select_related("community", "report__community", "giver").order_by("-id")
