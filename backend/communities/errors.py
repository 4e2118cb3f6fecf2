"""Refusals about places."""

from django.utils.translation import gettext_lazy as _

from backend.errors import NotFound


class CommunityUnknown(NotFound):
    code = "community_unknown"
    title = _("There is no such community.")
