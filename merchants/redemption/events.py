"""Redemptions and refunds as events that move points."""

from uuid import UUID

from backend.registries.events import Kind, Told, register
from merchants.redemption.models import Redemption, Refund


def of_redemptions(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    """Return shop, item and pieces of each redemption, with the ids of its voucher and offer."""
    found = Redemption.objects.filter(community_id=community_id, pk__in=ids)
    return {one.pk: _told(one) for one in found.select_related("partnership", "offer")}


def _refunds(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
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


register(
    Kind(
        name="redemption",
        table="merchants_redemption",
        relation="""
            SELECT r.id, 'redemption:' || r.id AS source, 'redemption:' || r.id AS key,
                r.status = 'redeemed' AS moves, r.transfer_id AS named,
                r.price_points AS amount, 'points' AS unit, 'wallet' AS debit_kind,
                'person:' || r.volunteer_id AS debit_holder, 'merchant' AS credit_kind,
                'merchant:' || p.merchant_id AS credit_holder, 'redemption' AS reason,
                r.closed_at AS at,
                r.id >= %(since_id)s OR r.closed_at >= %(since)s AS is_new
            FROM merchants_redemption r
            LEFT JOIN merchants_partnership p
                ON p.community_id = %(community)s AND p.id = r.partnership_id
            WHERE r.community_id = %(community)s
        """,
        tells=of_redemptions,
        reserves=True,
    ),
    Kind(
        name="refund",
        table="merchants_refund",
        relation="""
            SELECT b.id, 'refund:' || b.id AS source, 'refund:' || b.id AS key,
                true AS moves, b.reversal_id AS named, b.points AS amount, 'points' AS unit,
                'merchant' AS debit_kind, 'merchant:' || p.merchant_id AS debit_holder,
                'wallet' AS credit_kind, 'person:' || r.volunteer_id AS credit_holder,
                'refund' AS reason, b.refunded_at AS at, b.id >= %(since_id)s AS is_new
            FROM merchants_refund b
            LEFT JOIN merchants_redemption r
                ON r.community_id = %(community)s AND r.id = b.redemption_id
            LEFT JOIN merchants_partnership p
                ON p.community_id = %(community)s AND p.id = b.partnership_id
            WHERE b.community_id = %(community)s
        """,
        tells=_refunds,
        takes_back=True,
    ),
)
