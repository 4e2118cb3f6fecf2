"""Notices to people about the copy of their data."""

from django.utils.translation import gettext_lazy as _

from backend.notices import targets
from backend.notices.kinds import Kind, register
from backend.notices.models import Channel

targets.register(my_export="me/export")
register(
    export_ready=Kind(
        _("The copy of your data is ready"),
        _("Fetch it until %(until)s, then it is deleted. It is for you alone."),
        opens="my_export",
        channels=(Channel.WECHAT,),
        template="file",
    ),
)
