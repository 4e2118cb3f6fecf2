"""Refusals about notices."""

from django.utils.translation import gettext_lazy as _

from backend.errors import NotFound


class NoticeUnknown(NotFound):
    code = "notice_unknown"
    title = _("There is no such notice.")
