"""Queries for vouchers and scans at counters; newest first."""

from typing import Any
from uuid import UUID

from django.db.models import Case, Count, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import (
    HANDLES,
    WATCHES_OVER,
    communities_of,
    communities_where,
    known_to,
)
from backend.events.models import Status
from merchants.catalogue.models import Fair, Offer
from merchants.partners.models.merchants import Device, Merchant
from merchants.partners.models.partnerships import Partnership
from merchants.partners.selectors import (
    ACCEPTED,
    communities_with,
    merchants_of,
    merchants_owned_by,
)
from merchants.redemption.models import Card, PayCode, Redemption, Refund, ScanAttempt


def redemptions_of(user: User) -> QuerySet[Redemption]:
    return with_offer(
        Redemption.objects.filter(community__in=known_to(user), volunteer__in=user.record_ids)
    )


def redemptions_at(merchant: Merchant) -> QuerySet[Redemption]:
    """Return the merchant's redemptions; vouchers not redeemed are private."""
    there = Q(community__in=communities_with(merchant.pk))
    return _redeemed(there & Q(partnership__merchant=merchant))


def redemptions_in(community: Community) -> QuerySet[Redemption]:
    """Return the community's redemptions with what a device told of their scans."""
    return _with_scan(_redeemed(Q(community=community)))


def redemptions_seen_by(user: User) -> QuerySet[Redemption]:
    """Return the redemptions ``user`` may read at work, as staff or as auditor; see ``told_to``."""
    there = Q(community__in=communities_where(user, WATCHES_OVER)) | _at_shops_of(user)
    return told_to(_with_scan(_redeemed(there)), user)


def redemptions_watched_by(user: User) -> QuerySet[Redemption]:
    """Return the redemptions ``user`` may read as staff or auditor."""
    return _redeemed(Q(community__in=communities_where(user, WATCHES_OVER)))


def redemptions_refunded_by(user: User) -> QuerySet[Redemption]:
    """Return the redemptions ``user`` may refund, at work or as staff."""
    return _redeemed(Q(community__in=communities_where(user, HANDLES)) | _at_shops_of(user))


def told_to(redemptions: QuerySet[Redemption], user: User) -> QuerySet[Redemption]:
    """Annotate each redemption with its ``reader``: staff (or auditor), owner or clerk."""
    owned = merchants_owned_by(user).order_by().values("pk")
    return redemptions.annotate(
        reader=Case(
            When(community__in=communities_where(user, WATCHES_OVER), then=Value("staff")),
            When(partnership__merchant__in=owned, then=Value("owner")),
            default=Value("clerk"),
        )
    )


def with_offer(redemptions: QuerySet[Redemption]) -> QuerySet[Redemption]:
    return redemptions.select_related("offer", "partnership", "volunteer").order_by("-id")


def _redeemed(there: Q) -> QuerySet[Redemption]:
    redeemed = Redemption.objects.filter(there, status=Redemption.Status.REDEEMED)
    return with_offer(redeemed).select_related("redeemed_by")


def _at_shops_of(user: User) -> Q:
    return Q(partnership__merchant__in=merchants_of(user).order_by().values("pk"))


def _with_scan(redemptions: QuerySet[Redemption]) -> QuerySet[Redemption]:
    """Annotate each redemption with ``device_time`` and ``clock_mark`` of a scan told later."""
    scanned = _scan_of(OuterRef("community"))
    return redemptions.annotate(
        device_time=Subquery(scanned.values("device_time")),
        clock_mark=Coalesce(Subquery(scanned.values("clock_mark")), Value("")),
    )


def _scan_of(community: Any) -> QuerySet[ScanAttempt]:
    """Return a subquery for the scan that redeemed the outer query's redemption."""
    return ScanAttempt.objects.filter(
        community=community, redemption=OuterRef("pk"), outcome="redeemed"
    )[:1]


def refused_scans_in(community: Community) -> QuerySet[ScanAttempt]:
    refused = ScanAttempt.objects.filter(community=community).exclude(outcome="redeemed")
    return refused.select_related("merchant", "clerk", "device", "redemption").order_by("-id")


def refunds_of(redemption: Redemption) -> QuerySet[Refund]:
    return Refund.objects.filter(community=redemption.community_id, redemption=redemption)


def refunds_listed_of(redemption: Redemption) -> QuerySet[Refund]:
    """Return the redemption's refunds as staff read them, newest first."""
    return _refunds(refunds_of(redemption))


def refunds_in(community: Community) -> QuerySet[Refund]:
    """Return the community's refunds as staff read them, newest first."""
    return _refunds(Refund.objects.filter(community=community))


def _refunds(refunds: QuerySet[Refund]) -> QuerySet[Refund]:
    return refunds.select_related("partnership", "redemption__offer", "refunded_by").order_by("-id")


def devices_of(merchant: Merchant) -> QuerySet[Device]:
    """Return the tills and phones of a merchant, retired ones included, newest first."""
    return _devices(Q(merchant=merchant))


def devices_seen_by(user: User) -> QuerySet[Device]:
    return _devices(Q(merchant__in=merchants_of(user).order_by().values("pk")))


def devices_owned_by(user: User) -> QuerySet[Device]:
    return _devices(Q(merchant__in=merchants_owned_by(user).order_by().values("pk")))


def _devices(whose: Q) -> QuerySet[Device]:
    return Device.objects.filter(whose).select_related("merchant").order_by("-id")


def is_pay_code(merchant_id: UUID, code: str) -> bool:
    """Tell whether ``code`` is, or was in the last hour, a pay code of the shop's communities."""
    there = communities_with(merchant_id, **ACCEPTED)
    digest = PayCode.digest_of(code)
    return PayCode.objects.filter(community__in=there, code_digest=digest).exists()


def offline_scans_at(merchant: Merchant) -> QuerySet[ScanAttempt]:
    """Return the scans without signal that the merchant's devices uploaded later."""
    scans = ScanAttempt.objects.filter(
        community__in=communities_with(merchant.pk), merchant=merchant
    )
    return scans.filter(device__isnull=False).select_related("device").order_by("-id")


def taken_by_another(attempt: ScanAttempt) -> ScanAttempt | None:
    """Return the scan that redeemed the voucher of ``attempt``, unless it is the attempt itself."""
    if attempt.redemption_id is None:
        return None
    same = ScanAttempt.objects.filter(
        community_id=attempt.community_id,
        merchant_id=attempt.merchant_id,
        redemption_id=attempt.redemption_id,
        outcome="redeemed",
    )
    return same.exclude(pk=attempt.pk).select_related("device").first()


def pay_codes_of(user: User) -> QuerySet[PayCode]:
    """Return the pay codes of ``user`` in the communities where they volunteer."""
    return PayCode.objects.filter(community__in=communities_of(user), volunteer=user)


def cards_in(community: Community) -> QuerySet[Card]:
    """Return the community's cards, blocked ones included, newest first."""
    return _cards(Q(community=community))


def cards_seen_by(user: User) -> QuerySet[Card]:
    """Return the cards that ``user`` may read as staff or auditor."""
    return _cards(Q(community__in=communities_where(user, WATCHES_OVER)))


def cards_blocked_by(user: User) -> QuerySet[Card]:
    """Return the cards that ``user`` may block, as staff."""
    return _cards(Q(community__in=communities_where(user, HANDLES)))


def cards_of(user: User) -> QuerySet[Card]:
    """Return the cards of ``user`` where they are or were a volunteer."""
    return _cards(Q(community__in=known_to(user), volunteer__in=user.record_ids))


def _cards(whose: Q) -> QuerySet[Card]:
    rows = Card.objects.filter(whose).order_by("-id")
    return rows.select_related("community", "volunteer", "issued_by", "blocked_by")


def card_with(code: str, merchant_id: UUID) -> Card | None:
    """Return the card with that code, as made, of a community of the merchant's."""
    there = communities_with(merchant_id, **ACCEPTED)
    return Card.objects.filter(community__in=there, code=code).first()


def taken_at(fair: Fair) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a row of totals for every stall, by the merchant's name, and one for all together.

    A row has its ``partnership`` (``None`` for all) and the number of ``volunteers``; refunds are
    deducted from ``points`` and ``amount_fen``, whenever they were made. Clerks scan at a fair as
    in the shop and choose nothing: all redemptions of a merchant with a stall count while the fair
    runs. A cancelled fair has none.
    """
    stalls = [
        stall.partnership
        for stall in fair.stalls.filter(community_id=fair.community_id)
        .select_related("partnership")
        .order_by("partnership__name")
    ]
    # A scan without signal counts for the device's time, as far as it is believed, and was uploaded
    # later.
    redeemed = Redemption.objects.filter(
        community_id=fair.community_id,
        partnership__in=stalls,
        status=Redemption.Status.REDEEMED,
        closed_at__gte=fair.starts_at,
    ).annotate(at=Coalesce(Subquery(_scan_of(fair.community_id).values("counts_at")), "closed_at"))
    redeemed = redeemed.filter(at__gte=fair.starts_at, at__lt=fair.ends_at)
    if fair.status == Status.CANCELLED:
        redeemed = redeemed.none()
    given_back = Refund.objects.filter(
        community_id=fair.community_id, redemption__in=redeemed
    ).order_by()

    def taken(partnership: Partnership | None) -> dict[str, Any]:
        whose = Q(partnership=partnership) if partnership else Q()
        plus = redeemed.filter(whose).aggregate(
            redemptions_count=Count("pk"),
            volunteers=Count("volunteer", distinct=True),
            points=Coalesce(Sum("price_points"), 0),
            amount_fen=Coalesce(Sum("amount_fen"), 0),
        )
        minus = given_back.filter(whose).aggregate(
            refunds_count=Count("pk"),
            points=Coalesce(Sum("points"), 0),
            amount_fen=Coalesce(Sum("amount_fen"), 0),
        )
        left = {name: plus[name] - minus[name] for name in ("points", "amount_fen")}
        return {"partnership": partnership, **plus, **minus, **left}

    return [taken(partnership) for partnership in stalls], taken(None)


def pieces_held(offer: Offer) -> int:
    """Return how many pieces of ``offer`` volunteers hold and may still give back."""
    held = Redemption.objects.filter(
        community_id=offer.community_id, offer=offer, status=Redemption.Status.HELD
    )
    return held.aggregate(pieces=Sum("quantity"))["pieces"] or 0
