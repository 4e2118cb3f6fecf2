"""Queries for teams and their members, named for the reader."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject

from backend.accounts.models import User
from backend.communities.models import Community, Role
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_of, in_reach, known_to
from volunteers.people import selectors as people
from volunteers.teams.models import Team, TeamMember

Status = TeamMember.Status


def led_by(user: User) -> QuerySet[Team]:
    """Return the teams that ``user`` leads, in whatever community."""
    return _teams().filter(in_teams_led_by(user, team="pk"))


def in_teams_led_by(user: User, *, team: str = "team") -> Q:
    """Condition on rows with a ``community``: ``user`` leads the row's ``team``, a path from it."""
    here = communities_of(user)
    leads = TeamMember.objects.filter(community__in=here, volunteer=user, is_leader=True)
    return Q(community__in=here) & Q(**{f"{team}__in": leads.values("team")})


def teams_seen_by(user: User) -> QuerySet[Team]:
    """Return the teams, dissolved ones too, where ``user`` volunteers or watches over the team."""
    return _teams().filter(Q(community__in=communities_of(user)) | in_reach(user, WATCHES_OVER))


def teams_of(user: User) -> QuerySet[Team]:
    """Return the teams that ``user`` belongs to or has asked to join."""
    theirs = TeamMember.objects.filter(
        community__in=known_to(user), volunteer=user, status__in=TeamMember.COUNTS
    )
    pairs = list(theirs.values_list("community", "team"))
    return _teams().filter(
        community__in={community for community, _ in pairs}, pk__in=[team for _, team in pairs]
    )


def teams_for(user: User) -> QuerySet[Team]:
    """Return the teams of the communities where ``user`` volunteers."""
    return _teams().filter(community__in=communities_of(user))


def teams_in(place: Community) -> QuerySet[Team]:
    """Return all teams of a community, or of an estate, newest first."""
    return _teams().filter(**place.whose)


def teams_handled_by(user: User) -> QuerySet[Team]:
    """Return the teams that ``user`` may change and dissolve as staff."""
    return _teams().filter(in_reach(user, HANDLES))


def teams_watched_by(user: User) -> QuerySet[Team]:
    """Return the teams whose members ``user`` may see: as staff, as auditor, or leading them."""
    return _teams().filter(in_reach(user, WATCHES_OVER) | in_teams_led_by(user, team="pk"))


def members_of(team: Team) -> QuerySet[TeamMember]:
    """Return all who are, were or asked to be in ``team``, newest first."""
    return _members(Q(community=team.community_id, team=team))


def memberships_of(user: User) -> QuerySet[TeamMember]:
    """Return the places that ``user`` has, had or asked for in teams."""
    return _members(_own(user))


def members_seen_by(user: User) -> QuerySet[TeamMember]:
    """Return the places of ``user`` in teams, and those that they may look at for others."""
    return _members(_own(user) | _of_staff(user, WATCHES_OVER) | in_teams_led_by(user))


def members_handled_by(user: User) -> QuerySet[TeamMember]:
    """Return the members that ``user`` may decide on, as staff or leader of their team."""
    return _members(_of_staff(user, HANDLES) | in_teams_led_by(user))


def leaders_handled_by(user: User) -> QuerySet[TeamMember]:
    """Return the members whom ``user`` may dismiss as leaders, as staff."""
    return _members(_of_staff(user, HANDLES))


def hide_phones(reader: User, members: Sequence[TeamMember]) -> None:
    """Mark the members whose phone ``reader`` does not see: leaders see names alone."""
    people.hide_phones(reader, members, _of_staff(reader, WATCHES_OVER))


def with_my_place(teams: QuerySet[Team], user: User | None = None) -> QuerySet[Team]:
    """Annotate teams with the ``people`` in them, ``None`` if few, and ``my_place`` or ``None``."""
    of_team = TeamMember.objects.filter(community=OuterRef("community"), team=OuterRef("pk"))
    counted = of_team.filter(status=Status.MEMBER).order_by().values("team")
    told = counted.annotate(people=Count("pk")).filter(people__gte=people.FEWEST_TOLD)
    mine = of_team.filter(volunteer=user.pk if user else None, status__in=TeamMember.COUNTS)
    return teams.select_related("community", "estate").annotate(
        people=Subquery(told.values("people")),
        my_place=Subquery(
            mine.values(told=JSONObject(id="pk", status="status", is_leader="is_leader"))
        ),
    )


def people_in(teams: Sequence[Team]) -> dict[UUID, list[TeamMember]]:
    """Return the members of each of ``teams``, leaders first, then as they joined."""
    members: dict[UUID, list[TeamMember]] = defaultdict(list)
    of_teams = Q(community__in={team.community_id for team in teams}, team__in=teams)
    for member in _members(of_teams & Q(status=Status.MEMBER)).order_by("-is_leader", "id"):
        members[member.team_id].append(member)
    return members


def team_named(community_id: UUID, compared: str) -> Team | None:
    """Return the team of the community that is called so now."""
    return Team.objects.filter(
        community=community_id, name_compared=compared, dissolved_at__isnull=True
    ).first()


def _own(user: User) -> Q:
    return Q(community__in=known_to(user), volunteer=user)


def _of_staff(user: User, roles: tuple[Role, ...]) -> Q:
    return in_reach(user, roles, estate="team__estate")


def _teams() -> QuerySet[Team]:
    return Team.objects.select_related("community", "estate").order_by("-id")


def _members(condition: Q) -> QuerySet[TeamMember]:
    return (
        TeamMember.objects.filter(condition)
        .select_related("community", "team", "volunteer", "decided_by")
        .order_by("-id")
    )
