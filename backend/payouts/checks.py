"""Checks of payouts against the trail, and against what WeChat is sent while they are under way.

What WeChat says of them is asked by reconciling.py.
"""

# ruff: noqa: S608  # SQL made of constants

from django.utils.translation import gettext_lazy as _

from backend.audit.entries import latest, said_by
from backend.registries.checks import Check, Kind, queried, register

PAYOUTS = "payouts"

# WeChat accounts are asked for first: they are of people, who are of no community.
_PAYOUTS = f"""
    WITH wechat AS MATERIALIZED (
        SELECT a.user_id, array_agg(a.uid) AS uids FROM socialaccount_socialaccount a
        WHERE a.provider = 'wechat' AND a.user_id IN (
            SELECT p.payee_id FROM payouts_payout p WHERE p.community_id = %(community)s
        )
        GROUP BY a.user_id
    )
    SELECT 'payouts_payout', o.id, wrong.because
    FROM payouts_payout o
    LEFT JOIN wechat ON wechat.user_id = o.payee_id
    {latest("o", "ordered", "payout.order")}
    {latest("o", "ended", "payout.succeeded", "payout.failed", "payout.cancelled")}
    CROSS JOIN LATERAL (SELECT o.sent_parameters AS sent) AS told
    CROSS JOIN LATERAL (SELECT CASE
        WHEN ordered.id IS NULL THEN 'the trail does not tell that it was ordered'
        {said_by("o.ordered_by_id", "ordered", "ordered")}
        WHEN (ordered.after ->> 'subject', ordered.after ->> 'amount_fen')
                <> (o.subject, o.amount_fen::text)
            THEN format('it pays %%s fen for %%s, it was ordered with %%s for %%s', o.amount_fen,
                o.subject, ordered.after ->> 'amount_fen', ordered.after ->> 'subject')
        WHEN o.finished_at IS NULL AND ended.id IS NOT NULL
                OR o.finished_at IS NOT NULL AND o.status <> coalesce(ended.after ->> 'status', '')
            THEN format('it is %%s, the trail says %%s', o.status,
                coalesce(ended.after ->> 'status', 'that it has not ended'))
        WHEN o.ordered_by_id = o.payee_id THEN 'who ordered it is paid by it'
        WHEN o.openid <> '' AND o.openid <> ALL (wechat.uids)
            THEN 'it goes to a WeChat account that is not its payee''s'
        WHEN told.sent = '{{}}' THEN NULL
        WHEN (told.sent ->> 'out_bill_no', told.sent ->> 'openid', told.sent ->> 'transfer_amount')
                IS DISTINCT FROM (replace(o.id::text, '-', ''), o.openid, o.amount_fen::text)
            THEN format('WeChat was told number %%s and %%s fen, should be %%s and %%s',
                told.sent ->> 'out_bill_no', told.sent ->> 'transfer_amount',
                replace(o.id::text, '-', ''), o.amount_fen)
        WHEN NOT told.sent @> o.purpose THEN 'WeChat was told another purpose'
    END AS because) AS wrong
    WHERE o.community_id = %(community)s AND wrong.because IS NOT NULL
        AND (o.id >= %(since_id)s OR o.finished_at IS NULL OR o.finished_at >= %(since)s)
"""

register(
    Check(
        name=PAYOUTS,
        kind=Kind.SETTLEMENTS,
        promise=_("Payouts are what was ordered, and what WeChat is told."),
        advice=_("Cancel it if it is under way, and ask WeChat about its number otherwise."),
        tables=("payouts_payout",),
        findings=queried(PAYOUTS, _PAYOUTS),
    )
)
