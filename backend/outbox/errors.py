"""Refusals about what is owed."""

from django.utils.translation import gettext_lazy as _

from backend.errors import NotFound


class OwedKindUnknown(NotFound):
    code = "owed_kind_unknown"
    title = _("Nothing of this kind is owed there.")
