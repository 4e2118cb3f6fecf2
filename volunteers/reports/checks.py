"""Checks of reports and mediations: what was decided, and by whom, is what the trail says."""

# ruff: noqa: S608  # SQL made of constants

from django.utils.translation import gettext_lazy as _

from backend.audit.entries import latest, said_by
from backend.registries.checks import Check, Kind, queried, register
from volunteers.reports.models.moves import MOVES

REPORTS = "reports"

_MOVES = [f"report.{move.act}" for move in MOVES]
_ENDINGS = [f"report.{move.act}" for move in MOVES if "closed_at" in move.sets]

_REPORTS = f"""
    SELECT 'volunteers_report', r.id, wrong.because
    FROM volunteers_report r
    {latest("r", "newest", *_MOVES)}
    {latest("r", "ended", *_ENDINGS, "report.reopen")}
    {latest("r", "closed", "report.close")}
    {latest("r", "voided", "report.void")}
    CROSS JOIN LATERAL (SELECT CASE WHEN ended.after ->> 'status' <> 'accepted'
        THEN ended.actor_id END AS actor_id) AS decided
    CROSS JOIN LATERAL (SELECT CASE
        WHEN r.status <> coalesce(newest.after ->> 'status', 'submitted')
            THEN format('it is %%s, the trail says %%s', r.status,
                coalesce(newest.after ->> 'status', 'submitted'))
        WHEN r.category <> closed.after ->> 'category'
            THEN format('its category is %%s, it was closed as %%s', r.category,
                closed.after ->> 'category')
        WHEN r.reporter_id::text IS DISTINCT FROM nullif(closed.after ->> 'reporter', 'None')
            AND closed.id IS NOT NULL
            THEN format('its reporter is %%s, it was closed as one of %%s',
                coalesce(r.reporter_id::text, 'nobody'), closed.after ->> 'reporter')
        WHEN r.earned_at IS DISTINCT FROM (closed.after ->> 'earned_at')::timestamptz
            THEN format('it earned at %%s, the trail says %%s', r.earned_at,
                closed.after ->> 'earned_at')
        {said_by("r.closed_by_id", "decided", "closed")}
        {said_by("r.voided_by_id", "voided", "voided")}
        WHEN r.status <> 'withdrawn' AND r.reporter_id IN (r.closed_by_id, r.voided_by_id)
            THEN 'its reporter decided on it'
        WHEN r.closed_by_id = r.voided_by_id THEN 'who closed it voided it'
    END AS because) AS wrong
    WHERE r.community_id = %(community)s AND wrong.because IS NOT NULL
        AND (r.id >= %(since_id)s
            OR greatest(r.accepted_at, r.closed_at, r.voided_at, r.reopened_at) >= %(since)s)
"""

register(
    Check(
        name=REPORTS,
        kind=Kind.AWARDS,
        promise=_(
            "A report's verdict, category and reporter are those with which it was closed, by whom"
            " the trail names."
        ),
        advice=_("Ask who closed it. A report that was verified wrongly is voided."),
        tables=("volunteers_report",),
        findings=queried(REPORTS, _REPORTS),
    )
)

REWARD_PAYMENTS = "reward_payments"

_OF_REWARD = """
    LEFT JOIN points_claim c ON c.community_id = %(community)s AND c.id = {claim}
    LEFT JOIN points_account a ON a.community_id = %(community)s AND a.id = c.payee_id
"""
_TERMS = """
    WHEN c.id IS NULL THEN 'its reward is gone'
    WHEN {row}.amount_fen <> c.amount - coalesce(c.set_off, 0)
        THEN format('it pays %%s fen, its reward is %%s less %%s', {row}.amount_fen, c.amount,
            coalesce(c.set_off, 0))
    WHEN a.holder IS DISTINCT FROM 'person:' || {row}.payee_id
        THEN format('it pays %%s, its reward %%s', {row}.payee_id, a.holder)
"""

_PAID_BY_HAND = f"""
    SELECT 'volunteers_handpayment', h.id, wrong.because
    FROM volunteers_handpayment h
    {_OF_REWARD.format(row="h", claim="h.claim_id")}
    {latest("h", "recorded", "hand_payment.record")}
    {latest("h", "confirmed", "hand_payment.confirm")}
    {latest("h", "withdrawn", "hand_payment.withdraw")}
    CROSS JOIN LATERAL (SELECT CASE
        {_TERMS.format(row="h")}
        {said_by("h.recorded_by_id", "recorded", "recorded")}
        {said_by("h.confirmed_by_id", "confirmed", "confirmed")}
        {said_by("h.withdrawn_by_id", "withdrawn", "withdrawn")}
        WHEN (h.claim_id::text, h.amount_fen::text, h.reference) IS DISTINCT FROM
            (recorded.after ->> 'claim', recorded.after ->> 'amount_fen',
                recorded.after ->> 'reference')
            THEN 'it is not what the trail says was recorded'
        WHEN h.recorded_by_id = h.confirmed_by_id OR h.payee_id IN (h.recorded_by_id,
                h.confirmed_by_id) THEN 'one person recorded and confirmed it, or was paid by it'
        WHEN h.confirmed_at IS NOT NULL AND c.status <> 'committed'
            THEN 'it was confirmed, and its reward is ' || c.status
    END AS because) AS wrong
    WHERE h.community_id = %(community)s AND wrong.because IS NOT NULL
        AND (h.id >= %(since_id)s
            OR greatest(h.confirmed_at, h.withdrawn_at) >= %(since)s)
"""

_PAID_BY_WECHAT = f"""
    SELECT 'payouts_payout', o.id, wrong.because
    FROM payouts_payout o
    {_OF_REWARD.format(row="o", claim="split_part(o.subject, ':', 2)::uuid")}
    CROSS JOIN LATERAL (SELECT CASE
        {_TERMS.format(row="o")}
        WHEN o.holder <> a.holder THEN format('it is for %%s, its reward for %%s', o.holder,
            a.holder)
        WHEN o.status = 'succeeded' AND o.next_at IS NULL AND o.given_up_at IS NULL
                AND c.status <> 'committed'
            THEN 'it succeeded, and its reward is ' || c.status
    END AS because) AS wrong
    WHERE o.community_id = %(community)s AND o.subject LIKE 'reward:%%'
        AND (o.status = 'succeeded' OR o.finished_at IS NULL) AND wrong.because IS NOT NULL
        AND (o.id >= %(since_id)s OR o.finished_at IS NULL OR o.finished_at >= %(since)s)
"""

# A reward that repaid what its person owed, whole, was paid by nobody.
_PAID_ONCE = """
    SELECT 'points_claim', c.id, format('it is paid, by %%s payouts and %%s times by hand',
        by_wechat.count, by_hand.count)
    FROM points_claim c
    JOIN points_account a ON a.community_id = %(community)s AND a.id = c.payee_id
    CROSS JOIN LATERAL (
        SELECT count(*) FROM payouts_payout o
        WHERE o.community_id = %(community)s AND o.subject = 'reward:' || c.id
            AND o.status = 'succeeded'
    ) AS by_wechat
    CROSS JOIN LATERAL (
        SELECT count(*) FROM volunteers_handpayment h
        WHERE h.community_id = %(community)s AND h.claim_id = c.id AND h.confirmed_at IS NOT NULL
    ) AS by_hand
    WHERE c.community_id = %(community)s AND c.status = 'committed' AND a.unit = 'fen'
        AND split_part(c.subject, ':', 1) IN ('report', 'confirmation')
        AND c.resolved_at >= %(since)s
        AND by_wechat.count + by_hand.count <> (c.amount > coalesce(c.set_off, 0))::int
"""

register(
    Check(
        name=REWARD_PAYMENTS,
        kind=Kind.SETTLEMENTS,
        promise=_("Each reward that the books call paid was paid once, to its person, by two."),
        advice=_("Ask WeChat about its number, or look for the receipt, before it is paid again."),
        tables=("volunteers_handpayment", "payouts_payout", "points_claim"),
        findings=queried(REWARD_PAYMENTS, _PAID_BY_HAND, _PAID_BY_WECHAT, _PAID_ONCE),
    )
)

MEDIATIONS = "mediations"

_MEDIATIONS = f"""
    SELECT 'volunteers_mediation', m.id, wrong.because
    FROM volunteers_mediation m
    {latest("m", "opened", "mediation.open")}
    {latest("m", "ended", "mediation.end")}
    CROSS JOIN LATERAL (SELECT CASE
        WHEN m.report_id::text IS DISTINCT FROM opened.after ->> 'report'
            THEN format('it is about the report %%s, the trail says %%s', m.report_id,
                coalesce(opened.after ->> 'report', 'none'))
        WHEN m.status <> coalesce(ended.after ->> 'status', 'open')
            THEN format('it is %%s, the trail says %%s', m.status,
                coalesce(ended.after ->> 'status', 'open'))
        WHEN m.ended_at IS DISTINCT FROM (ended.after ->> 'ended_at')::timestamptz
            THEN format('it ended at %%s, the trail says %%s', m.ended_at,
                ended.after ->> 'ended_at')
        {said_by("m.opened_by_id", "opened", "opened")}
        {said_by("m.ended_by_id", "ended", "ended")}
    END AS because) AS wrong
    WHERE m.community_id = %(community)s AND wrong.because IS NOT NULL
        AND (m.id >= %(since_id)s OR m.ended_at >= %(since)s)
"""

register(
    Check(
        name=MEDIATIONS,
        kind=Kind.AWARDS,
        promise=_(
            "A mediation is about the report for which it was opened, and ended as, when and by"
            " whom the trail names: the published rate follows from it."
        ),
        advice=_("Ask who ended it; the trail has the outcome that was recorded."),
        tables=("volunteers_mediation",),
        findings=queried(MEDIATIONS, _MEDIATIONS),
    )
)
