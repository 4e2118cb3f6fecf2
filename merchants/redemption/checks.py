"""Checks of vouchers, redemptions and refunds: their money, derived anew, and who handed out.

What is owed follows from the contract's version, the offer's price and the pieces
(docs/settlement.md). That points moved as they say is checked for all events at once
(points/checks.py).
"""

# ruff: noqa: S608  # SQL made of constants

from django.utils.translation import gettext_lazy as _

from backend.registries.checks import SPAN, Check, Kind, made_at, queried, register

VOUCHERS, RATES, REFUNDS, HANDED_OUT = "vouchers", "rates", "refunds", "handed_out"
CARDS = "cards"

_MADE_AT = made_at("r.id")
_DAY = "(r.taken_at AT TIME ZONE place.timezone)::date"

# A price counts from its moment to that of the next. Who takes an offer reads it a moment before,
# so near a change either may have counted.
_PRICES = """
    SELECT q.offer_id, q.price_points, q.value_fen, q.settled_fen, q.since_at,
        lead(q.since_at) OVER (PARTITION BY q.offer_id ORDER BY q.id) AS until_at
    FROM merchants_offerprice q WHERE q.community_id = %(community)s AND NOT q.is_proposed
"""
_OWED = """CASE c.kind
    WHEN 'donated' THEN 0
    WHEN 'per_point' THEN c.fen_per_point::bigint * q.price_points * r.quantity
    WHEN 'share' THEN q.value_fen::bigint * c.share_bp / 10000 * r.quantity
    WHEN 'per_piece' THEN q.settled_fen::bigint * r.quantity
END"""

_VOUCHERS = f"""
    WITH prices AS MATERIALIZED ({_PRICES})
    SELECT 'merchants_redemption', r.id, wrong.because
    FROM merchants_redemption r
    JOIN communities_community place ON place.id = r.community_id
    LEFT JOIN merchants_offer o ON o.community_id = %(community)s AND o.id = r.offer_id
    LEFT JOIN merchants_terms c ON c.community_id = %(community)s
        AND c.partnership_id = r.partnership_id AND c.version = r.terms_version
    LEFT JOIN points_hold h ON h.community_id = %(community)s AND h.id = r.hold_id
    LEFT JOIN prices AS q ON q.offer_id = r.offer_id AND q.since_at <= {_MADE_AT}
        AND coalesce(q.until_at, 'infinity') > {_MADE_AT}
    CROSS JOIN LATERAL (SELECT CASE
        WHEN o.partnership_id IS DISTINCT FROM r.partnership_id
            THEN format('it is of partner %%s, its offer of %%s', r.partnership_id,
                coalesce(o.partnership_id::text, 'nobody'))
        WHEN h.id IS NULL THEN 'hold ' || r.hold_id || ' is gone'
        WHEN h.key <> 'redemption:' || r.id
            THEN format('hold %%s is of %%s', h.id, h.key)
        WHEN h.state <> CASE r.status WHEN 'held' THEN 'held' WHEN 'redeemed' THEN 'captured'
                ELSE 'voided' END
            THEN format('it is %%s, its hold %%s', r.status, h.state)
        WHEN h.amount <> r.price_points
            THEN format('it costs %%s points, its hold set %%s aside', r.price_points, h.amount)
        WHEN h.expires_at < r.expires_at
            THEN format('it is good until %%s, its hold until %%s', r.expires_at, h.expires_at)
        WHEN c.id IS NULL THEN format('version %%s of its contract is gone', r.terms_version)
        WHEN c.withdrawn_at IS NOT NULL OR c.valid_from > {_DAY}
            THEN format('version %%s of its contract did not count on %%s', c.version, {_DAY})
        WHEN EXISTS (
            SELECT FROM merchants_terms later
            WHERE later.community_id = %(community)s AND later.partnership_id = r.partnership_id
                AND later.version > c.version AND later.withdrawn_at IS NULL
                AND later.valid_from <= {_DAY} AND later.agreed_at < {_MADE_AT} - {SPAN}
        ) THEN format('a later version of its contract than %%s counted on %%s', c.version, {_DAY})
        WHEN r.fen_per_point IS DISTINCT FROM
                CASE WHEN c.kind = 'donated' THEN 0 ELSE c.fen_per_point END
            THEN format('it was taken at %%s fen a point, version %%s of its contract says %%s',
                r.fen_per_point, c.version,
                CASE WHEN c.kind = 'donated' THEN 0 ELSE c.fen_per_point END)
        WHEN o.kind = 'points' AND r.price_points <> r.quantity
            THEN format('%%s points cost %%s', r.quantity, r.price_points)
        WHEN o.kind = 'points' AND r.amount_fen IS DISTINCT FROM r.fen_per_point * r.price_points
            THEN format('amount_fen is %%s, should be %%s', r.amount_fen,
                r.fen_per_point * r.price_points)
        WHEN o.kind <> 'points' AND NOT EXISTS (
            SELECT FROM prices AS q
            WHERE q.offer_id = r.offer_id AND q.since_at <= {_MADE_AT} + {SPAN}
                AND coalesce(q.until_at, 'infinity') > {_MADE_AT} - {SPAN}
                AND q.price_points::bigint * r.quantity = r.price_points
                AND {_OWED} = r.amount_fen
        ) THEN format('it costs %%s points and amount_fen is %%s, should be %%s and %%s',
            r.price_points, r.amount_fen, q.price_points::bigint * r.quantity, {_OWED})
    END AS because) AS wrong
    WHERE r.community_id = %(community)s
        AND (r.id >= %(since_id)s OR r.closed_at >= %(since)s) AND wrong.because IS NOT NULL
"""

# Of each version of a contract, as the trail has it: few, so all of them are read each time.
_RATES = """
    SELECT 'merchants_terms', c.id, CASE
        WHEN said.after IS NULL THEN 'the trail does not tell of it'
        ELSE format('it is %%s from %%s, with %%s fen a point and a share of %%s; the trail says '
            '%%s from %%s, with %%s and %%s', c.kind, coalesce(c.valid_from::text, 'the first day'),
            coalesce(c.fen_per_point::text, 'no'), coalesce(c.share_bp::text, 'nothing'), said.kind,
            coalesce(said.valid_from, 'the first day'), coalesce(said.fen_per_point, 'no'),
            coalesce(said.share_bp, 'nothing'))
    END
    FROM merchants_terms c
    LEFT JOIN LATERAL (
        SELECT x.actor_id, x.after, x.after ->> 'fen_per_point' AS fen_per_point,
            x.after ->> 'share_bp' AS share_bp, x.after ->> 'valid_from' AS valid_from,
            coalesce(x.after ->> 'kind', CASE WHEN (x.after ->> 'is_donated')::boolean
                THEN 'donated' ELSE 'per_point' END) AS kind
        FROM audit_auditentry x
        WHERE x.community_id = %(community)s AND x.target_type = 'partnership'
            AND x.target_id = c.partnership_id::text
            AND (x.action = 'partnership.sign' AND c.version = 1
                OR x.action = 'partnership.agree' AND x.after ->> 'version' = c.version::text)
        ORDER BY x.id LIMIT 1
    ) AS said ON true
    WHERE c.community_id = %(community)s
        AND (said.after IS NULL OR (c.kind, c.fen_per_point::text, c.share_bp::text,
                c.valid_from::text, c.agreed_by_id)
            IS DISTINCT FROM (said.kind, said.fen_per_point, said.share_bp, said.valid_from,
                said.actor_id))
"""

# All refunds of a redemption add up to the whole: each is the part until it, less that before it.
_REFUNDS = """
    SELECT 'merchants_refund', b.id, wrong.because
    FROM (
        SELECT one.*, sum(one.quantity) OVER (
            PARTITION BY one.redemption_id ORDER BY one.id
        ) AS until_now
        FROM merchants_refund one
        WHERE one.community_id = %(community)s AND one.redemption_id IN (
            SELECT changed.redemption_id FROM merchants_refund changed
            WHERE changed.community_id = %(community)s AND changed.id >= %(since_id)s
        )
    ) AS b
    LEFT JOIN merchants_redemption r
        ON r.community_id = %(community)s AND r.id = b.redemption_id
    CROSS JOIN LATERAL (SELECT
        r.price_points / r.quantity * b.quantity AS points,
        (r.amount_fen * b.until_now::bigint / r.quantity
            - r.amount_fen * (b.until_now - b.quantity)::bigint / r.quantity) AS fen
    ) AS due
    CROSS JOIN LATERAL (SELECT CASE
        WHEN r.id IS NULL THEN 'redemption ' || b.redemption_id || ' is gone'
        WHEN b.partnership_id <> r.partnership_id
            THEN format('it is of partner %%s, its redemption of %%s', b.partnership_id,
                r.partnership_id)
        WHEN b.points <> due.points
            THEN format('points is %%s, should be %%s', b.points, due.points)
        WHEN b.amount_fen <> due.fen
            THEN format('amount_fen is %%s, should be %%s', b.amount_fen, due.fen)
        WHEN b.refunded_by_id = r.volunteer_id THEN 'its volunteer refunded it'
        WHEN NOT EXISTS (
            SELECT FROM audit_auditentry x
            WHERE x.community_id = %(community)s AND x.target_type = 'redemption'
                AND x.target_id = r.id::text AND x.action = 'redemption.refund'
                AND x.actor_id = b.refunded_by_id
                AND x.after ->> 'quantity' = b.quantity::text
                AND x.after ->> 'points' = b.points::text
        ) THEN format('%%s refunded %%s pieces for %%s points, and the trail does not say so',
            b.refunded_by_id, b.quantity, b.points)
    END AS because) AS wrong
    WHERE wrong.because IS NOT NULL
"""

_COUNTED = """
    SELECT 'merchants_redemption', r.id,
        format('its refunds are other pieces than it counts: %%s, it counts %%s',
            coalesce(given.back, 0), r.refunded_quantity)
    FROM merchants_redemption r
    LEFT JOIN (
        SELECT g.redemption_id, sum(g.quantity) AS back FROM merchants_refund g
        WHERE g.community_id = %(community)s GROUP BY g.redemption_id
    ) AS given ON given.redemption_id = r.id
    WHERE r.community_id = %(community)s
        AND (r.closed_at >= %(since)s OR r.id IN (
            SELECT g.redemption_id FROM merchants_refund g
            WHERE g.community_id = %(community)s AND g.id >= %(since_id)s
        ))
        AND coalesce(given.back, 0) <> r.refunded_quantity
"""

# Whoever handed it out is whose attempt succeeded; a volunteer with the shop's code is not named.
_HANDED_OUT = """
    SELECT 'merchants_redemption', r.id, CASE
        WHEN s.id IS NULL THEN 'it is redeemed, and nobody brought it to a counter'
        WHEN s.merchant_id <> p.merchant_id
            THEN format('merchant %%s handed it out, it is for %%s', s.merchant_id, p.merchant_id)
        ELSE format('%%s handed it out, the scan says %%s',
            coalesce(r.redeemed_by_id, r.volunteer_id), s.clerk_id)
    END
    FROM merchants_redemption r
    LEFT JOIN merchants_partnership p
        ON p.community_id = %(community)s AND p.id = r.partnership_id
    LEFT JOIN merchants_scanattempt s ON s.community_id = %(community)s
        AND s.redemption_id = r.id AND s.outcome = 'redeemed'
    WHERE r.community_id = %(community)s AND r.status = 'redeemed'
        AND (r.id >= %(since_id)s OR r.closed_at >= %(since)s)
        AND (s.id IS NULL OR s.merchant_id <> p.merchant_id
            OR s.clerk_id <> coalesce(r.redeemed_by_id, r.volunteer_id)
            OR r.redeemed_by_id = r.volunteer_id)
"""

# Few, so all of them are read each time.
_CARDS = """
    SELECT 'merchants_card', k.id, CASE
        WHEN said.actor_id IS NULL THEN 'the trail does not tell who issued it'
        ELSE format('%%s issued it to %%s, the trail says %%s to %%s', k.issued_by_id,
            k.volunteer_id, said.actor_id, said.after ->> 'volunteer')
    END
    FROM merchants_card k
    LEFT JOIN LATERAL (
        SELECT x.actor_id, x.after FROM audit_auditentry x
        WHERE x.community_id = %(community)s AND x.target_type = 'card'
            AND x.target_id = k.id::text AND x.action = 'card.issue'
        ORDER BY x.id LIMIT 1
    ) AS said ON true
    WHERE k.community_id = %(community)s
        AND (k.issued_by_id, k.volunteer_id::text)
            IS DISTINCT FROM (said.actor_id, said.after ->> 'volunteer')
"""
# A card is locked while it pays, and while it is blocked.
_PAID_BY_CARD = f"""
    SELECT 'merchants_redemption', r.id, wrong.because
    FROM merchants_redemption r
    LEFT JOIN merchants_card k ON k.community_id = %(community)s AND k.id = r.card_id
    CROSS JOIN LATERAL (SELECT CASE
        WHEN k.id IS NULL THEN 'card ' || r.card_id || ' is gone'
        WHEN k.volunteer_id <> r.volunteer_id
            THEN format('its card is of %%s, its points of %%s', k.volunteer_id, r.volunteer_id)
        WHEN k.issued_by_id = r.redeemed_by_id THEN 'whoever issued its card handed it out'
        WHEN r.taken_at > k.blocked_at + {SPAN} THEN 'its card was blocked before'
    END AS because) AS wrong
    WHERE r.community_id = %(community)s AND r.card_id IS NOT NULL
        AND (r.id >= %(since_id)s OR r.closed_at >= %(since)s) AND wrong.because IS NOT NULL
"""

_ADVICE = _(
    "Compare the row with the contract and the prices of its day. Do not approve or pay a statement"
    " with such a line; what was paid too much is settled with the merchant."
)
register(
    Check(
        name=RATES,
        kind=Kind.SETTLEMENTS,
        promise=_("Each version of a contract says what was agreed, as the trail has it."),
        advice=_("Ask who agreed for the paper contract, and settle nothing under it until then."),
        tables=("merchants_terms",),
        findings=queried(RATES, _RATES),
    ),
    Check(
        name=VOUCHERS,
        kind=Kind.SETTLEMENTS,
        promise=_(
            "Each voucher costs and is worth what its offer's price and the contract of its day"
            " say."
        ),
        advice=_ADVICE,
        tables=("merchants_redemption",),
        findings=queried(VOUCHERS, _VOUCHERS),
    ),
    Check(
        name=REFUNDS,
        kind=Kind.SETTLEMENTS,
        promise=_(
            "Each refund gives back its part of the points and of the money, and its redemption"
            " counts its pieces."
        ),
        advice=_ADVICE,
        tables=("merchants_refund",),
        findings=queried(REFUNDS, _REFUNDS, _COUNTED),
    ),
    Check(
        name=HANDED_OUT,
        kind=Kind.SETTLEMENTS,
        promise=_("Each redemption was handed out by whom the scan at the counter names."),
        advice=_("Ask the merchant and the volunteer whether anything was handed out."),
        tables=("merchants_scanattempt",),
        findings=queried(HANDED_OUT, _HANDED_OUT),
    ),
    Check(
        name=CARDS,
        kind=Kind.SETTLEMENTS,
        promise=_(
            "Each printed card is of whom the trail names, and paid only for its volunteer, while"
            " it was not blocked, at the counter of somebody who did not issue it."
        ),
        advice=_("Block the card, and ask the volunteer what they bought with it."),
        tables=("merchants_card",),
        findings=queried(CARDS, _CARDS, _PAID_BY_CARD),
    ),
)
