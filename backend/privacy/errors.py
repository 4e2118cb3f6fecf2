"""Refusals about people's own data."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, NotFound


class ExportUnknown(NotFound):
    """Refusal of an export nobody asked for, or another's without a valid link."""

    code = "export_unknown"
    title = _("There is no such export.")


class ExportPending(Conflict):
    """Refusal of an export whose file is yet to be made, in a minute or so."""

    code = "export_pending"
    title = _("This export is not ready yet.")


class ExportExpired(NotFound):
    """Refusal of an export whose file was there for a day, or is lost."""

    code = "export_expired"
    title = _("This export is no longer there. Please ask for a new one.")


class StillHoldsARole(Conflict):
    """Refusal to erase staff, managers, auditors and owners before they hand over."""

    code = "still_holds_a_role"
    title = _("Please hand over your roles first: staff, manager, auditor, owner of a merchant.")
