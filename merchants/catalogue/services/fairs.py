"""Redemption fairs, announced and cancelled by staff. merchants/redemption counts redemptions."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from merchants.catalogue import errors
from merchants.catalogue.models import Fair, FairStall
from merchants.partners.errors import PartnerNotActive
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import sides

LASTS_AT_MOST = timedelta(days=7)


@transaction.atomic
def announce(
    *,
    community: Community,
    title: str,
    place: str,
    starts_at: datetime,
    ends_at: datetime,
    partnerships: Collection[Partnership],
    by: User,
) -> Fair:
    """Announce a fair of the community's partners. A merchant can be at one fair at a time.

    Raises FairNotInOrder if it ends before it starts or lasts longer than a week, FairOver,
    OwnMerchant, PartnerNotActive, FairsOverlap.
    """
    if not timedelta() < ends_at - starts_at <= LASTS_AT_MOST:
        raise errors.FairNotInOrder
    if ends_at <= timezone.now():
        raise errors.FairOver
    # In order of id, so that two announcements of the same merchants queue.
    locked = Partnership.objects.select_for_update(no_key=True).order_by("pk")
    there = list(locked.filter(community=community, pk__in=[one.pk for one in partnerships]))
    for one in there:
        sides.refuse_own(by, one)
    if any(one.status != Partnership.Status.ACTIVE for one in there):
        raise PartnerNotActive
    elsewhere = FairStall.objects.filter(
        community=community,
        partnership__in=there,
        fair__cancelled_at__isnull=True,
        fair__starts_at__lt=ends_at,
        fair__ends_at__gt=starts_at,
    )
    if names := sorted(set(elsewhere.values_list("partnership__name", flat=True))):
        raise errors.FairsOverlap(merchants=names)
    fair = Fair.objects.create(
        community=community,
        title=title,
        place=place,
        starts_at=starts_at,
        ends_at=ends_at,
        announced_by=by,
    )
    FairStall.objects.bulk_create(
        FairStall(community=community, fair=fair, partnership=one) for one in there
    )
    times = {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}
    trail.record("fair.announce", actor=by, target=fair, after=times)
    return fair


@transaction.atomic
def cancel(*, fair: Fair, by: User) -> Fair:
    """Cancel the fair. Idempotent: keeps the first time. Raises OwnMerchant, FairOver."""
    fair = fair.locked("community")
    for stall in fair.stalls.select_related("partnership"):
        sides.refuse_own(by, stall.partnership)
    if fair.cancelled_at is None:
        now = timezone.now()
        if fair.ends_at <= now:
            raise errors.FairOver
        fair.save_with(cancelled_at=now, cancelled_by=by)
        trail.record("fair.cancel", actor=by, target=fair)
    return fair
