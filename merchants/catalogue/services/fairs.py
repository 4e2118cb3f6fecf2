"""Redemption fairs, announced, moved and cancelled by staff, or made for a series' occurrences.

merchants/redemption counts what is redeemed there.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.events.models import Occurrence, Series, Status
from backend.events.planners import Planner
from backend.events.services import series as events
from backend.events.services import venues
from backend.ids import new_id
from backend.notices import services as notices
from merchants.catalogue import errors
from merchants.catalogue.models import Fair, FairStall, SeriesStall
from merchants.partners.errors import PartnerNotActive
from merchants.partners.models.partnerships import Partnership
from merchants.partners.selectors import owners_of, worked_at
from merchants.partners.services import sides

LASTS_AT_MOST = timedelta(days=7)


# --- one by one -------------------------------------------------------------------------------
@transaction.atomic
def announce(
    *,
    community: Community,
    title: str,
    starts_at: datetime,
    ends_at: datetime,
    partnerships: Collection[Partnership],
    by: User,
    place: str = "",
    venue_id: UUID | None = None,
) -> Fair:
    """Announce a fair of the community's partners. A merchant can be at one fair at a time.

    Their owners are reminded before it begins. Raises FairNotInOrder if it ends before it starts or
    lasts longer than a week, FairOver, OwnMerchant, PartnerNotActive, FairsOverlap, VenueUnknown,
    VenueNotUsed, VenueClosed.
    """
    _check_times(starts_at, ends_at)
    venue = venues.venue_of(community.pk, venue_id)
    venues.check_open(venue, starts_at, ends_at)
    there = _lock(community.pk, [one.pk for one in partnerships])
    for one in there:
        sides.refuse_own(by, one)
    if any(one.status != Partnership.Status.ACTIVE for one in there):
        raise PartnerNotActive
    _refuse_overlap(there, starts_at, ends_at)
    fair = Fair.objects.create(
        community=community,
        title=title,
        venue=venue,
        place=place,
        starts_at=starts_at,
        ends_at=ends_at,
        announced_by=by,
    )
    _add_stalls(fair, there)
    times = {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}
    trail.record("fair.announce", actor=by, target=fair, after=times)
    return fair


@transaction.atomic
def change(*, fair: Fair, by: User, changes: dict[str, Any]) -> Fair:
    """Move a fair that has not begun to other times, or another venue or place. Idempotent.

    Owners of the merchants there are told, and reminded by the new times. Raises OwnMerchant,
    FairCancelled, FairBegun, FairNotInOrder, FairOver, FairsOverlap, VenueUnknown, VenueNotUsed,
    VenueClosed.
    """
    there = _lock(fair.community_id, list(fair.stalls.values_list("partnership", flat=True)))
    fair = fair.locked("community", "venue")
    stalls = _stalls_of(fair)
    for one in there:
        sides.refuse_own(by, one)
    if fair.status == Status.CANCELLED:
        raise errors.FairCancelled
    differing = {name: new for name, new in changes.items() if getattr(fair, name) != new}
    if not differing:
        return fair
    if fair.starts_at <= timezone.now():
        raise errors.FairBegun
    starts_at, ends_at = (
        changes.get(name, getattr(fair, name)) for name in ("starts_at", "ends_at")
    )
    _check_times(starts_at, ends_at)
    if "venue_id" in differing:
        venues.venue_of(fair.community_id, differing["venue_id"])
    before = trail.facts_of(fair, *(differing.keys() - {"venue_id"}))
    fair.save_with(**differing)
    venues.check_open(fair.venue, starts_at, ends_at)
    _refuse_overlap(there, starts_at, ends_at, but=fair)
    after = trail.facts_of(fair, *before)
    trail.record("fair.change", actor=by, target=fair, before=before, after=after)
    _do_not_remind(fair, stalls)
    _remind(fair, stalls)
    for stall, owner in _owners(stalls):
        _tell("fair_moved", fair, stall, owner, f"fair-moved:{new_id()}")  # each move is told
    return fair


@transaction.atomic
def cancel(*, fair: Fair, by: User, reason: str) -> Fair:
    """Cancel the fair, and tell the owners of the merchants there. Idempotent: keeps the first.

    Raises OwnMerchant, FairOver.
    """
    fair = fair.locked("community", "venue")
    stalls = _stalls_of(fair)
    for stall in stalls:
        sides.refuse_own(by, stall.partnership)
    if fair.status == Status.CANCELLED:
        return fair
    now = timezone.now()
    if fair.ends_at <= now:
        raise errors.FairOver
    fair.save_with(status=Status.CANCELLED, reason=reason, cancelled_at=now, cancelled_by=by)
    trail.record("fair.cancel", actor=by, target=fair)
    _do_not_remind(fair, stalls)
    for stall, owner in _owners(stalls):
        key = f"fair_cancelled:{stall.pk}:{owner.pk}"
        _tell("fair_cancelled", fair, stall, owner, key, reason=reason)
    return fair


# --- of a series ------------------------------------------------------------------------------
@transaction.atomic
def set_stalls(*, series: Series, partnerships: Collection[Partnership], by: User) -> Series:
    """Set which merchants have a stall at each occurrence of a series. Idempotent.

    Occurrences to come get their fairs, and fairs announced already the stalls that are new; a
    merchant who is left out keeps its stall at those. Raises SeriesCancelled, OwnMerchant.
    """
    locked = events.series_of(series.community_id, series.pk)
    assert locked is not None
    whose = {"community": series.community_id, "series": locked}
    before = SeriesStall.objects.filter(**whose).select_related("partnership")
    for one in {*partnerships, *(stall.partnership for stall in before)}:
        sides.refuse_own(by, one)
    SeriesStall.objects.filter(**whose).delete()
    SeriesStall.objects.bulk_create(
        SeriesStall(community=locked.community, series=locked, partnership=one, placed_by=by)
        for one in partnerships
    )
    trail.record("series.set_stalls", actor=by, target=locked, after={"stalls": len(partnerships)})
    for occurrence in events.coming_occurrences(locked):
        plan(occurrence)
    return locked


def plan(occurrence: Occurrence) -> None:
    """Announce the fair of an occurrence, or add what stalls it lacks. Idempotent.

    Leaves out merchants that are no active partners, are at another fair then, or for whom whoever
    set the stalls works by now.
    """
    series = occurrence.series
    stalls = {
        stall.partnership_id: stall
        for stall in SeriesStall.objects.filter(
            community=occurrence.community_id, series=series
        ).select_related("placed_by")
    }
    there = _lock(occurrence.community_id, list(stalls))
    fair = (
        Fair.objects.filter(community=occurrence.community_id, occurrence=occurrence)
        .select_related("community", "venue")
        .first()
    )
    if fair is not None and fair.status == Status.CANCELLED:
        return
    times = occurrence.starts_at, occurrence.ends_at
    busy = set(_stalls_then(there, *times).values_list("partnership", flat=True))
    able = [
        one
        for one in there
        if one.status == Partnership.Status.ACTIVE
        and one.pk not in busy
        and not worked_at(stalls[one.pk].placed_by, one)
    ]
    if not able:
        return
    if fair is None:
        fair = Fair.objects.create(
            community_id=occurrence.community_id,
            occurrence=occurrence,
            title=series.title[:60],
            venue=series.venue,
            starts_at=occurrence.starts_at,
            ends_at=occurrence.ends_at,
            announced_by=stalls[able[0].pk].placed_by,
        )
    _add_stalls(fair, able)


def follow(series: Series, was: Series, by: User) -> None:
    """Move the coming fairs of a series from its venue to its new one."""
    if series.venue_id == was.venue_id:
        return
    for occurrence in events.coming_occurrences(series):
        if (fair := _fair_of(occurrence)) and fair.venue_id == was.venue_id:
            change(fair=fair, by=by, changes={"venue_id": series.venue_id})


def _move(occurrence: Occurrence, was: datetime, by: User) -> None:
    if fair := _fair_of(occurrence):
        times = {"starts_at": occurrence.starts_at, "ends_at": occurrence.ends_at}
        change(fair=fair, by=by, changes=times)


def _cancel(occurrence: Occurrence, by: User, reason: str) -> None:
    if fair := _fair_of(occurrence):
        cancel(fair=fair, by=by, reason=reason)


def _fair_of(occurrence: Occurrence) -> Fair | None:
    fairs = Fair.objects.filter(community=occurrence.community_id, occurrence=occurrence)
    return fairs.filter(status=Status.PLANNED, ends_at__gt=timezone.now()).first()


PLANNER = Planner(plan=plan, moved=_move, cancelled=_cancel, changed=follow)


# --- both -------------------------------------------------------------------------------------
def _check_times(starts_at: datetime, ends_at: datetime) -> None:
    if not timedelta() < ends_at - starts_at <= LASTS_AT_MOST:
        raise errors.FairNotInOrder
    if ends_at <= timezone.now():
        raise errors.FairOver


def _lock(community_id: UUID, ids: list[UUID]) -> list[Partnership]:
    """Lock partnerships in order of id, so that two who plan fairs of the same merchants queue."""
    locked = Partnership.objects.select_for_update(no_key=True).order_by("pk")
    return list(locked.filter(community=community_id, pk__in=ids))


def _stalls_then(
    partnerships: list[Partnership], starts_at: datetime, ends_at: datetime
) -> QuerySet[FairStall]:
    return FairStall.objects.filter(
        community__in={one.community_id for one in partnerships},
        partnership__in=partnerships,
        fair__status=Status.PLANNED,
        fair__starts_at__lt=ends_at,
        fair__ends_at__gt=starts_at,
    )


def _refuse_overlap(
    there: list[Partnership], starts_at: datetime, ends_at: datetime, but: Fair | None = None
) -> None:
    elsewhere = _stalls_then(there, starts_at, ends_at)
    if but is not None:
        elsewhere = elsewhere.exclude(fair=but)
    if names := sorted(set(elsewhere.values_list("partnership__name", flat=True))):
        raise errors.FairsOverlap(merchants=names)


def _add_stalls(fair: Fair, partnerships: list[Partnership]) -> None:
    stalls = [
        FairStall(community_id=fair.community_id, fair=fair, partnership=one)
        for one in partnerships
    ]
    FairStall.objects.bulk_create(stalls)
    _remind(fair, stalls)


def _stalls_of(fair: Fair) -> list[FairStall]:
    stalls = fair.stalls.filter(community_id=fair.community_id)
    return list(stalls.select_related("partnership").order_by("pk"))


def _owners(stalls: list[FairStall]) -> Iterator[tuple[FairStall, User]]:
    """Yield each stall with each of its merchant's owners, who are told of it."""
    for stall in stalls:
        for member in owners_of(stall.partnership.merchant_id).select_related("user"):
            yield stall, member.user


def _remind(fair: Fair, stalls: list[FairStall]) -> None:
    """Owe the owners a reminder of the fair as it is planned now.

    The key names the beginning, so a fair that moves after it was told of is told of anew.
    """
    if fair.starts_at <= timezone.now():
        return
    due_at = fair.starts_at - settings.REMINDER_LEAD
    for stall, owner in _owners(stalls):
        notices.owe(
            community=fair.community,
            key=f"fair_reminder:{stall.pk}:{owner.pk}:{fair.starts_at.timestamp():.0f}",
            recipient=owner,
            kind="fair_reminder",
            facts=_facts(fair, stall),
            target_id=fair.pk,
            due_at=due_at,
            stale_at=fair.starts_at,
        )


def _do_not_remind(fair: Fair, stalls: list[FairStall]) -> None:
    """Withdraw every reminder of the fair that was not told yet."""
    for stall in stalls:
        notices.withdraw_many(community=fair.community, prefix=f"fair_reminder:{stall.pk}:")


def _tell(kind: str, fair: Fair, stall: FairStall, owner: User, key: str, **more: str) -> None:
    notices.owe(
        community=fair.community,
        key=key,
        recipient=owner,
        kind=kind,
        facts=_facts(fair, stall) | more,
        target_id=fair.pk,
        due_at=timezone.now(),
        stale_at=fair.ends_at,
    )


def _facts(fair: Fair, stall: FairStall) -> dict[str, str]:
    return {
        "fair": fair.title,
        "merchant": stall.partnership.name,
        "place": fair.where or fair.community.name,
        "starts_at": fair.starts_at.isoformat(),
        "timezone": fair.community.timezone,
    }
