"""Refusals about activities, attendance and reports."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Invalid


class ShiftTimesInvalid(Invalid):
    code = "shift_times_invalid"
    title = _("A shift ends after it begins, and lasts 24 hours at most.")


class ShiftFull(Conflict):
    code = "shift_full"
    title = _("All places of this shift are taken.")


class ShiftOver(Conflict):
    code = "shift_over"
    title = _("This shift is over.")
