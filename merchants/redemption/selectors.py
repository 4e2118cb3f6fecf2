"""Reads about vouchers, and what counters scanned."""

from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, communities_of, communities_where
from merchants.partners.models.merchants import Device, Merchant
from merchants.partners.selectors import accepted
from merchants.redemption.models.pay_codes import PayCode
from merchants.redemption.models.redemptions import Redemption, ScanAttempt


def redemptions_of(user: User) -> QuerySet[Redemption]:
    """What ``user`` took, newest first."""
    return with_offer(Redemption.objects.filter(volunteer=user))


def redemptions_at(merchant: Merchant) -> QuerySet[Redemption]:
    """What was redeemed there, newest first; vouchers not yet scanned are nobody's business."""
    return with_offer(
        Redemption.objects.filter(partnership__merchant=merchant, status=Redemption.Status.REDEEMED)
    ).select_related("redeemed_by")


def redemptions_in(community: Community) -> QuerySet[Redemption]:
    """What was redeemed there, newest first, for who watches over it.

    With ``device_time`` and ``clock_mark`` of the scan, if it was told later by a device.
    """
    scanned = ScanAttempt.objects.filter(
        community=community, redemption=OuterRef("pk"), outcome="redeemed"
    )
    return (
        with_offer(
            Redemption.objects.filter(community=community, status=Redemption.Status.REDEEMED)
        )
        .select_related("redeemed_by")
        .annotate(
            device_time=Subquery(scanned.values("device_time")[:1]),
            clock_mark=Coalesce(Subquery(scanned.values("clock_mark")[:1]), Value("")),
        )
    )


def refused_scans_in(community: Community) -> QuerySet[ScanAttempt]:
    """What counters there tried in vain, newest first."""
    return (
        ScanAttempt.objects.filter(community=community)
        .exclude(outcome="redeemed")
        .select_related("clerk", "device", "redemption")
        .order_by("-id")
    )


def redemptions_handled_by(user: User) -> QuerySet[Redemption]:
    """What was redeemed where ``user`` is staff, newest first: they may refund it."""
    return with_offer(
        Redemption.objects.filter(
            community__in=communities_where(user, HANDLES), status=Redemption.Status.REDEEMED
        )
    )


def with_offer(redemptions: QuerySet[Redemption]) -> QuerySet[Redemption]:
    return redemptions.select_related("offer", "partnership", "volunteer").order_by("-id")


def devices_of(merchant: Merchant) -> QuerySet[Device]:
    """Its tills and phones, newest first, also those that are retired."""
    return (
        Device.objects.filter(merchant=merchant)
        .select_related("registered_by", "merchant")
        .order_by("-id")
    )


def told_by(device: Device) -> QuerySet[ScanAttempt]:
    """What it scanned without signal."""
    return offline_scans_at(device.merchant).filter(device=device)


def offline_scans_at(merchant: Merchant) -> QuerySet[ScanAttempt]:
    """What its devices scanned without signal and told later, newest first."""
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
    """The scan that redeemed the voucher, where ``attempt`` came too late for it."""
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
    """What the phone of ``user`` shows or showed where they volunteer."""
    return PayCode.objects.filter(community__in=communities_of(user), volunteer=user)
