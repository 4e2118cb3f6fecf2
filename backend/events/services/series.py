"""Series: planned, made ahead day by day, changed, and cancelled from a day on."""

import copy
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.events import errors
from backend.events.models import Occurrence, Series, Status
from backend.events.planners import PLANNERS
from backend.events.recurrence import Recurrence, days_of
from backend.events.services import venues

EARLIEST = timedelta(days=731)  # before today: what has been going on may still be put on record
LONGEST_OCCURRENCE = timedelta(hours=24)
A_DAY = timedelta(days=1)


@transaction.atomic
def plan(
    *,
    place: Community,
    by: User,
    title: str,
    recurrence: Recurrence,
    starts_on: date,
    from_time: time,
    until_time: time,
    ends_on: date | None = None,
    venue_id: UUID | None = None,
    theme: str = "",
) -> Series:
    """Plan a series of a community or an estate, and make its coming occurrences.

    Raises RecurrenceInvalid, VenueUnknown, VenueNotUsed, and VenueClosed if the venue is closed on
    each of the coming days.
    """
    if (ends_on is not None and ends_on < starts_on) or starts_on < place.today - EARLIEST:
        raise errors.RecurrenceInvalid
    series = Series.objects.create(
        **place.whose,
        title=title,
        theme=theme,
        venue=venues.venue_of(place.whose["community_id"], venue_id),  # type: ignore[arg-type]
        rule=recurrence.rule,
        starts_on=starts_on,
        ends_on=ends_on,
        from_time=from_time,
        until_time=until_time,
    )
    trail.record("series.plan", actor=by, target=series, after={"rule": series.rule})
    made, series = _make_ahead(series)
    if not made and any(_days_to_make(series, series.starts_on)):
        raise errors.VenueClosed
    return series


@transaction.atomic
def make_occurrences(*, series: Series, until: date | None = None) -> list[Occurrence]:
    """Make the occurrences of ``series`` up to a day, by default as far ahead as the settings say.

    A day on which the venue is closed at that time has none. Idempotent: a day is made once, also
    by two who make them at once; the second returns nothing.
    """
    return _make_ahead(series, until)[0]


@transaction.atomic
def change(*, series: Series, by: User, changes: dict[str, Any]) -> Series:
    """Change a series' title, theme, venue or times. Idempotent.

    Occurrences to come follow, unless they were moved by hand; whoever is affected is told.
    Raises SeriesCancelled, VenueUnknown, VenueNotUsed, VenueClosed, and what the apps refuse.
    """
    series = series.locked("community", "estate", "venue")
    if series.status == Status.CANCELLED:
        raise errors.SeriesCancelled
    if "venue_id" in changes:
        venue = venues.venue_of(series.community_id, changes["venue_id"])
        changes = {name: new for name, new in changes.items() if name != "venue_id"}
        changes["venue"] = venue
    differing = {name: new for name, new in changes.items() if getattr(series, name) != new}
    if not differing:
        return series
    was = copy.copy(series)
    as_planned = [
        occurrence
        for occurrence in _coming(series)
        if (occurrence.starts_at, occurrence.ends_at) == times_of(was, occurrence.day)
    ]
    compared = {"title_compared": ""} if "title" in differing else {}  # made on saving
    series.save_with(**differing, **compared)
    trail.record("series.change", actor=by, target=series, after={"changed": sorted(differing)})
    for planner in PLANNERS:
        planner.changed(series, was, by)
    for occurrence in as_planned:
        starts_at, ends_at = times_of(series, occurrence.day)
        venues.check_open(series.venue, starts_at, ends_at)
        if (starts_at, ends_at) != (occurrence.starts_at, occurrence.ends_at):
            _move(occurrence, starts_at, ends_at, by)
    return series


@transaction.atomic
def cancel(*, series: Series, by: User, reason: str, since: date | None = None) -> Series:
    """Cancel the occurrences to come, or only those from the day ``since`` on. Idempotent.

    Without ``since`` the series itself is cancelled; with it, it ends on the day before. Whoever is
    affected is told the ``reason``.
    """
    series = series.locked("community", "estate", "venue")
    if series.status == Status.CANCELLED:
        return series
    if since is not None:
        since = max(since, series.community.today)
    for occurrence in _coming(series, has_begun=since is None):
        if since is None or occurrence.day >= since:
            _cancel(occurrence, by, reason)
    if since is None:
        series.save_with(status=Status.CANCELLED, reason=reason, cancelled_at=timezone.now())
        trail.record("series.cancel", actor=by, target=series)
    elif series.ends_on is None or since <= series.ends_on:
        # One that ends before it begins has no days, which is what was asked for.
        series.save_with(ends_on=since - A_DAY)
        trail.record("series.cancel", actor=by, target=series, after={"since": since.isoformat()})
    return series


@transaction.atomic
def move_occurrence(
    *, occurrence: Occurrence, by: User, starts_at: datetime, ends_at: datetime
) -> Occurrence:
    """Move one occurrence that has not begun, with all that was planned for it. Idempotent.

    Raises OccurrenceTimesInvalid, OccurrenceCancelled, OccurrenceBegun, VenueClosed, and what the
    apps refuse.
    """
    occurrence = _locked(occurrence)
    if occurrence.status == Status.CANCELLED:
        raise errors.OccurrenceCancelled
    if (starts_at, ends_at) == (occurrence.starts_at, occurrence.ends_at):
        return occurrence
    if occurrence.starts_at <= timezone.now():
        raise errors.OccurrenceBegun
    lasts = ends_at - starts_at
    if not timedelta() < lasts <= LONGEST_OCCURRENCE or starts_at <= timezone.now():
        raise errors.OccurrenceTimesInvalid
    venues.check_open(occurrence.series.venue, starts_at, ends_at)
    _move(occurrence, starts_at, ends_at, by)
    return occurrence


@transaction.atomic
def cancel_occurrence(*, occurrence: Occurrence, by: User, reason: str) -> Occurrence:
    """Cancel one occurrence, and all that was planned for it. Idempotent. Raises OccurrenceOver."""
    occurrence = _locked(occurrence)
    if occurrence.status == Status.CANCELLED:
        return occurrence
    if occurrence.ends_at <= timezone.now():
        raise errors.OccurrenceOver
    _cancel(occurrence, by, reason)
    return occurrence


def series_of(community_id: UUID, series_id: UUID | None) -> Series | None:
    """Lock and return the community's series with this id, for something that belongs to it.

    ``None`` for no series. Raises SeriesUnknown, SeriesCancelled.
    """
    if series_id is None:
        return None
    found = Series.objects.filter(community=community_id, pk=series_id).first()
    if found is None:
        raise errors.SeriesUnknown
    series = found.locked("community", "venue")
    if series.status == Status.CANCELLED:
        raise errors.SeriesCancelled
    return series


def coming_occurrences(series: Series) -> list[Occurrence]:
    """Return the occurrences that are planned and have not begun, soonest first.

    Whoever holds the lock of the series may rely on them.
    """
    return _coming(series)


def times_of(series: Series, day: date) -> tuple[datetime, datetime]:
    """Return when the occurrence of ``day`` begins and ends, if it is not moved."""
    return local_times(series.community, day, series.from_time, series.until_time)


def local_times(
    community: Community, day: date, from_time: time, until_time: time
) -> tuple[datetime, datetime]:
    """Return the moments of two times of ``day`` by the community's clock.

    What ends no later than it begins ends on the next day. A time that the clocks jump over is read
    by the offset before the jump (RFC 5545, section 3.3.5), and so the end is set by the length
    where the end would come before the beginning.
    """
    begin, end = datetime.combine(day, from_time), datetime.combine(day, until_time)
    if end <= begin:
        end += A_DAY
    starts_at, ends_at = (
        local.replace(tzinfo=community.clock).astimezone(UTC) for local in (begin, end)
    )
    return starts_at, ends_at if ends_at > starts_at else starts_at + (end - begin)


def _make_ahead(series: Series, until: date | None = None) -> tuple[list[Occurrence], Series]:
    # Lock before looking: two who make occurrences must queue here.
    series = series.locked("community", "estate", "venue")
    if series.status == Status.CANCELLED:
        return [], series
    since = series.starts_on if series.made_until is None else series.made_until + A_DAY
    made = []
    for day in _days_to_make(series, since, until):
        starts_at, ends_at = times_of(series, day)
        if series.venue is None or venues.is_open(series.venue, starts_at, ends_at):
            made.append(
                Occurrence(
                    community_id=series.community_id,
                    series=series,
                    day=day,
                    starts_at=starts_at,
                    ends_at=ends_at,
                )
            )
    Occurrence.objects.bulk_create(made)
    for occurrence in made:
        for planner in PLANNERS:
            planner.plan(occurrence)
    last = _last_day(series, until)
    if series.made_until is None or series.made_until < last:
        series.save_with(made_until=last)
    return made, series


def _days_to_make(series: Series, since: date, until: date | None = None) -> list[date]:
    last = min(filter(None, [_last_day(series, until), series.ends_on]))
    return list(days_of(series.rule, series.starts_on, since, last))


def _last_day(series: Series, until: date | None) -> date:
    return until or max(series.community.today, series.starts_on) + settings.SERIES_AHEAD


def _coming(series: Series, *, has_begun: bool = False) -> list[Occurrence]:
    now = timezone.now()
    coming = series.occurrences.filter(status=Status.PLANNED, ends_at__gt=now).order_by("starts_at")
    found = list(coming if has_begun else coming.filter(starts_at__gt=now))
    for occurrence in found:
        occurrence.series, occurrence.community = series, series.community
    return found


def _locked(occurrence: Occurrence) -> Occurrence:
    """Lock the occurrence's series, then it, and return it."""
    series = occurrence.series.locked("community", "estate", "venue")
    occurrence = occurrence.locked()
    occurrence.series, occurrence.community = series, series.community
    return occurrence


def _move(occurrence: Occurrence, starts_at: datetime, ends_at: datetime, by: User) -> None:
    was = occurrence.starts_at
    before = trail.facts_of(occurrence, "starts_at", "ends_at")
    occurrence.save_with(starts_at=starts_at, ends_at=ends_at)
    after = trail.facts_of(occurrence, "starts_at", "ends_at")
    trail.record("occurrence.move", actor=by, target=occurrence, before=before, after=after)
    for planner in PLANNERS:
        planner.moved(occurrence, was, by)


def _cancel(occurrence: Occurrence, by: User, reason: str) -> None:
    occurrence.save_with(status=Status.CANCELLED, reason=reason, cancelled_at=timezone.now())
    trail.record("occurrence.cancel", actor=by, target=occurrence)
    for planner in PLANNERS:
        planner.cancelled(occurrence, by, reason)
