"""Paid statements as events: the points leave the merchant's account."""

from uuid import UUID

from backend.registries.events import Kind, Told, register
from merchants.settlement.models.statements import Statement


def _statements(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    found = Statement.objects.filter(community_id=community_id, pk__in=ids)
    return {
        one.pk: Told(
            f"{one.partnership.name} {one.number}",
            {"statement_id": one.pk, "merchant_id": one.partnership.merchant_id},
        )
        for one in found.select_related("partnership")
    }


register(
    Kind(
        name="settlement",
        table="merchants_statement",
        relation="""
            SELECT s.id, 'settlement:' || s.id AS source, 'settlement:' || s.id AS key,
                s.status = 'paid' AND s.points <> 0 AS moves, NULL::uuid AS named,
                abs(s.points) AS amount, 'points' AS unit,
                CASE WHEN s.points > 0 THEN 'merchant' ELSE 'settled' END AS debit_kind,
                CASE WHEN s.points > 0 THEN 'merchant:' || p.merchant_id ELSE '' END
                    AS debit_holder,
                CASE WHEN s.points > 0 THEN 'settled' ELSE 'merchant' END AS credit_kind,
                CASE WHEN s.points > 0 THEN '' ELSE 'merchant:' || p.merchant_id END
                    AS credit_holder,
                'settlement' AS reason, NULL::timestamptz AS at, s.paid_at >= %(since)s AS is_new
            FROM merchants_statement s
            LEFT JOIN merchants_partnership p
                ON p.community_id = %(community)s AND p.id = s.partnership_id
            WHERE s.community_id = %(community)s
        """,
        tells=_statements,
    )
)
