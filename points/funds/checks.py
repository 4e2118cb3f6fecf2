"""Checks of funds: each transfer has its event, each reservation its hold, and nobody overtook."""

# ruff: noqa: S608  # SQL made of constants

from django.utils.translation import gettext_lazy as _

from backend.registries.checks import Check, Kind, queried, register

# All that funds say moved, as the transfers that there must be.
_EVENTS = """
    SELECT 'points_topup' AS of, u.id, 'fund_top_up:' || u.id AS key,
        f.account_id AS fund_account, NULL::uuid AS debit_id,
        f.account_id AS credit_id, u.amount
    FROM points_topup u LEFT JOIN points_fund f
        ON f.community_id = u.community_id AND f.id = u.fund_id
    WHERE u.community_id = %(community)s AND u.id >= {since_id}
    UNION ALL
    SELECT 'points_claim', c.id, 'fund_claim:' || c.id, f.account_id, f.account_id, c.payee_id,
        c.amount
    FROM points_claim c LEFT JOIN points_fund f
        ON f.community_id = c.community_id AND f.id = c.fund_id
    WHERE c.community_id = %(community)s AND c.status = 'committed'
        AND (c.id >= {since_id} OR c.resolved_at >= {since})
    UNION ALL
    SELECT 'points_fund', f.id, format('fund_%%s:%%s', f.ending, f.id), f.account_id, f.account_id,
        i.account_id, f.ended_amount
    FROM points_fund f LEFT JOIN points_fund i
        ON i.community_id = f.community_id AND i.id = f.carried_into_id
    WHERE f.community_id = %(community)s AND f.ended_amount > 0
"""
_NEW_EVENTS = _EVENTS.format(since_id="%(since_id)s", since="%(since)s")
_ALL_EVENTS = _EVENTS.format(since_id="'00000000-0000-0000-0000-000000000000'", since="'-infinity'")
_UNDONE = f"""
    SELECT e.of, e.id, CASE
        WHEN t.id IS NULL THEN 'its transfer is gone'
        ELSE format('it says that %%s moved, transfer %%s moves %%s or between other accounts',
            e.amount, t.id, t.amount)
    END
    FROM ({_NEW_EVENTS}) AS e
    LEFT JOIN points_transfer t ON t.community_id = %(community)s AND t.key = e.key
    LEFT JOIN points_account d ON d.community_id = t.community_id AND d.id = t.debit_id
    LEFT JOIN points_account k ON k.community_id = t.community_id AND k.id = t.credit_id
    WHERE t.id IS NULL OR t.amount <> e.amount
        OR t.debit_id <> e.debit_id OR d.kind <> 'issuance' AND e.debit_id IS NULL
        OR t.credit_id <> e.credit_id OR k.kind <> 'issuance' AND e.credit_id IS NULL
"""
# What was reversed of a claim is the business of the reversal that asked for it.
_UNEXPLAINED = f"""
    SELECT 'points_transfer', t.id,
        'it moves money of a fund, and nothing that the fund did explains it'
    FROM points_fund f
    JOIN points_transfer t ON t.community_id = f.community_id
        AND (t.debit_id = f.account_id OR t.credit_id = f.account_id)
    WHERE f.community_id = %(community)s AND t.community_id = %(community)s
        AND t.id >= %(since_id)s AND t.reverses_id IS NULL
        AND t.key NOT IN (SELECT e.key FROM ({_ALL_EVENTS}) AS e)
"""

_FUNDS = """
    SELECT 'points_fund', f.id, wrong.because
    FROM points_fund f
    LEFT JOIN points_account a ON a.community_id = f.community_id AND a.id = f.account_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(c.amount), 0) AS amount FROM points_claim c
        WHERE c.community_id = f.community_id AND c.fund_id = f.id AND c.status = 'reserved'
    ) AS reserved
    CROSS JOIN LATERAL (SELECT CASE
        WHEN a.id IS NULL THEN 'its account is gone'
        WHEN (a.kind, a.holder) IS DISTINCT FROM ('fund', 'fund:' || f.id)
            THEN 'its account is another''s'
        WHEN a.held <> reserved.amount
            THEN format('its claims reserve %%s, its account holds %%s', reserved.amount, a.held)
        WHEN f.ending IS NOT NULL AND EXISTS (
            SELECT FROM points_claim c WHERE c.community_id = f.community_id AND c.fund_id = f.id
                AND c.status IN ('waiting', 'reserved', 'unclaimed')
        ) THEN 'it has ended, and claims on it are open'
    END AS because) AS wrong
    WHERE f.community_id = %(community)s AND wrong.because IS NOT NULL
"""

_CLAIMS = """
    SELECT 'points_claim', c.id, wrong.because
    FROM points_claim c
    LEFT JOIN points_fund f ON f.community_id = c.community_id AND f.id = c.fund_id
    LEFT JOIN points_hold h ON h.community_id = c.community_id AND h.id = c.hold_id
    LEFT JOIN points_account p ON p.community_id = c.community_id AND p.id = c.payee_id
    LEFT JOIN points_transfer t
        ON t.community_id = c.community_id AND t.key = 'fund_claim:' || c.id
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
    JOIN points_claim w ON w.community_id = c.community_id AND w.fund_id = c.fund_id
        AND (w.closed_at, w.id) < (c.closed_at, c.id)
    WHERE c.community_id = %(community)s AND w.community_id = %(community)s
        AND c.status IN ('reserved', 'committed')
        AND coalesce(c.resolved_at, c.reserved_at) >= %(since)s AND w.waiting_since < c.reserved_at
        AND CASE
            WHEN w.status = 'waiting' THEN true
            WHEN w.reserved_at > w.waiting_since THEN w.reserved_at > c.reserved_at
            ELSE w.resolved_at > c.reserved_at
        END
"""

register(
    Check(
        name="funds",
        kind=Kind.LEDGER,
        promise=_(
            "Each transfer of a fund has its event, each reservation its hold, and nobody overtook."
        ),
        advice=_(
            "Money of a fund moved for no reason on record, or out of its turn. Stop paying from"
            " the fund, compare its entries with the papers about it, and correct what differs."
        ),
        tables=("points_fund", "points_topup", "points_claim"),
        findings=queried("funds", _UNDONE, _UNEXPLAINED, _FUNDS, _CLAIMS, _QUEUE),
    ),
)
