"""Refusals about venues, series and their occurrences."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Invalid, NotFound


class VenueUnknown(NotFound):
    code = "venue_unknown"
    title = _("This community has no such venue.")


class VenueNameTaken(Conflict):
    code = "venue_name_taken"
    title = _("The community has a venue of this name.")


class VenueNotUsed(Conflict):
    code = "venue_not_used"
    title = _("This venue is not used any more.")


class OpeningHoursInvalid(Invalid):
    code = "opening_hours_invalid"
    title = _("A venue opens before it closes; closing at 00:00 is the end of the day.")


class VenueClosed(Conflict):
    code = "venue_closed"
    title = _("The venue is closed at that time.")


class RecurrenceInvalid(Invalid):
    code = "recurrence_invalid"
    title = _(
        "A series recurs in weeks on weekdays, or in months on days, of which at most one"
        " comes after the 28th; it begins no more than two years ago, and before it ends."
    )


class SeriesUnknown(NotFound):
    code = "series_unknown"
    title = _("This community has no such series.")


class SeriesCancelled(Conflict):
    code = "series_cancelled"
    title = _("This series was cancelled.")


class OccurrenceTimesInvalid(Invalid):
    code = "occurrence_times_invalid"
    title = _("An occurrence ends after it begins, lasts 24 hours at most, and is to come.")


class OccurrenceCancelled(Conflict):
    code = "occurrence_cancelled"
    title = _("This occurrence was cancelled.")


class OccurrenceBegun(Conflict):
    code = "occurrence_begun"
    title = _("This occurrence has begun; it can not be moved.")


class OccurrenceOver(Conflict):
    code = "occurrence_over"
    title = _("This occurrence is over.")
