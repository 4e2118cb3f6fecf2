"""Checks of the history of prices: each is what the trail says, from whom it names."""

from django.utils.translation import gettext_lazy as _

from backend.registries.checks import Check, Kind, queried, register

PRICES = "prices"

# A price is told right after it is kept: whole if it was changed, in points if the offer was made
# or proposed. Listing an offer keeps what was proposed.
_PRICES = """
    SELECT 'merchants_offerprice', q.id, CASE
        WHEN said.id IS NULL THEN 'the trail does not tell of it'
        ELSE format('it is %%s points, worth %%s, settled with %%s fen, set by %%s; the trail says'
            ' %%s, %%s and %%s, by %%s', q.price_points, coalesce(q.value_fen::text, 'nothing'),
            coalesce(q.settled_fen::text, 'no'), coalesce(q.set_by_id::text, 'nobody'),
            due.price_points, coalesce(due.value_fen, 'nothing'), coalesce(due.settled_fen, 'no'),
            coalesce(said.actor_id::text, 'nobody'))
    END
    FROM (
        SELECT p.*, lag(p.price_points) OVER earlier AS points_before,
            lag(p.value_fen) OVER earlier AS value_before,
            lag(p.settled_fen) OVER earlier AS settled_before
        FROM merchants_offerprice p WHERE p.community_id = %(community)s
        WINDOW earlier AS (PARTITION BY p.offer_id ORDER BY p.id)
    ) AS q
    LEFT JOIN LATERAL (
        SELECT x.id, x.actor_id, x.action, x.after FROM audit_auditentry x
        WHERE x.community_id = %(community)s AND x.target_type = 'offer'
            AND x.target_id = q.offer_id::text AND x.id > q.id
            AND x.action IN ('offer.make', 'offer.propose', 'offer.change', 'offer.decide')
        ORDER BY x.id LIMIT 1
    ) AS said ON true
    CROSS JOIN LATERAL (SELECT
        CASE said.action WHEN 'offer.decide' THEN q.points_before::text
            ELSE said.after ->> 'price_points' END AS price_points,
        CASE said.action WHEN 'offer.decide' THEN q.value_before::text
            WHEN 'offer.change' THEN said.after ->> 'value_fen'
            ELSE q.value_fen::text END AS value_fen,
        CASE said.action WHEN 'offer.decide' THEN q.settled_before::text
            WHEN 'offer.change' THEN said.after ->> 'settled_fen'
            ELSE q.settled_fen::text END AS settled_fen
    ) AS due
    WHERE q.id >= %(since_id)s AND (said.id IS NULL
        OR (q.price_points::text, q.value_fen::text, q.settled_fen::text, q.set_by_id)
            IS DISTINCT FROM (due.price_points, due.value_fen, due.settled_fen, said.actor_id))
"""

# An offer costs what was kept last of it. All are read: they do not say when they changed. One of
# plain points has no history: a piece is a point.
_NOW = """
    SELECT 'merchants_offer', o.id, format('it is %%s points, worth %%s, settled with %%s fen; its'
        ' history says %%s, %%s and %%s', o.price_points, coalesce(o.value_fen::text, 'nothing'),
        coalesce(o.settled_fen::text, 'no'), q.price_points, coalesce(q.value_fen::text, 'nothing'),
        coalesce(q.settled_fen::text, 'no'))
    FROM merchants_offer o
    LEFT JOIN LATERAL (
        SELECT p.price_points, p.value_fen, p.settled_fen FROM merchants_offerprice p
        WHERE p.community_id = %(community)s AND p.offer_id = o.id ORDER BY p.id DESC LIMIT 1
    ) AS kept ON true
    CROSS JOIN LATERAL (SELECT
        CASE o.kind WHEN 'points' THEN 1 ELSE kept.price_points END AS price_points,
        kept.value_fen, kept.settled_fen
    ) AS q
    WHERE o.community_id = %(community)s AND (o.price_points, o.value_fen, o.settled_fen)
        IS DISTINCT FROM (q.price_points, q.value_fen, q.settled_fen)
"""

register(
    Check(
        name=PRICES,
        kind=Kind.SETTLEMENTS,
        promise=_("Each price in an offer's history was set by whom the trail names, as it says."),
        advice=_("Ask who set the price; vouchers taken meanwhile are worth what it was then."),
        tables=("merchants_offer", "merchants_offerprice"),
        findings=queried(PRICES, _PRICES, _NOW),
    )
)
