"""Events behind what tests move by hand: each was there, whatever it moved.

Sources such as ``test:tea`` and ``undo:tea`` have no row; what is posted under them is theirs.
"""

from backend.registries.events import Kind, register

BY_HAND = """
    SELECT t.id, t.source, t.key, true AS moves, t.id AS named,
        NULL::bigint AS amount, NULL::text AS unit,
        NULL::text AS debit_kind, NULL::text AS debit_holder, NULL::text AS credit_kind,
        NULL::text AS credit_holder, t.reason, NULL::timestamptz AS at, false AS is_new
    FROM {table} t WHERE t.community_id = %(community)s AND {of_them}
"""


def by_hand(table: str, of_them: str) -> str:
    return BY_HAND.format(table=table, of_them=of_them)


register(
    Kind(
        name="test",
        table="points_transfer",
        relation=" UNION ALL ".join(
            (
                by_hand("points_transfer", "t.reverses_id IS NULL"),
                by_hand("points_hold", "t.state <> 'captured'"),
            )
        ),
        is_by_source=True,
        reserves=True,
    ),
    Kind(
        name="undo",
        table="points_reversal",
        relation=by_hand("points_reversal", "NOT starts_with(t.key, 'reversal:')"),
        is_by_source=True,
        takes_back=True,
    ),
)
