"""Refusals of samples."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid


class PeriodBackwards(Invalid):
    code = "period_backwards"
    title = _("The last day of the period is before its first.")


class DaysNotOver(Conflict):
    """Refusal of days that are not over for six hours: their population might still grow."""

    code = "days_not_over"
    title = _("A sample is drawn of days that have been over for six hours.")


class NothingToDraw(Conflict):
    code = "nothing_to_draw"
    title = _("There is nothing of the kind in the period.")


class OwnSampleItem(Forbidden):
    code = "own_sample_item"
    title = _("Somebody else marks what is about you, what you did yourself and where you work.")


class SampleNotMarked(Conflict):
    code = "sample_not_marked"
    title = _("Every item has to be marked before the sample is signed off.")


class SampleSignedOff(Conflict):
    code = "sample_signed_off"
    title = _("This sample is signed off and does not change any more.")


class NoteMissing(Invalid):
    code = "note_missing"
    title = _("Say in a note what is doubtful or wrong.")
