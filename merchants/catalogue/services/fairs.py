"""Redemption fairs: announced by staff, and counted afterwards.

A clerk scans there as in the shop, so nothing is chosen at the counter and nothing slows a scan:
what a merchant redeems while a fair runs at which it has a stall counts as redeemed there.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from merchants.catalogue import errors
from merchants.catalogue.models.fairs import Fair, FairStall
from merchants.partners.errors import PartnerNotActive
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import sides
from merchants.redemption.models.redemptions import Redemption, Refund, ScanAttempt

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
    """A fair of that community's partners. A merchant is at one fair at a time.

    Raises FairNotInOrder (ends before it starts, or lasts longer than a week), FairOver,
    OwnMerchant, PartnerNotActive, FairsOverlap.
    """
    if not timedelta() < ends_at - starts_at <= LASTS_AT_MOST:
        raise errors.FairNotInOrder
    if ends_at <= timezone.now():
        raise errors.FairOver
    # In one order, so that two who announce the same merchants queue.
    locked = Partnership.objects.select_for_update(no_key=True).order_by("pk")
    there = list(locked.filter(pk__in=[one.pk for one in partnerships]))
    for one in there:
        sides.refuse_own(by, one)
    if any(one.state != Partnership.State.ACTIVE for one in there):
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
    trail.record(
        "fair.announce",
        actor=by,
        community=community,
        target=fair,
        after={"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()},
    )
    return fair


@transaction.atomic
def cancel(*, fair: Fair, by: User) -> Fair:
    """Cancel the fair. Idempotent: keeps the first time. Raises OwnMerchant, FairOver."""
    fair = (
        Fair.objects.select_for_update(no_key=True, of=("self",))
        .select_related("community")
        .get(pk=fair.pk)
    )
    for partnership in fair.partners.all():
        sides.refuse_own(by, partnership)
    if fair.cancelled_at is None:
        now = timezone.now()
        if fair.ends_at <= now:
            raise errors.FairOver
        fair.cancelled_at, fair.cancelled_by = now, by
        fair.save(update_fields=["cancelled_at", "cancelled_by"])
        trail.record("fair.cancel", actor=by, community=fair.community, target=fair)
    return fair


@dataclass(frozen=True)
class Taken:
    """What was redeemed at a stall, or at all of them: ``partnership`` is ``None``.

    Refunds are taken off ``points`` and ``amount_fen``, whenever they were; ``volunteers`` are
    how many people came.
    """

    partnership: Partnership | None
    redemptions_count: int
    refunds_count: int
    volunteers: int
    points: int
    amount_fen: int


def report(fair: Fair) -> tuple[list[Taken], Taken]:
    """A row for every stall, by the merchant's name, and what they come to together.

    Of a cancelled fair, nothing was redeemed there.
    """
    stalls = [
        stall.partnership
        for stall in fair.stalls.filter(community_id=fair.community_id)
        .select_related("partnership")
        .order_by("partnership__name")
    ]
    # Without signal it was redeemed when the device says, as far as that can be believed, and told
    # later.
    scanned = ScanAttempt.objects.filter(
        community_id=fair.community_id, redemption=OuterRef("pk"), outcome="redeemed"
    )
    redeemed = Redemption.objects.filter(
        community_id=fair.community_id,
        partnership__in=stalls,
        status=Redemption.Status.REDEEMED,
        closed_at__gte=fair.starts_at,
    ).annotate(at=Coalesce(Subquery(scanned.values("counts_at")[:1]), "closed_at"))
    redeemed = redeemed.filter(at__gte=fair.starts_at, at__lt=fair.ends_at)
    if fair.cancelled_at is not None:
        redeemed = redeemed.none()
    given_back = Refund.objects.filter(
        community_id=fair.community_id, redemption__in=redeemed
    ).order_by()

    def taken(partnership: Partnership | None) -> Taken:
        whose = Q(partnership=partnership) if partnership else Q()
        plus = redeemed.filter(whose).aggregate(
            count=Count("pk"),
            volunteers=Count("volunteer", distinct=True),
            points=Coalesce(Sum("price_points"), 0),
            fen=Coalesce(Sum("amount_fen"), 0),
        )
        minus = given_back.filter(whose).aggregate(
            count=Count("pk"),
            points=Coalesce(Sum("points"), 0),
            fen=Coalesce(Sum("amount_fen"), 0),
        )
        return Taken(
            partnership=partnership,
            redemptions_count=plus["count"],
            refunds_count=minus["count"],
            volunteers=plus["volunteers"],
            points=plus["points"] - minus["points"],
            amount_fen=plus["fen"] - minus["fen"],
        )

    return [taken(partnership) for partnership in stalls], taken(None)
