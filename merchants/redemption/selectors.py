"""Reads about vouchers, and what counters scanned."""

from dataclasses import dataclass

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_of, communities_where
from merchants.catalogue.models import Fair, Offer
from merchants.partners.models.merchants import Device, Merchant
from merchants.partners.models.partnerships import Partnership
from merchants.partners.selectors import accepted, merchants_of, merchants_owned_by
from merchants.redemption.models import PayCode, Redemption, Refund, ScanAttempt


def redemptions_of(user: User) -> QuerySet[Redemption]:
    """Return what ``user`` took, newest first."""
    return with_offer(Redemption.objects.filter(volunteer=user))


def redemptions_at(merchant: Merchant) -> QuerySet[Redemption]:
    """Return what was redeemed there, newest first; vouchers are nobody else's business."""
    return with_offer(
        Redemption.objects.filter(partnership__merchant=merchant, status=Redemption.Status.REDEEMED)
    ).select_related("redeemed_by")


def redemptions_in(community: Community) -> QuerySet[Redemption]:
    """Return what was redeemed there, newest first, for who watches over it.

    With ``device_time`` and ``clock_mark`` of the scan, if it was told later by a device.
    """
    return _with_scan(Redemption.objects.filter(community=community))


def _with_scan(redemptions: QuerySet[Redemption]) -> QuerySet[Redemption]:
    scanned = ScanAttempt.objects.filter(
        community=OuterRef("community"), redemption=OuterRef("pk"), outcome="redeemed"
    )
    return (
        with_offer(redemptions.filter(status=Redemption.Status.REDEEMED))
        .select_related("redeemed_by")
        .annotate(
            device_time=Subquery(scanned.values("device_time")[:1]),
            clock_mark=Coalesce(Subquery(scanned.values("clock_mark")[:1]), Value("")),
        )
    )


def refused_scans_in(community: Community) -> QuerySet[ScanAttempt]:
    """Return what counters there tried in vain, newest first."""
    return (
        ScanAttempt.objects.filter(community=community)
        .exclude(outcome="redeemed")
        .select_related("clerk", "device", "redemption")
        .order_by("-id")
    )


def redemptions_seen_by(user: User) -> QuerySet[Redemption]:
    """Return what was redeemed where ``user`` is staff or auditor, as ``redemptions_in`` does."""
    return _with_scan(
        Redemption.objects.filter(community__in=communities_where(user, WATCHES_OVER))
    )


def redemptions_refunded_by(user: User) -> QuerySet[Redemption]:
    """Return what was redeemed where ``user`` works, or is staff, newest first."""
    return with_offer(
        Redemption.objects.filter(
            Q(community__in=communities_where(user, HANDLES))
            | Q(partnership__merchant__in=merchants_of(user).order_by().values("pk")),
            status=Redemption.Status.REDEEMED,
        )
    )


def shops_owned_by(user: User) -> QuerySet[Partnership]:
    """Return the partnerships of the merchants that ``user`` owns, newest first."""
    mine = merchants_owned_by(user).order_by().values("pk")
    return (
        Partnership.objects.filter(merchant__in=mine)
        .select_related("merchant", "community")
        .prefetch_related("terms__agreed_by")
        .order_by("-id")
    )


def with_offer(redemptions: QuerySet[Redemption]) -> QuerySet[Redemption]:
    return redemptions.select_related("offer", "partnership", "volunteer").order_by("-id")


def refunds_of(redemption: Redemption) -> QuerySet[Refund]:
    """Return all refunds of a redemption."""
    return Refund.objects.filter(community=redemption.community_id, redemption=redemption)


def devices_of(merchant: Merchant) -> QuerySet[Device]:
    """Return the tills and phones of a merchant, newest first, also those that are retired."""
    return Device.objects.filter(merchant=merchant).select_related("merchant").order_by("-id")


def devices_owned_by(user: User) -> QuerySet[Device]:
    """Return the tills and phones of the merchants that ``user`` owns, newest first."""
    mine = merchants_owned_by(user).order_by().values("pk")
    return Device.objects.filter(merchant__in=mine).select_related("merchant").order_by("-id")


def told_by(device: Device) -> QuerySet[ScanAttempt]:
    """Return what the device scanned without signal."""
    return offline_scans_at(device.merchant).filter(device=device)


def offline_scans_at(merchant: Merchant) -> QuerySet[ScanAttempt]:
    """Return what the merchant's devices scanned without signal and told later, newest first."""
    return (
        ScanAttempt.objects.filter(
            community__in=accepted(merchant.pk).values("community"),
            merchant=merchant,
            device__isnull=False,
        )
        .select_related("device")
        .order_by("-id")
    )


def taken_by_another(attempt: ScanAttempt) -> ScanAttempt | None:
    """Return the scan that redeemed the voucher before ``attempt`` was made, if any."""
    return (
        ScanAttempt.objects.filter(
            community_id=attempt.community_id,
            merchant_id=attempt.merchant_id,
            redemption_id=attempt.redemption_id,
            outcome="redeemed",
        )
        .exclude(pk=attempt.pk)
        .select_related("device")
        .first()
        if attempt.redemption_id
        else None
    )


def pay_codes_of(user: User) -> QuerySet[PayCode]:
    """Return the codes that the phone of ``user`` shows or showed where they volunteer."""
    return PayCode.objects.filter(community__in=communities_of(user), volunteer=user)


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


def taken_at(fair: Fair) -> tuple[list[Taken], Taken]:
    """Return a row for every stall, by the merchant's name, and what they come to together.

    A clerk scans there as in the shop, so nothing is chosen at the counter: what a merchant redeems
    while a fair runs at which it has a stall counts as redeemed there. Nothing was redeemed at a
    cancelled fair.
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


def pieces_held(offer: Offer) -> int:
    """Return how many pieces of ``offer`` volunteers hold: any may still come back."""
    held = Redemption.objects.filter(
        community_id=offer.community_id, offer=offer, status=Redemption.Status.HELD
    )
    return held.aggregate(pieces=Sum("quantity"))["pieces"] or 0
