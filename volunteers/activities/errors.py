"""Refusals about activities and shifts."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid, NotFound


class CategoryUnknown(Invalid):
    """The community pays hours of other categories, or lists those to choose from, if told."""

    code = "category_unknown"
    title = _("The community has no such category.")


class TeamUnknown(NotFound):
    code = "team_unknown"
    title = _("There is no such team here.")


class OwnTeamOnly(Forbidden):
    code = "own_team_only"
    title = _("Leaders plan for the teams that they lead; the staff plan the rest.")


class GeofenceNeedsVenue(Invalid):
    code = "geofence_needs_venue"
    title = _("A geofence lies around a venue that has coordinates.")


class WantedExceedsCapacity(Invalid):
    code = "wanted_exceeds_capacity"
    title = _("No more can be wanted than there are places.")


class PatternsNeedSeries(Conflict):
    code = "patterns_need_series"
    title = _("Only an activity of a series has shifts that recur.")


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
