"""Checks of funds: each reservation has its hold, claims were approved, and nobody overtook.

That money moved as funds say is checked for all events at once (points/checks.py).
"""

# ruff: noqa: S608  # SQL made of constants

from django.utils.translation import gettext_lazy as _

from backend.audit.entries import latest, said_by
from backend.registries.checks import Check, Kind, queried, register

DECISIONS = "fund_decisions"

_FUNDS = """
    SELECT 'points_fund', f.id, wrong.because
    FROM points_fund f
    LEFT JOIN points_account a ON a.community_id = %(community)s AND a.id = f.account_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(c.amount), 0) AS amount FROM points_claim c
        WHERE c.community_id = %(community)s AND c.fund_id = f.id AND c.status = 'reserved'
    ) AS reserved
    CROSS JOIN LATERAL (SELECT CASE
        WHEN a.id IS NULL THEN 'its account is gone'
        WHEN (a.kind, a.holder) IS DISTINCT FROM ('fund', 'fund:' || f.id)
            THEN 'its account is another''s'
        WHEN a.held <> reserved.amount
            THEN format('its claims reserve %%s, its account holds %%s', reserved.amount, a.held)
        WHEN f.ending IS NOT NULL AND EXISTS (
            SELECT FROM points_claim c WHERE c.community_id = %(community)s AND c.fund_id = f.id
                AND c.status IN ('waiting', 'reserved', 'unclaimed')
        ) THEN 'it has ended, and claims on it are open'
    END AS because) AS wrong
    WHERE f.community_id = %(community)s AND wrong.because IS NOT NULL
"""

_CLAIMS = """
    SELECT 'points_claim', c.id, wrong.because
    FROM points_claim c
    LEFT JOIN points_fund f ON f.community_id = %(community)s AND f.id = c.fund_id
    LEFT JOIN points_hold h ON h.community_id = %(community)s AND h.id = c.hold_id
    LEFT JOIN points_account p ON p.community_id = %(community)s AND p.id = c.payee_id
    LEFT JOIN points_transfer t
        ON t.community_id = %(community)s AND t.key = 'fund_claim:' || c.id
    CROSS JOIN LATERAL (SELECT CASE
        WHEN f.id IS NULL THEN 'fund ' || c.fund_id || ' is gone'
        WHEN c.hold_id IS NOT NULL AND (h.key, h.amount, h.credit_id) IS DISTINCT FROM
            (format('fund_claim:%%s:%%s', c.id, c.reservations), c.amount, c.payee_id)
            THEN 'hold ' || c.hold_id || ' is not of it, or is gone'
        WHEN c.status = 'reserved' AND h.debit_id IS DISTINCT FROM f.account_id
            THEN 'hold ' || c.hold_id || ' is of another account'
        WHEN (c.status = 'reserved') <> (coalesce(h.state, '') = 'held')
            THEN format('it is %%s, and its hold is %%s', c.status, coalesce(h.state, 'not there'))
        WHEN c.status <> 'committed' AND t.id IS NOT NULL
            THEN 'it is ' || c.status || ', and there is its transfer ' || t.id
        WHEN c.status = 'committed' AND c.needs_approval AND c.approved_by_id IS NULL
            THEN 'it was paid, and nobody approved it'
        WHEN c.needs_approval <> (c.amount > coalesce(f.approval_above, c.amount))
            AND f.id NOT IN (
                SELECT i.carried_into_id FROM points_fund i
                WHERE i.community_id = %(community)s AND i.carried_into_id IS NOT NULL
            )
            THEN 'whether it needs an approval is not what its fund says'
        WHEN c.approved_by_id = c.asked_by_id OR p.holder = 'person:' || c.approved_by_id
            THEN 'it was approved by who asked for it or is paid by it'
        WHEN c.status = 'committed' AND c.set_off <> (
            SELECT coalesce(sum(v.amount), 0) FROM points_recovery v
            WHERE v.community_id = %(community)s AND v.set_off_against_id = c.id
        ) THEN format('%%s were to be set off against it, and were not', c.set_off)
        WHEN c.status = 'reserved' AND c.set_off > (
            SELECT coalesce(sum(o.amount - (
                SELECT coalesce(sum(v.amount), 0) FROM points_recovery v
                WHERE v.community_id = %(community)s AND v.claim_id = o.id
            )), 0)
            FROM points_claim o
            WHERE o.community_id = %(community)s AND o.payee_id = c.payee_id
                AND o.status = 'committed' AND o.taken_back_at IS NOT NULL
        ) THEN format('%%s are to be set off against it, and not owed', c.set_off)
    END AS because) AS wrong
    WHERE c.community_id = %(community)s AND wrong.because IS NOT NULL AND (
        c.id >= %(since_id)s OR c.status IN ('waiting', 'reserved', 'unclaimed')
        OR c.resolved_at >= %(since)s OR c.reserved_at >= %(since)s
    )
"""

# Of the reservations that stand or were paid: whoever had an earlier place, and waited then.
_QUEUE = """
    SELECT 'points_claim', c.id, format('it overtook claim %%s (%%s)', w.id, w.subject)
    FROM points_claim c
    JOIN points_claim w ON w.community_id = %(community)s AND w.fund_id = c.fund_id
        AND (w.closed_at, w.id) < (c.closed_at, c.id)
        AND (w.frozen_at IS NULL OR w.frozen_at > c.reserved_at)
    WHERE c.community_id = %(community)s AND w.community_id = %(community)s
        AND c.status IN ('reserved', 'committed')
        AND coalesce(c.resolved_at, c.reserved_at) >= %(since)s AND w.waiting_since < c.reserved_at
        AND CASE
            WHEN w.status = 'waiting' THEN true
            WHEN w.reserved_at >= w.waiting_since THEN w.reserved_at > c.reserved_at
            ELSE w.resolved_at > c.reserved_at
        END
"""

_RECOVERIES = """
    SELECT 'points_recovery', v.id, wrong.because
    FROM points_recovery v
    LEFT JOIN points_claim c ON c.community_id = %(community)s AND c.id = v.claim_id
    LEFT JOIN points_claim o ON o.community_id = %(community)s AND o.id = v.set_off_against_id
    LEFT JOIN points_account p ON p.community_id = %(community)s AND p.id = c.payee_id
    LEFT JOIN points_reversal r
        ON r.community_id = %(community)s AND r.key = 'recovery:' || v.id
    LEFT JOIN points_transfer t ON t.community_id = %(community)s AND t.id = r.transfer_id
    CROSS JOIN LATERAL (SELECT CASE
        WHEN c.status IS DISTINCT FROM 'committed' OR c.taken_back_at IS NULL
            THEN 'claim ' || v.claim_id || ' is not owed'
        WHEN t.key <> 'fund_claim:' || v.claim_id
            THEN 'its reversal ' || r.id || ' is of ' || t.key
        WHEN v.recorded_by_id = c.taken_back_by_id OR p.holder = 'person:' || v.recorded_by_id
            THEN 'it was recorded by who took the claim back or owes it'
        WHEN v.set_off_against_id IS NOT NULL
                AND (o.status, o.payee_id) IS DISTINCT FROM ('committed', c.payee_id)
            THEN 'claim ' || v.set_off_against_id || ' did not pay for it'
    END AS because) AS wrong
    WHERE v.community_id = %(community)s AND v.id >= %(since_id)s AND wrong.because IS NOT NULL
"""

# Who opened a fund, put money into it, approved a claim and ended it, as the trail has it. Funds
# are few; what they paid is not read here.
_DECIDED = f"""
    SELECT 'points_fund', f.id, wrong.because
    FROM points_fund f
    {latest("f", "opened", "fund.open")}
    {latest("f", "ended", "fund.end")}
    CROSS JOIN LATERAL (SELECT opened.after ->> 'name' AS name, opened.after ->> 'year' AS year,
        opened.after ->> 'approval_above' AS above
    ) AS said
    CROSS JOIN LATERAL (SELECT CASE
        {said_by("f.opened_by_id", "opened", "opened")}
        WHEN (f.name, f.year::text, f.approval_above::text) IS DISTINCT FROM (said.name, said.year,
                said.above)
            THEN format('it is %%s %%s with approval above %%s, the trail says %%s %%s with %%s',
                f.name, f.year, coalesce(f.approval_above::text, 'nothing'), said.name, said.year,
                coalesce(said.above, 'nothing'))
        {said_by("f.ended_by_id", "ended", "ended")}
        WHEN (f.ending, f.ended_amount::text, f.carried_into_id::text) IS DISTINCT FROM
                (ended.after ->> 'ending', ended.after ->> 'amount', ended.after ->> 'carried_into')
            THEN format('it ended as %%s with %%s, the trail says %%s with %%s', f.ending,
                f.ended_amount, ended.after ->> 'ending', ended.after ->> 'amount')
    END AS because) AS wrong
    WHERE f.community_id = %(community)s AND wrong.because IS NOT NULL
    UNION ALL
    SELECT 'points_topup', u.id, format('%%s put %%s into it, and the trail does not say so',
        u.topped_up_by_id, u.amount)
    FROM points_topup u
    WHERE u.community_id = %(community)s AND u.id >= %(since_id)s AND NOT EXISTS (
        SELECT FROM audit_auditentry x
        WHERE x.community_id = %(community)s AND x.target_type = 'fund'
            AND x.target_id = u.fund_id::text AND x.action = 'fund.top_up'
            AND x.actor_id = u.topped_up_by_id AND x.after ->> 'top_up' = u.id::text
            AND x.after ->> 'amount' = u.amount::text
    )
    UNION ALL
    SELECT 'points_claim', c.id, wrong.because
    FROM points_claim c
    {latest("c", "approved", "claim.approve")}
    {latest("c", "back", "claim.take_back")}
    {latest("c", "frozen", "claim.freeze", "claim.thaw")}
    CROSS JOIN LATERAL (SELECT CASE
        {said_by("c.approved_by_id", "approved", "approved")}
        {said_by("c.taken_back_by_id", "back", "taken back")}
        WHEN (c.frozen_at IS NOT NULL) <> coalesce((frozen.after ->> 'is_frozen')::boolean, false)
            THEN 'whether it is frozen is not what the trail says'
    END AS because) AS wrong
    WHERE c.community_id = %(community)s AND wrong.because IS NOT NULL AND (
        c.id >= %(since_id)s OR c.status IN ('waiting', 'reserved', 'unclaimed')
        OR greatest(c.approved_at, c.resolved_at, c.taken_back_at) >= %(since)s
    )
    UNION ALL
    SELECT 'points_recovery', v.id, format('%%s recorded %%s, and the trail does not say so',
        v.recorded_by_id, v.amount)
    FROM points_recovery v
    WHERE v.community_id = %(community)s AND v.id >= %(since_id)s
        AND v.set_off_against_id IS NULL AND NOT EXISTS (
            SELECT FROM audit_auditentry x
            WHERE x.community_id = %(community)s AND x.target_type = 'claim'
                AND x.target_id = v.claim_id::text AND x.action = 'claim.recover'
                AND x.actor_id = v.recorded_by_id AND x.after ->> 'recovery' = v.id::text
                AND x.after ->> 'amount' = v.amount::text
        )
"""

register(
    Check(
        name="funds",
        kind=Kind.LEDGER,
        promise=_(
            "Each claim on a fund is reserved and approved as it says, nobody overtook, and what"
            " came back was owed."
        ),
        advice=_(
            "Money of a fund was set aside or paid out of its turn, or without an approval. Stop"
            " paying from the fund, and compare its entries with the papers about it."
        ),
        tables=("points_fund", "points_topup", "points_claim", "points_recovery"),
        findings=queried("funds", _FUNDS, _CLAIMS, _QUEUE, _RECOVERIES),
    ),
    Check(
        name=DECISIONS,
        kind=Kind.AWARDS,
        promise=_(
            "Funds were opened, filled and ended, and claims approved, by whom the trail names."
        ),
        advice=_("Ask whom the trail names, and pay nothing from the fund until then."),
        tables=("points_fund", "points_topup", "points_claim", "points_recovery"),
        findings=queried(DECISIONS, _DECIDED),
    ),
)
