"""Notices to people who asked for a file."""

from django.utils.translation import gettext_lazy as _

from backend.notices import targets
from backend.notices.kinds import Kind, register
from backend.notices.models import Channel

targets.register(document="communities/{community}/documents/{id}")
register(
    document_ready=Kind(
        _("Your file is ready"),
        _("Fetch %(name)s until %(until)s, then it is deleted."),
        opens="document",
        channels=(Channel.EMAIL,),
    ),
)
