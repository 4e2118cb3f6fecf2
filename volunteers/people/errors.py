"""Refusals about activities, attendance and reports."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid


class AlreadyAVolunteer(Conflict):
    code = "already_a_volunteer"
    title = _("You are a volunteer of this community already.")


class VolunteerLeft(Conflict):
    """A list does not bring back who left, is about to, or thought better of joining."""

    code = "volunteer_left"
    title = _("They have left, or no longer want to join. They can join again by themselves.")


class VolunteerDiffers(Conflict):
    """A list does not change what somebody is."""

    code = "volunteer_differs"
    title = _("They are on record here as something else, or of another estate.")


class JoinCodeWrong(Invalid):
    code = "join_code_wrong"
    title = _("This is not the code of this community.")


class EstateUnknown(Invalid):
    code = "estate_unknown"
    title = _("There is no such estate in this community.")


class JoinRequestStateWrong(Conflict):
    code = "join_request_state_wrong"
    title = _("This request has been answered.")


class OwnJoinRequest(Forbidden):
    code = "own_join_request"
    title = _("Nobody answers a request of their own.")
