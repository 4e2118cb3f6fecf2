"""Queries for teams and their members, named for the reader."""

from django.db.models import QuerySet

from backend.accounts.models import User
from backend.communities.selectors import communities_of
from volunteers.teams.models import Team, TeamMember


def led_by(user: User) -> QuerySet[Team]:
    """Return the teams that ``user`` leads now, in whatever community."""
    here = communities_of(user)
    leads = TeamMember.objects.filter(community__in=here, volunteer=user, is_leader=True)
    return Team.objects.filter(community__in=here, pk__in=leads.values("team"), dissolved_at=None)
