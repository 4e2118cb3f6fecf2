"""Voids as events. Awards are events of their kinds (kinds.py)."""

from uuid import UUID

from django.utils.translation import gettext as _

from backend.registries.events import Kind, Told, register, told
from points.awards.models import Void


def _voids(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    voids = Void.objects.filter(community_id=community_id, pk__in=ids).select_related("award")
    found = {void.pk: void for void in voids}
    about = told(community_id, (void.award.source for void in found.values()))
    return {
        pk: Told(
            _("Voided: %(reason)s") % {"reason": void.reason},
            about[void.award.source].ids if void.award.source in about else {},
        )
        for pk, void in found.items()
    }


register(
    Kind(
        name="void",
        table="points_void",
        relation="""
            SELECT x.id, 'void:' || x.id AS source, 'void:' || w.source AS key,
                w.transfer_id IS NOT NULL AS moves, x.reversal_id AS named,
                abs(w.amount)::bigint AS amount, w.unit, a.kind AS debit_kind,
                a.holder AS debit_holder, NULL::text AS credit_kind, NULL::text AS credit_holder,
                'void' AS reason, NULL::timestamptz AS at, x.voided_at >= %(since)s AS is_new
            FROM points_void x
            LEFT JOIN points_award w ON w.community_id = %(community)s AND w.id = x.award_id
            LEFT JOIN points_account a ON a.community_id = %(community)s AND a.id = w.account_id
            WHERE x.community_id = %(community)s
        """,
        tells=_voids,
        takes_back=True,
    )
)
