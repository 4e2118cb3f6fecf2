"""Refusals about notices."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Invalid, NotFound


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
