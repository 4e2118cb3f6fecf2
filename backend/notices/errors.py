"""Refusals about notices."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid, NotFound


class NoticeUnknown(NotFound):
    code = "notice_unknown"
    title = _("There is no such notice.")


class NoticeTextUnknown(NotFound):
    code = "notice_text_unknown"
    title = _("There is no such kind of notice, or no such language.")


class PlaceholderUnknown(Invalid):
    """Refusal of a text with ``placeholder``, which is not one of the ``known`` ones."""

    code = "placeholder_unknown"
    title = _("A text can only name the facts that this kind of notice has, in braces.")


class EmailUnknown(NotFound):
    code = "email_unknown"
    title = _("You gave no e-mail address.")


class EmailForStaffOnly(Forbidden):
    code = "email_for_staff_only"
    title = _("Only staff, managers and auditors are told things by e-mail.")


class EmailCodeWrong(Invalid):
    code = "email_code_wrong"
    title = _("This is not the code that was sent to your e-mail address.")


class EmailCodeExpired(Conflict):
    code = "email_code_expired"
    title = _("This code has expired. Give the address once more to get another.")


class NoticeKindUnknown(NotFound):
    code = "notice_kind_unknown"
    title = _("There is no such kind of notice.")


class NoticeRequired(Conflict):
    code = "notice_required"
    title = _("Notices of this kind cannot be switched off.")
