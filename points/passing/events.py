"""Points passed on between two records of one person, as events."""

from uuid import UUID

from django.utils.translation import gettext as _

from backend.registries.events import Kind, Told, register
from points.passing.models import Passing


def _passings(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    found = Passing.objects.filter(community_id=community_id, pk__in=ids)
    words = _("Passed on between two records of one person")
    return {
        pk: Told(words, {"merge_id": merge_id})
        for pk, merge_id in found.values_list("pk", "merge_id")
    }


register(
    Kind(
        name="passing",
        table="points_passing",
        relation="""
            SELECT p.id, 'passing:' || p.id AS source, 'passing:' || p.id AS key, true AS moves,
                p.transfer_id AS named, p.amount, 'points' AS unit,
                'wallet' AS debit_kind, 'person:' || p.giver_id AS debit_holder,
                'wallet' AS credit_kind, 'person:' || p.receiver_id AS credit_holder,
                'merge' AS reason, p.passed_at AS at, p.passed_at >= %(since)s AS is_new
            FROM points_passing p
            WHERE p.community_id = %(community)s
        """,
        tells=_passings,
    )
)
