"""Refusals about notices."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, NotFound


class NoticeUnknown(NotFound):
    code = "notice_unknown"
    title = _("There is no such notice.")


class NoticeKindUnknown(NotFound):
    code = "notice_kind_unknown"
    title = _("There is no such kind of notice.")


class NoticeRequired(Conflict):
    code = "notice_required"
    title = _("Notices of this kind cannot be switched off.")
