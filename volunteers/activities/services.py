"""Planning of activities and shifts; volunteers/attendance/services/ changes and cancels them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.errors import PersonUnknown
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, working_places_where
from backend.events.errors import SeriesUnknown
from backend.events.models import Occurrence, Series, Status, Venue
from backend.events.services import series as events
from backend.events.services import venues
from backend.names import of_thing
from points.rules import selectors as points
from volunteers.activities import errors
from volunteers.activities.errors import ActivityCancelled, ShiftTimesInvalid
from volunteers.activities.models import Activity, ServicePolicy, Shift, ShiftPattern
from volunteers.activities.selectors import policy_of, team_in
from volunteers.people.models import Volunteer
from volunteers.teams.models import Team
from volunteers.teams.selectors import led_by

LONGEST_SHIFT = timedelta(hours=24)


# --- what a community decides -----------------------------------------------------------------
@transaction.atomic
def change_policy(*, community: Community, by: User, changes: dict[str, Any]) -> ServicePolicy:
    """Change what the community decides about its volunteering. Idempotent.

    Categories are spelled as in their rules. What is planned already keeps its category.
    """
    ServicePolicy.objects.get_or_create(community=community)
    policy = ServicePolicy.objects.get(community=community).locked("community")
    if "categories" in changes:
        spelled = [_as_ruled(community, category) for category in changes["categories"]]
        changes = changes | {"categories": list(dict.fromkeys(spelled))}
    differing = {name: new for name, new in changes.items() if getattr(policy, name) != new}
    if differing:
        before = trail.facts_of(policy, *differing)
        policy.save_with(**differing)
        trail.record(
            "service_policy.change", actor=by, target=policy, before=before, after=differing
        )
    return policy


# --- activities -------------------------------------------------------------------------------
@transaction.atomic
def plan_activity(
    *, community: Community, title: str, planned_by: User | None = None, **facts: Any
) -> Activity:
    """Plan an activity of a community or an estate, or of the estate of its team.

    The ``category``, spelled as in its rule, decides what the hours earn. ``planned_by`` is the
    staff's or leads the activity's team. Raises CategoryUnknown, OwnTeamOnly, and what ``settled``
    raises.
    """
    activity = Activity(**community.whose, title=title)
    for name, value in settled(activity, facts, planned_by).items():
        setattr(activity, name, value)
    activity.save(force_insert=True)
    if planned_by is not None:
        trail.record("activity.plan", actor=planned_by, target=activity)
    return activity


def settled(activity: Activity, facts: dict[str, Any], by: User | None) -> dict[str, Any]:
    """Return the columns of ``activity`` that ``facts`` from outside decide, once they are checked.

    Ids become keys of things of the community, a team brings its estate along, a series its venue.
    Raises CategoryUnknown, TeamUnknown, SeriesUnknown, SeriesCancelled, VenueUnknown, VenueNotUsed,
    PersonUnknown, GeofenceNeedsVenue, and OwnTeamOnly if ``by`` leads the team neither before nor
    after.
    """
    columns = dict(facts)
    community_id = activity.community_id
    if "category" in facts:
        category = category_as_ruled(activity, facts["category"])
        listed = policy_of(activity.community).categories
        if category != activity.category and listed and category not in listed:
            raise errors.CategoryUnknown(category=category, categories=listed)
        columns["category"] = category
    if facts.get("team_id"):
        columns["estate_id"] = _team_of(activity, facts["team_id"]).estate_id
    if facts.get("series_id"):
        series = events.series_of(community_id, facts["series_id"])
        assert series is not None
        if series.estate_id not in (None, columns.get("estate_id", activity.estate_id)):
            raise SeriesUnknown
        columns.setdefault("venue_id", series.venue_id)
    if "venue_id" in columns and columns["venue_id"] != activity.venue_id:
        venues.venue_of(community_id, columns["venue_id"])
    if serves := facts.get("serves_id"):
        enrolled = Volunteer.objects.filter(community=community_id, user=serves, left_at=None)
        if not enrolled.exists():
            raise PersonUnknown
    _check_geofence(activity, columns)
    if by is not None:
        _check_planner(activity, columns, by)
    return columns


def _team_of(activity: Activity, team_id: UUID) -> Team:
    team = team_in(activity.community_id, team_id)
    if activity.estate_id not in (None, team.estate_id):
        raise errors.TeamUnknown
    return team


def _check_geofence(activity: Activity, columns: dict[str, Any]) -> None:
    if columns.get("geofence_metres", activity.geofence_metres) is None:
        return
    venue_id = columns.get("venue_id", activity.venue_id)
    on_the_map = Venue.objects.filter(community=activity.community_id, latitude__isnull=False)
    if venue_id is None or not on_the_map.filter(pk=venue_id).exists():
        raise errors.GeofenceNeedsVenue


def _check_planner(activity: Activity, columns: dict[str, Any], by: User) -> None:
    """Raise OwnTeamOnly unless ``by`` is of the staff, or leads the team before and after."""
    places = {activity.community_id, activity.estate_id, columns.get("estate_id")}
    if working_places_where(by, HANDLES).filter(pk__in=places - {None}).exists():
        return
    teams = {columns.get("team_id", activity.team_id)}
    if not activity._state.adding:
        teams.add(activity.team_id)
    if not teams <= set(led_by(by).values_list("pk", flat=True)):
        raise errors.OwnTeamOnly


def category_as_ruled(activity: Activity, category: str) -> str:
    """Return ``category`` as the community's rule for hours, or else its list, spells it."""
    return _as_ruled(activity.community, category)


def _as_ruled(community: Community, category: str) -> str:
    ruled = points.category_as_ruled(community, "hours", category)
    alike = (one for one in policy_of(community).categories if of_thing(one) == of_thing(ruled))
    return next(alike, ruled)


# --- shifts -----------------------------------------------------------------------------------
@transaction.atomic
def plan_shift(
    *,
    activity: Activity,
    starts_at: datetime,
    ends_at: datetime,
    capacity: int | None = None,
    wanted: int | None = None,
) -> Shift:
    """Plan a time slot of ``activity`` for ``capacity`` volunteers, of whom ``wanted`` are needed.

    Raises ShiftTimesInvalid, WantedExceedsCapacity, ActivityCancelled, VenueClosed.
    """
    check_times(starts_at, ends_at)
    check_wanted(wanted, capacity)
    activity = activity.locked("community", "venue")
    if activity.status == Status.CANCELLED:
        raise ActivityCancelled
    venues.check_open(activity.venue, starts_at, ends_at)
    return Shift.objects.create(
        community_id=activity.community_id,
        activity=activity,
        starts_at=starts_at,
        ends_at=ends_at,
        capacity=capacity,
        wanted=wanted,
    )


def check_times(starts_at: datetime, ends_at: datetime) -> None:
    """Raise ShiftTimesInvalid unless a shift may last from ``starts_at`` to ``ends_at``."""
    if not timedelta(0) < ends_at - starts_at <= LONGEST_SHIFT:
        raise ShiftTimesInvalid


def check_wanted(wanted: int | None, capacity: int | None) -> None:
    """Raise WantedExceedsCapacity if more are wanted than there are places."""
    if wanted is not None and capacity is not None and wanted > capacity:
        raise errors.WantedExceedsCapacity


# --- shifts that recur ------------------------------------------------------------------------
@dataclass(frozen=True)
class Slot:
    """A shift on each occurrence, by the community's clock; see ShiftPattern."""

    from_time: time
    until_time: time
    capacity: int | None = None
    wanted: int | None = None


@transaction.atomic
def set_patterns(*, activity: Activity, slots: Sequence[Slot], by: User) -> Activity:
    """Set the shifts that an activity has on each occurrence of its series. Idempotent.

    A slot is known by when it begins. Occurrences to come get the shifts of new slots; shifts that
    were planned already stay as they are, also of a slot that is no more. Raises
    PatternsNeedSeries, SeriesCancelled, ActivityCancelled, WantedExceedsCapacity.
    """
    series = events.series_of(activity.community_id, activity.series_id)
    if series is None:
        raise errors.PatternsNeedSeries
    activity = activity.locked("community", "venue", "series", "estate", "team")
    if activity.status == Status.CANCELLED:
        raise ActivityCancelled
    known = {pattern.from_time: pattern for pattern in activity.patterns.all()}
    wanted = {slot.from_time: slot for slot in slots}
    for slot in wanted.values():
        check_wanted(slot.wanted, slot.capacity)
    for begins, pattern in known.items():
        if begins not in wanted and pattern.ended_at is None:
            pattern.save_with(ended_at=timezone.now())
    for begins, slot in wanted.items():
        if begins in known:
            known[begins].save_with(**vars(slot), ended_at=None)
        else:
            ShiftPattern.objects.create(
                community_id=activity.community_id, activity=activity, **vars(slot)
            )
    trail.record("activity.set_patterns", actor=by, target=activity, after={"slots": len(wanted)})
    for occurrence in events.coming_occurrences(series):
        _plan_shifts(occurrence, [activity])
    return activity


def plan_shifts(occurrence: Occurrence) -> None:
    """Plan the shifts of all activities of the series on a new occurrence. Idempotent."""
    # Locked, so that one which is cancelled at the same moment gets no shift afterwards.
    activities = (
        Activity.objects.select_for_update(no_key=True, of=("self",))
        .select_related("community", "venue")
        .filter(community=occurrence.community_id, series=occurrence.series, status=Status.PLANNED)
        .order_by("pk")
    )
    _plan_shifts(occurrence, list(activities))


def follow_series(series: Series, was: Series, by: User) -> None:
    """Shift the patterns of its activities as the series' times were shifted."""
    later = _minutes(series.from_time) - _minutes(was.from_time)
    if not later:
        return
    patterns = ShiftPattern.objects.filter(
        community=series.community_id, activity__series=series
    ).order_by("pk")
    # In the order in which no slot meets the one that is still where it moves to.
    for pattern in sorted(patterns, key=lambda one: one.from_time, reverse=later > 0):
        pattern.save_with(
            from_time=_moved(pattern.from_time, later), until_time=_moved(pattern.until_time, later)
        )


def _plan_shifts(occurrence: Occurrence, activities: list[Activity]) -> None:
    patterns = ShiftPattern.objects.filter(
        community=occurrence.community_id, activity__in=activities, ended_at=None
    )
    of_id = {activity.pk: activity for activity in activities}
    shifts = []
    # Where the occurrence was moved, its shifts are as much later.
    later = occurrence.starts_at - events.times_of(occurrence.series, occurrence.day)[0]
    for pattern in patterns.order_by("activity", "from_time"):
        times = events.local_times(
            occurrence.series.community, occurrence.day, pattern.from_time, pattern.until_time
        )
        starts_at, ends_at = (moment + later for moment in times)
        venue = of_id[pattern.activity_id].venue
        if venue is None or venues.is_open(venue, starts_at, ends_at):
            shifts.append(
                Shift(
                    community_id=occurrence.community_id,
                    activity_id=pattern.activity_id,
                    occurrence=occurrence,
                    pattern=pattern,
                    starts_at=starts_at,
                    ends_at=ends_at,
                    capacity=pattern.capacity,
                    wanted=pattern.wanted,
                )
            )
    Shift.objects.bulk_create(shifts, ignore_conflicts=True)  # by shift_once_an_occurrence


def _minutes(of_day: time) -> int:
    return of_day.hour * 60 + of_day.minute


def _moved(of_day: time, minutes: int) -> time:
    return time(*divmod((_minutes(of_day) + minutes) % (24 * 60), 60))
