"""Refusals about volunteers and requests to join."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid


class AlreadyAVolunteer(Conflict):
    code = "already_a_volunteer"
    title = _("You are a volunteer of this community already.")


class VolunteerLeft(Conflict):
    """A list does not enrol people who left, asked to be erased or withdrew their request."""

    code = "volunteer_left"
    title = _("They have left, or no longer want to join. They can join again by themselves.")


class VolunteerDiffers(Conflict):
    """A list does not change the kind or the estate of a volunteer."""

    code = "volunteer_differs"
    title = _("They are on record here as something else, or of another estate.")


class JoinCodeWrong(Invalid):
    code = "join_code_wrong"
    title = _("This is not the code of this community.")


class EstateUnknown(Invalid):
    code = "estate_unknown"
    title = _("There is no such estate in this community.")


class JoinRequestStatusWrong(Conflict):
    code = "join_request_status_wrong"
    title = _("This request has been answered.")


class OwnJoinRequest(Forbidden):
    code = "own_join_request"
    title = _("Nobody answers a request of their own.")


class CellPlaceTaken(Conflict):
    """Refusal of a second leader or worker of a cell; ``function`` tells which."""

    code = "cell_place_taken"
    title = _("This cell has somebody in this function, which has to end first.")


class CellMemberAlready(Conflict):
    """Refusal of a second ``function`` of one person in one cell."""

    code = "cell_member_already"
    title = _("They have another function in this cell, which has to end first.")
