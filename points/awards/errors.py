"""Refusals about awards."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict


class AwardSourceReused(Conflict):
    code = "award_source_reused"
    title = _("This record has already earned points, with other contents.")
