"""Notices to owners of what a month brought their merchant."""

from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet, Sum

from backend.communities.models import Community
from backend.days import first_moment
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import telling
from merchants.redemption.models import Redemption, Refund
from merchants.settlement.services.statements import period_of


def last_month(day: date) -> tuple[date, date]:
    """Return the first day of the month before ``day``, and that of the month of ``day``."""
    return period_of(1, day)


@transaction.atomic
def tell(*, community: Community, first_day: date, next_month: date) -> int:
    """Owe the owners of every merchant that redeemed something in a month a notice of it.

    Days are the community's own. Refunds of the month are taken off, whenever they were redeemed.
    Idempotent. Returns the number of merchants.
    """
    begin, end = first_moment(first_day), first_moment(next_month)
    redeemed = _by_partner(
        Redemption.objects.filter(
            community=community,
            status=Redemption.Status.REDEEMED,
            closed_at__gte=begin,
            closed_at__lt=end,
        ),
        points=Sum("price_points"),
    )
    refunded = _by_partner(
        Refund.objects.filter(community=community, refunded_at__gte=begin, refunded_at__lt=end),
        points=Sum("points"),
    )
    nothing = {"points": 0, "fen": 0}
    for partnership in Partnership.objects.filter(community=community, pk__in=redeemed):
        plus, minus = redeemed[partnership.pk], refunded.get(partnership.pk, nothing)
        telling.tell(
            "merchant_month",
            community=community,
            recipients=telling.owners_of(partnership.merchant_id),
            about=f"{partnership.pk}:{first_day:%Y-%m}",
            target_id=partnership.merchant_id,
            facts={
                "community": community.name,
                "merchant": partnership.name,
                "month": f"{first_day:%Y-%m}",
                "count": plus["count"],
                "points": plus["points"] - minus["points"],
                "yuan": f"{(plus['fen'] - minus['fen']) / 100:.2f}",
            },
        )
    return len(redeemed)


def _by_partner(rows: QuerySet[Any], points: Sum) -> dict[Any, dict[str, int]]:
    """Return the count, points and fen of ``rows`` by the id of the partnership."""
    summed = rows.order_by().values("partnership")
    totals = summed.annotate(count=Count("pk"), total_points=points, fen=Sum("amount_fen"))
    return {
        one["partnership"]: {
            "count": one["count"],
            "points": one["total_points"],
            "fen": one["fen"],
        }
        for one in totals
    }
