"""Refusals about places."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid, NotFound


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


class RoleHeld(Conflict):
    """Refusal of an invitation to a role that one holds; its code stays good for somebody else."""

    code = "role_held"
    title = _("You hold this role already.")


class PlaceNotYours(Forbidden):
    code = "place_not_yours"
    title = _(
        "Operators found streets and communities; a street's manager founds communities in it, and"
        " a community's manager its estates and grid cells."
    )


class PlaceMisplaced(Invalid):
    code = "place_misplaced"
    title = _(
        "A street stands by itself, a community by itself or in a street, an estate in a community."
    )


class PlaceCodeTaken(Conflict):
    code = "place_code_taken"
    title = _("Another place has this code.")


class PlaceNameTaken(Conflict):
    code = "place_name_taken"
    title = _("Another place has this name there.")


class TimezoneUnknown(Invalid):
    code = "timezone_unknown"
    title = _("This is not the name of a time zone, such as Asia/Shanghai.")
