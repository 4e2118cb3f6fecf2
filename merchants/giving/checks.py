"""Checks of wishes, of what campaigns spent and of gifts against the trail.

That points moved as they say is checked for all events at once (points/checks.py).
"""

# ruff: noqa: S608  # SQL made of constants

from django.utils.translation import gettext_lazy as _

from backend.audit.entries import latest, said_by
from backend.registries.checks import Check, Kind, queried, register

GIVING = "giving"

# A wish that an erasure withdrew was decided on as the trail says, too.
_WISHES = f"""
    SELECT 'merchants_wish', w.id, wrong.because
    FROM merchants_wish w
    {latest("w", "decided", "wish.decide")}
    LEFT JOIN merchants_redemption r
        ON r.community_id = %(community)s AND r.id = w.redemption_id
    LEFT JOIN points_hold h ON h.community_id = %(community)s AND h.id = w.hold_id
    CROSS JOIN LATERAL (SELECT CASE
        {said_by("w.decided_by_id", "decided", "decided")}
        WHEN w.price_points::text IS DISTINCT FROM decided.after ->> 'price_points'
            THEN format('it costs %%s points, the trail says %%s', w.price_points,
                decided.after ->> 'price_points')
        WHEN w.volunteer_id IN (w.decided_by_id, w.donor_id)
            THEN 'its volunteer decided on it or fulfilled it'
        WHEN r.id IS NOT NULL AND (r.volunteer_id, r.partnership_id, r.price_points)
                IS DISTINCT FROM (w.volunteer_id, w.partnership_id, w.price_points::bigint)
            THEN format('voucher %%s is of another volunteer, partner or price', r.id)
        WHEN w.redemption_id IS NOT NULL AND r.id IS NULL
            THEN 'voucher ' || w.redemption_id || ' is gone'
        WHEN w.hold_id IS NOT NULL AND h.source IS DISTINCT FROM 'wish:' || w.id
            THEN 'hold ' || w.hold_id || ' is not of it, or is gone'
        WHEN h.state <> CASE w.status WHEN 'delivered' THEN 'captured' ELSE 'held' END
            THEN format('it is %%s, its hold %%s', w.status, h.state)
    END AS because) AS wrong
    WHERE w.community_id = %(community)s AND wrong.because IS NOT NULL
        AND (w.id >= %(since_id)s OR w.closed_at >= %(since)s OR w.closed_at IS NULL)
"""

_DISBURSED = """
    SELECT 'merchants_disbursement', g.id, format('%%s spent %%s points, and the trail does not'
        ' say so', g.disbursed_by_id, g.points)
    FROM merchants_disbursement g
    WHERE g.community_id = %(community)s AND g.id >= %(since_id)s AND NOT EXISTS (
        SELECT FROM audit_auditentry x
        WHERE x.community_id = %(community)s AND x.target_type = 'campaign'
            AND x.target_id = g.campaign_id::text AND x.action = 'campaign.disburse'
            AND x.actor_id = g.disbursed_by_id AND x.after ->> 'points' = g.points::text
    )
"""

_GIFTS = f"""
    SELECT 'merchants_sponsorship', g.id, format('it was worth %%s fen, recorded by %%s; the trail'
        ' says %%s fen by %%s', coalesce(g.value_fen::text, 'no'), g.recorded_by_id,
        coalesce(recorded.after ->> 'value_fen', 'no'), recorded.actor_id)
    FROM merchants_sponsorship g
    {latest("g", "recorded", "sponsorship.record")}
    WHERE g.community_id = %(community)s AND g.id >= %(since_id)s
        AND (recorded.after ->> 'value_fen', recorded.after ->> 'partnership', recorded.actor_id)
            IS DISTINCT FROM (g.value_fen::text, g.partnership_id::text, g.recorded_by_id)
"""

register(
    Check(
        name=GIVING,
        kind=Kind.SETTLEMENTS,
        promise=_("Wishes, what campaigns spent and gifts are as they were decided and recorded."),
        advice=_("Ask whom the trail names; release a wish that was changed."),
        tables=("merchants_wish", "merchants_disbursement", "merchants_sponsorship"),
        findings=queried(GIVING, _WISHES, _DISBURSED, _GIFTS),
    )
)
