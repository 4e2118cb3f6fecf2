"""Refusals about people."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict


class PhoneBelongsToAnother(Conflict):
    code = "phone_belongs_to_another"
    title = _("This phone number is on record under another name.")
