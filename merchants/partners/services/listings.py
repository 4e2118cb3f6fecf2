"""The two lists of a partner 「服务清单」「资源清单」, and the activities matched to them.

Staff match an activity to what a merchant needs. The hours verified in it are services that the
merchant received; its statement lists them, and they are never worth money.
"""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.registries import volunteering
from merchants.partners import errors, selectors
from merchants.partners.models.listings import ActivityMatch, Listing
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import sides

OPEN_AT_MOST = 100  # listings of a partner


@transaction.atomic
def add(
    *,
    partnership: Partnership,
    kind: Listing.Kind,
    title: str,
    description: str,
    by: User,
) -> Listing:
    """Add a listing of what the merchant needs or can lend, as its owner or as staff.

    Raises OwnMerchant, PartnerNotAccepted, PartnerEnded, ListFull.
    """
    partnership = partnership.locked("community")
    if not selectors.owns(by, partnership.merchant_id):
        sides.refuse_own(by, partnership)
    sides.refuse_unasked(partnership)
    open_ones = Listing.objects.filter(
        community_id=partnership.community_id, partnership=partnership, closed_at__isnull=True
    )
    if open_ones.count() >= OPEN_AT_MOST:
        raise errors.ListFull(limit=OPEN_AT_MOST)
    listing = Listing.objects.create(
        community=partnership.community,
        partnership=partnership,
        kind=kind,
        title=title,
        description=description,
        added_by=by,
    )
    _record("listing.add", listing, by, kind=kind)
    return listing


@transaction.atomic
def close(*, listing: Listing, by: User) -> Listing:
    """Close a listing, as its owner or as staff. Its matches stay.

    Idempotent: keeps the first ``closed_at``. Raises OwnMerchant.
    """
    listing = listing.locked("partnership", "community")
    if not selectors.owns(by, listing.partnership.merchant_id):
        sides.refuse_own(by, listing.partnership)
    if listing.closed_at is None:
        listing.save_with(closed_at=timezone.now(), closed_by=by)
        _record("listing.close", listing, by)
    return listing


@transaction.atomic
def match(*, listing: Listing, activity_id: UUID, by: User) -> ActivityMatch:
    """Match an activity to a listing. Idempotent: keeps the first match.

    Raises OwnMerchant, ListingClosed, ActivityUnknown if the community has no such activity.
    """
    listing = listing.locked("partnership", "community")
    sides.refuse_own(by, listing.partnership)
    if listing.closed_at is not None:
        raise errors.ListingClosed
    title = volunteering.source().activity_title(
        community_id=listing.community_id, activity_id=activity_id
    )
    if title is None:
        raise errors.ActivityUnknown
    made, is_new = ActivityMatch.objects.get_or_create(
        community=listing.community,
        listing=listing,
        activity_id=activity_id,
        ended_at=None,
        defaults={"matched_by": by, "activity_title": title},
    )
    if is_new:
        _record("listing.match", listing, by, activity=str(activity_id))
    return made


@transaction.atomic
def end_match(*, match: ActivityMatch, by: User) -> ActivityMatch:
    """End a match: hours verified later are on no statement. Idempotent.

    Raises OwnMerchant.
    """
    listing = match.listing.locked("partnership", "community")
    sides.refuse_own(by, listing.partnership)
    match.refresh_from_db()
    if match.ended_at is None:
        match.save_with(ended_at=timezone.now(), ended_by=by)
        _record("listing.end_match", listing, by, activity=str(match.activity_id))
    return match


def _record(action: str, listing: Listing, by: User, **after: Any) -> None:
    trail.record(action, actor=by, target=listing, after=after)
