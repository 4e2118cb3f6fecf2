"""Queries for activities and shifts, named for the reader."""

from uuid import UUID

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, UUIDField, When
from django.db.models.functions import Now

from backend.accounts.models import User
from backend.communities.models import Community, Role
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_of, in_reach
from backend.events.models import Status
from volunteers.activities.errors import TeamUnknown
from volunteers.activities.models import Activity, ServicePolicy, Shift
from volunteers.teams.models import Team
from volunteers.teams.selectors import in_teams_led_by

IS_TO_COME = Q(status=Status.PLANNED, ends_at__gt=Now())  # of shifts: running ones too
OF_SHIFTS = "activity__"
TOLD = ("community", "estate", "team", "series", "venue")  # with an activity


def in_charge(user: User, roles: tuple[Role, ...], *, activity: str = "") -> Q:
    """Condition on rows of activities: a role reaches them, or ``user`` leads the activity's team.

    ``activity`` is the path from the row to its activity, ``shift__activity__``.
    """
    return in_reach(user, roles, estate=f"{activity}estate") | in_teams_led_by(
        user, team=f"{activity}team"
    )


def activities_seen_by(user: User) -> QuerySet[Activity]:
    """Return the activities of communities where ``user`` volunteers or that they watch over."""
    seen = Q(community__in=communities_of(user)) | in_reach(user, WATCHES_OVER)
    return _activities().filter(seen)


def activities_handled_by(user: User) -> QuerySet[Activity]:
    """Return the activities that ``user`` may change and cancel, as staff or leader."""
    return _activities().filter(in_charge(user, HANDLES))


def activities_in(place: Community) -> QuerySet[Activity]:
    """Return all activities of a community, or of an estate, newest first."""
    return _activities().filter(**place.whose)


def planned_in(place: Community) -> QuerySet[Activity]:
    """Return all activities of a place and, of a community, those of its estates' teams."""
    whose = place.whose
    return _activities().filter(Q(**whose) | Q(community=whose["community_id"], team__isnull=False))


def with_serves(activities: QuerySet[Activity], user: User) -> QuerySet[Activity]:
    """Annotate activities with ``serves_told``: the person helped, if ``user`` is of the staff."""
    told = When(in_reach(user, HANDLES), then="serves_id")
    with_it = activities.annotate(serves_told=Case(told, output_field=UUIDField()))
    return with_it.select_related(*TOLD)


def public_activities(place: Community) -> QuerySet[Activity]:
    """Return the public activities of a community or estate with a coming shift, newest first."""
    to_come = Shift.objects.filter(
        IS_TO_COME, community=OuterRef("community"), activity=OuterRef("pk")
    )
    return activities_in(place).filter(Exists(to_come), is_public=True, status=Status.PLANNED)


def shifts_for(user: User) -> QuerySet[Shift]:
    """Return all shifts, past ones too, of the communities where ``user`` volunteers."""
    return _shifts().filter(community__in=communities_of(user))


def shifts_seen_by(user: User) -> QuerySet[Shift]:
    """Return the shifts of communities where ``user`` volunteers or that they watch over."""
    watched = in_reach(user, WATCHES_OVER, estate=f"{OF_SHIFTS}estate")
    return _shifts().filter(Q(community__in=communities_of(user)) | watched)


def shifts_watched_by(user: User) -> QuerySet[Shift]:
    """Return the shifts whose roster ``user`` may read as staff, auditor or leader of the team."""
    return _shifts().filter(in_charge(user, WATCHES_OVER, activity=OF_SHIFTS))


def shifts_handled_by(user: User) -> QuerySet[Shift]:
    """Return the shifts that ``user`` may change and cancel, as staff or leader of the team."""
    return _shifts().filter(in_charge(user, HANDLES, activity=OF_SHIFTS))


def shifts_in(place: Community) -> QuerySet[Shift]:
    """Return all shifts of a community, or of an estate, with what a spreadsheet tells of them."""
    whose = {"activity__" + name: value for name, value in place.whose.items()}
    of_place = _shifts().filter(community=place.whose["community_id"], **whose)
    # Outer joins would not go with the subqueries of ``with_places``: docs/architecture.md.
    return of_place.select_related("community").prefetch_related(
        "activity__team", "activity__venue"
    )


def shifts_of(activity: Activity) -> QuerySet[Shift]:
    """Return the shifts of ``activity``, soonest first."""
    return _shifts().filter(community=activity.community_id, activity=activity)


def team_in(community_id: UUID, team_id: UUID) -> Team:
    """Return the team of this id in a community. Raises TeamUnknown, also if it was dissolved."""
    team = Team.objects.filter(community=community_id, pk=team_id, dissolved_at=None).first()
    if team is None:
        raise TeamUnknown
    return team


def policy_of(community: Community) -> ServicePolicy:
    """Return what the community decides about its volunteering; by default what it does not."""
    policy = ServicePolicy.objects.filter(community=community).first()
    return policy or ServicePolicy(community=community)


def _activities() -> QuerySet[Activity]:
    return Activity.objects.select_related(*TOLD).order_by("-id")


def _shifts() -> QuerySet[Shift]:
    return Shift.objects.select_related("activity", "community").order_by("starts_at", "id")
