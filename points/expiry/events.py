"""Expiry as an event: the end of the day until which a wallet's points could be spent."""

from uuid import UUID

from django.utils.translation import gettext as _

from backend.registries.events import Kind, Told, register
from points.ledger.models import Earned


def _expiries(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    days = Earned.objects.filter(community_id=community_id, pk__in=ids)
    return {
        pk: Told(_("Expired at the end of %(day)s") % {"day": day}, {})
        for pk, day in days.values_list("pk", "expires_on")
    }


# What is lost follows from all that moved before: no row says it, and a day may take it in parts.
register(
    Kind(
        name="expiry",
        table="points_earned",
        relation="""
            SELECT e.id, 'expiry:' || e.id AS source, NULL::text AS key, NULL::boolean AS moves,
                NULL::uuid AS named, NULL::bigint AS amount, a.unit, a.kind AS debit_kind,
                a.holder AS debit_holder, 'expired' AS credit_kind, '' AS credit_holder,
                'expiry' AS reason,
                (e.expires_on + 1)::timestamp AT TIME ZONE place.timezone AS at, false AS is_new
            FROM points_earned e
            JOIN communities_community place ON place.id = e.community_id
            LEFT JOIN points_account a ON a.community_id = %(community)s AND a.id = e.account_id
            WHERE e.community_id = %(community)s
        """,
        tells=_expiries,
    )
)
