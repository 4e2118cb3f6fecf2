"""Venues: made, changed, closed for good, and asked whether they are open."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.events import errors
from backend.events.models import Venue
from backend.names import of_thing

A_DAY = timedelta(days=1)


@transaction.atomic
def make(*, place: Community, by: User | None, name: str, **facts: Any) -> Venue:
    """Make a venue of a community or an estate. Raises VenueNameTaken, OpeningHoursInvalid."""
    _check_hours(facts.get("opening_hours", []))
    venue = Venue(**place.whose, name=name, **facts)
    _check_name(venue)
    venue.save(force_insert=True)
    trail.record("venue.make", actor=by, target=venue)
    return venue


@transaction.atomic
def change(*, venue: Venue, by: User, changes: dict[str, Any]) -> Venue:
    """Change a venue; what is planned there stays as it is. Idempotent.

    Raises VenueNameTaken, OpeningHoursInvalid.
    """
    venue = venue.locked("community", "estate")
    _check_hours(changes.get("opening_hours", []))
    differing = {name: new for name, new in changes.items() if getattr(venue, name) != new}
    if not differing:
        return venue
    if "name" in differing:
        venue.name = differing["name"]
        _check_name(venue)
        differing["name_compared"] = ""  # made on saving
    venue.save_with(**differing)
    trail.record("venue.change", actor=by, target=venue, after={"changed": sorted(changes)})
    return venue


@transaction.atomic
def close(*, venue: Venue, by: User) -> Venue:
    """Plan nothing new at the venue from now on. Idempotent: keeps the first ``closed_at``."""
    venue = venue.locked("community", "estate")
    if venue.closed_at is None:
        venue.save_with(closed_at=timezone.now())
        trail.record("venue.close", actor=by, target=venue)
    return venue


def venue_of(community_id: UUID, venue_id: UUID | None) -> Venue | None:
    """Return the community's venue with this id, for something that is planned there.

    ``None`` for no venue. Raises VenueUnknown, VenueNotUsed.
    """
    if venue_id is None:
        return None
    venue = (
        Venue.objects.select_related("community")
        .filter(community=community_id, pk=venue_id)
        .first()
    )
    if venue is None:
        raise errors.VenueUnknown
    if venue.closed_at is not None:
        raise errors.VenueNotUsed
    return venue


def check_open(venue: Venue | None, starts_at: datetime, ends_at: datetime) -> None:
    """Raise VenueClosed unless ``venue`` is open from ``starts_at`` to ``ends_at``."""
    if venue is not None and not is_open(venue, starts_at, ends_at):
        raise errors.VenueClosed


def is_open(venue: Venue, starts_at: datetime, ends_at: datetime) -> bool:
    """Tell whether the venue is open all the time, by its community's clock."""
    if not venue.opening_hours:
        return True
    clock = venue.community.clock
    begin, end = (moment.astimezone(clock).replace(tzinfo=None) for moment in (starts_at, ends_at))
    covered = begin
    for opens, closes in _open_hours(venue, begin, end):
        if opens <= covered:
            covered = max(covered, closes)
    return covered >= end


def _open_hours(
    venue: Venue, begin: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield from when to when the venue is open on the local days from ``begin`` to ``end``."""
    midnight = datetime.combine(begin.date(), time())
    while midnight < end:
        for hours in sorted(venue.opening_hours, key=lambda hours: str(hours["from_time"])):
            if hours["weekday"] == midnight.isoweekday():
                yield midnight + _since_midnight(hours["from_time"]), midnight + _until(hours)
        midnight += A_DAY


def _check_hours(opening_hours: list[dict[str, Any]]) -> None:
    if any(_since_midnight(hours["from_time"]) >= _until(hours) for hours in opening_hours):
        raise errors.OpeningHoursInvalid


def _until(hours: dict[str, Any]) -> timedelta:
    return _since_midnight(hours["until_time"]) or A_DAY


def _since_midnight(text: str) -> timedelta:
    told = time.fromisoformat(text)
    return timedelta(hours=told.hour, minutes=told.minute)


def _check_name(venue: Venue) -> None:
    same = Venue.objects.filter(community=venue.community_id, name_compared=of_thing(venue.name))
    if same.exclude(pk=venue.pk).exists():
        raise errors.VenueNameTaken
