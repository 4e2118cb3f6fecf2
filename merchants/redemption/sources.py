"""Texts for redemptions and refunds in a volunteer's account."""

from uuid import UUID

from backend.registries.sources import Told
from merchants.redemption.models import Redemption, Refund


def of_redemptions(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    """Return shop, item and pieces of each redemption, with the ids of its voucher and offer."""
    found = Redemption.objects.filter(community_id=community_id, pk__in=ids)
    return {one.pk: _told(one) for one in found.select_related("partnership", "offer")}


def of_refunds(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    """Return shop, item and refunded pieces of each refund, by its id."""
    found = Refund.objects.filter(community_id=community_id, pk__in=ids).select_related(
        "redemption__partnership", "redemption__offer"
    )
    return {one.pk: _told(one.redemption, one.quantity) for one in found}


def _told(redemption: Redemption, quantity: int | None = None) -> Told:
    item = f"{redemption.offer.title} × {quantity or redemption.quantity}"
    return Told(
        words=f"{redemption.partnership.name}: {item}",
        ids={
            "voucher_id": redemption.pk,
            "offer_id": redemption.offer_id,
            "merchant_id": redemption.partnership.merchant_id,
        },
    )
