"""Donations, what they were spent on, and wishes that a neighbour fulfilled, as events."""

from uuid import UUID

from django.utils.translation import gettext as _

from backend.registries.events import Kind, Told, register
from merchants.giving.models import Disbursement, Donation, Wish


def _donations(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    found = Donation.objects.filter(community_id=community_id, pk__in=ids)
    return {
        one.pk: Told(one.campaign.title, {"campaign_id": one.campaign_id})
        for one in found.select_related("campaign")
    }


def _disbursements(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    found = Disbursement.objects.filter(community_id=community_id, pk__in=ids)
    return {
        one.pk: Told(f"{one.campaign.title}: {one.reason}", {"campaign_id": one.campaign_id})
        for one in found.select_related("campaign")
    }


def _wishes(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    found = Wish.objects.filter(community_id=community_id, pk__in=ids)
    return {one.pk: Told(one.text or _("A wish"), {"wish_id": one.pk}) for one in found}


register(
    Kind(
        name="donation",
        table="merchants_donation",
        relation="""
            SELECT g.id, 'donation:' || g.id AS source, 'donation:' || g.id AS key,
                true AS moves, g.transfer_id AS named, g.points::bigint AS amount,
                'points' AS unit, 'wallet' AS debit_kind,
                'person:' || g.volunteer_id AS debit_holder, 'pool' AS credit_kind,
                'campaign:' || g.campaign_id AS credit_holder, 'donation' AS reason,
                NULL::timestamptz AS at, g.id >= %(since_id)s AS is_new
            FROM merchants_donation g WHERE g.community_id = %(community)s
        """,
        tells=_donations,
    ),
    Kind(
        name="disbursement",
        table="merchants_disbursement",
        relation="""
            SELECT g.id, 'disbursement:' || g.id AS source, 'disbursement:' || g.id AS key,
                true AS moves, g.transfer_id AS named, g.points::bigint AS amount,
                'points' AS unit, 'pool' AS debit_kind,
                'campaign:' || g.campaign_id AS debit_holder, 'settled' AS credit_kind,
                '' AS credit_holder, 'campaign' AS reason, NULL::timestamptz AS at,
                g.id >= %(since_id)s AS is_new
            FROM merchants_disbursement g WHERE g.community_id = %(community)s
        """,
        tells=_disbursements,
    ),
    # Adopted by a shop, a wish is a redemption. It may be adopted again: each time has its hold.
    Kind(
        name="wish",
        table="merchants_wish",
        relation="""
            SELECT w.id, 'wish:' || w.id AS source, h.key,
                w.status = 'delivered' AND w.hold_id IS NOT NULL AS moves,
                h.transfer_id AS named, w.price_points::bigint AS amount, 'points' AS unit,
                'wallet' AS debit_kind, 'person:' || w.volunteer_id AS debit_holder,
                'pool' AS credit_kind, 'wishes' AS credit_holder, 'wish' AS reason,
                NULL::timestamptz AS at, w.closed_at >= %(since)s AS is_new
            FROM merchants_wish w
            LEFT JOIN points_hold h ON h.community_id = %(community)s AND h.id = w.hold_id
            WHERE w.community_id = %(community)s
        """,
        tells=_wishes,
        reserves=True,
    ),
)
