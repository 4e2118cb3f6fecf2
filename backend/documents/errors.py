"""Refusals about files that a task makes."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, NotFound


class DocumentUnknown(NotFound):
    """Refusal of a file nobody asked for, or of what the caller may not, or no longer, read."""

    code = "document_unknown"
    title = _("There is no such file.")


class DocumentExpired(NotFound):
    """Refusal of a file that was kept for a day, could not be made, or is lost."""

    code = "document_expired"
    title = _("This file is no longer there. Please ask for a new one.")


class TooManyDocuments(Conflict):
    """Refusal of one more file while so many of the caller's are waiting or kept."""

    code = "too_many_documents"
    title = _("You have asked for many files. Please use those, or ask again tomorrow.")
