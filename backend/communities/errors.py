"""Refusals about places."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, NotFound


class CommunityUnknown(NotFound):
    code = "community_unknown"
    title = _("There is no such community.")


class RoleConflict(Conflict):
    code = "role_conflict"
    title = _("Who audits a place can not work there as well.")


class RoleNotYours(Forbidden):
    code = "role_not_yours"
    title = _("This role is given and withdrawn by somebody else.")


class OwnRole(Forbidden):
    code = "own_role"
    title = _("Nobody gives or withdraws roles of their own.")


class NotAVolunteerHere(Forbidden):
    code = "not_a_volunteer_here"
    title = _("You are not a volunteer of this community.")


class PersonUnknown(NotFound):
    code = "person_unknown"
    title = _("There is no such person.")
