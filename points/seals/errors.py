"""Refusals about seals."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict


class NotSealedYet(Conflict):
    code = "not_sealed_yet"
    title = _("This is not sealed yet; try again in a few minutes.")


class SealBroken(Conflict):
    code = "seal_broken"
    title = _("This is not what was sealed. Please tell the auditor.")
