"""Refusals about activities and shifts."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Invalid


class CategoryUnknown(Invalid):
    code = "category_unknown"
    title = _("No rule of this community covers this category.")


class ShiftTimesInvalid(Invalid):
    code = "shift_times_invalid"
    title = _("A shift ends after it begins, and lasts 24 hours at most.")


class ActivityCancelled(Conflict):
    code = "activity_cancelled"
    title = _("This activity was cancelled.")


class ActivityOver(Conflict):
    code = "activity_over"
    title = _("All shifts of this activity are over.")


class ShiftCancelled(Conflict):
    code = "shift_cancelled"
    title = _("This shift was cancelled.")


class ShiftOver(Conflict):
    code = "shift_over"
    title = _("This shift is over.")
