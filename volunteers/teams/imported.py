"""Teams and places in them as something that an import wrote, and may take back."""

from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from backend.imports.kinds import Taken, Thing, delete, referred_to
from volunteers.teams.models import Team, TeamMember
from volunteers.teams.services import take_off_list


def _on_team(taken: Taken) -> dict[UUID, str | Promise]:
    return referred_to(Team, taken, besides={TeamMember: "team_member"})


def _undo_team(taken: Taken) -> None:
    delete(Team, taken.community, taken.ids)


def _on_member(taken: Taken) -> dict[UUID, str | Promise]:
    """Tell whose place has ended since."""
    rows = TeamMember.objects.filter(
        community=taken.community, pk__in=taken.ids, status=TeamMember.Status.MEMBER
    )
    changed = set(taken.ids) - set(rows.values_list("pk", flat=True))
    return referred_to(TeamMember, taken) | dict.fromkeys(changed, _("It was changed since."))


def _undo_member(taken: Taken) -> None:
    take_off_list(community=taken.community, members=taken.before)


TEAM = Thing("team", _on_team, _undo_team)
MEMBER = Thing("team_member", _on_member, _undo_member)
