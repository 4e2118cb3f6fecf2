"""Refusals about places."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, NotFound


class CommunityUnknown(NotFound):
    code = "community_unknown"
    title = _("There is no such community.")


class RoleConflict(Conflict):
    code = "role_conflict"
    title = _("Who audits a place can not work there as well.")
