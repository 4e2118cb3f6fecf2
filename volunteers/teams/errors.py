"""Refusals about teams and who belongs to them."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden


class TeamNameTaken(Conflict):
    code = "team_name_taken"
    title = _("Another team of this community is called so.")


class TeamDissolved(Conflict):
    code = "team_dissolved"
    title = _("This team was dissolved.")


class TeamMemberStatusWrong(Conflict):
    code = "team_member_status_wrong"
    title = _("This is not possible in the present state of their place in the team.")


class LeaderStays(Conflict):
    code = "leader_stays"
    title = _("They lead the team; the staff have to dismiss them as a leader first.")


class OwnTeamPlace(Forbidden):
    code = "own_team_place"
    title = _("Nobody decides on their own place in a team.")


class TeamMemberLeft(Conflict):
    """A list takes nobody back who left the team or was removed from it."""

    code = "team_member_left"
    title = _("They have left this team. They can join again by themselves.")


class TeamDiffers(Conflict):
    """A list does not change the kind or the estate of a team."""

    code = "team_differs"
    title = _("The team is on record here as something else, or of another estate.")
