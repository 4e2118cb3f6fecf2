"""Refusals of codes by which somebody is invited."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, NotFound


class InvitationUnknown(NotFound):
    code = "invitation_unknown"
    title = _("This invitation is not known.")


class InvitationUsed(Conflict):
    code = "invitation_used"
    title = _("This invitation has been used.")


class InvitationExpired(Conflict):
    code = "invitation_expired"
    title = _("This invitation has expired; ask for another.")


class InvitationRevoked(Conflict):
    code = "invitation_revoked"
    title = _("This invitation was taken back.")


class OwnInvitation(Forbidden):
    code = "own_invitation"
    title = _("Who invites does not accept it themselves.")
