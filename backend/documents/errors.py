"""What is refused about files that a task makes."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, NotFound


class DocumentUnknown(NotFound):
    """Nobody asked for it, or it is about what the caller may not, or may no longer, read."""

    code = "document_unknown"
    title = _("There is no such file.")


class DocumentExpired(NotFound):
    """The file was kept for a day, could not be made, or is lost."""

    code = "document_expired"
    title = _("This file is no longer there. Please ask for a new one.")


class TooManyDocuments(Conflict):
    """So many of the caller's are waiting or kept that none is made for them now."""

    code = "too_many_documents"
    title = _("You have asked for many files. Please use those, or ask again tomorrow.")
