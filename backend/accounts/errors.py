"""Refusals about people."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid


class PhoneBelongsToAnother(Conflict):
    code = "phone_belongs_to_another"
    title = _("This phone number is on record under another name.")


class ConsentRequired(Forbidden):
    """Nothing is taken that was not agreed to; ``purpose`` says what for."""

    code = "consent_required"
    title = _("This needs your consent first.")


class ConsentVersionUnknown(Conflict):
    """``version`` is that of today's words."""

    code = "consent_version_unknown"
    title = _("The text has changed meanwhile; please read it again.")


class PhoneUnsupported(Invalid):
    code = "phone_unsupported"
    title = _("Only mobile numbers of mainland China can be kept.")
