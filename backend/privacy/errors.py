"""What is refused about people's own data."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, NotFound


class ExportUnknown(NotFound):
    """Nobody asked for it, or it is another's and the link is no good."""

    code = "export_unknown"
    title = _("There is no such export.")


class ExportPending(Conflict):
    """The file of an export is yet to be made, in a minute or so."""

    code = "export_pending"
    title = _("This export is not ready yet.")


class ExportExpired(NotFound):
    """The file of an export was there for a day, or is lost."""

    code = "export_expired"
    title = _("This export is no longer there. Please ask for a new one.")


class StillHoldsARole(Conflict):
    """Staff, managers, auditors and owners of merchants hand over before they leave."""

    code = "still_holds_a_role"
    title = _("Please hand over your roles first: staff, manager, auditor, owner of a merchant.")
