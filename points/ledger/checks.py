"""Checks of accounts, transfers, holds and reversals against each other.

Each query returns the rows that are wrong and why. Each is one statement, which sees one moment of
the ledger, so people may post meanwhile.
"""

# ruff: noqa: S608  # SQL made of constants

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from backend.registries.checks import (
    SPAN,
    Check,
    Finding,
    Kind,
    Scope,
    made_at,
    queried,
    register,
)
from points.ledger import selectors
from points.ledger.triggers import FLOORED_SQL

# Whoever something moved from or to since then; all there are if everything is read.
_TOUCHED = """
    WITH touched AS (
        SELECT a.id FROM points_account a
        WHERE a.community_id = %(community)s AND (%(whole)s OR a.id >= %(since_id)s)
        UNION SELECT t.debit_id FROM points_transfer t
        WHERE NOT %(whole)s AND t.community_id = %(community)s AND t.id >= %(since_id)s
        UNION SELECT t.credit_id FROM points_transfer t
        WHERE NOT %(whole)s AND t.community_id = %(community)s AND t.id >= %(since_id)s
        UNION SELECT h.debit_id FROM points_hold h
        WHERE NOT %(whole)s AND h.community_id = %(community)s
            AND (h.id >= %(since_id)s OR h.resolved_at >= %(since)s)
        UNION SELECT r.account_id FROM points_reversal r
        WHERE NOT %(whole)s AND r.community_id = %(community)s AND r.id >= %(since_id)s
    )
"""

_BELOW_ZERO = """
    SELECT 'points_account', a.id, format('credits %%s, debits %%s, held %%s, shortfall %%s:'
        ' below zero', a.credits, a.debits, a.held, a.shortfall)
    FROM points_account a
    WHERE a.community_id = %(community)s AND (a.credits < a.debits + a.held
        OR least(a.credits, a.debits, a.held, a.shortfall) < 0)
"""


def _used_twice(table: str) -> str:
    return f"""
        SELECT '{table}', min(twice.id::text),
            format('its key %%s is that of %%s rows, also of %%s', twice.key, count(*),
                max(twice.id::text))
        FROM {table} new
        JOIN {table} twice ON twice.community_id = %(community)s AND twice.key = new.key
        WHERE new.community_id = %(community)s AND new.id >= %(since_id)s
            AND NOT %(whole)s
        GROUP BY new.id, twice.key HAVING count(*) > 1
        UNION
        SELECT '{table}', min(twice.id::text),
            format('its key %%s is that of %%s rows, also of %%s', twice.key, count(*),
                max(twice.id::text))
        FROM {table} twice
        WHERE %(whole)s AND twice.community_id = %(community)s
        GROUP BY twice.key HAVING count(*) > 1
    """


def _in_one_book(table: str, of_its_own: str) -> str:
    return f"""
        SELECT '{table}', t.id, wrong.because
        FROM {table} t
        LEFT JOIN points_account d ON d.community_id = %(community)s AND d.id = t.debit_id
        LEFT JOIN points_account c ON c.community_id = %(community)s AND c.id = t.credit_id
        CROSS JOIN LATERAL (SELECT CASE
            WHEN t.amount <= 0 THEN 'its amount is ' || t.amount
            WHEN t.debit_id = t.credit_id THEN 'both its accounts are the same'
            WHEN d.id IS NULL THEN 'its community has no account ' || t.debit_id
            WHEN c.id IS NULL THEN 'its community has no account ' || t.credit_id
            WHEN d.unit <> c.unit THEN 'it turns ' || d.unit || ' into ' || c.unit
            {of_its_own}
        END AS because) AS wrong
        WHERE t.community_id = %(community)s AND t.id >= %(since_id)s
            AND wrong.because IS NOT NULL
    """


_MADE_AT = made_at("t.id")
_POSTED_WHEN_MADE = f"""
    WHEN t.posted_at NOT BETWEEN {_MADE_AT} - {SPAN} AND {_MADE_AT} + {SPAN}
        THEN 'it says posted at ' || t.posted_at || ', its id was made at ' || {_MADE_AT}
"""
_HELD_OF_A_FLOOR = f"""
    WHEN d.kind NOT IN ({FLOORED_SQL}) THEN 'a ' || d.kind || ' holds nothing back'
"""

# A transfer belongs to the reversal that is in its key, whatever else it is a part of.
_ASKED_FOR = "(r.key = asked.key OR starts_with(r.key, 'reversal:' || asked.id || ':'))"

_REVERSING = f"""
    SELECT 'points_transfer', r.id, wrong.because
    FROM points_transfer r
    LEFT JOIN points_transfer t ON t.id = r.reverses_id AND t.community_id = %(community)s
    CROSS JOIN LATERAL (SELECT CASE
        WHEN t.id IS NULL THEN 'transfer ' || r.reverses_id || ', which it reverses, is gone'
        WHEN t.reverses_id IS NOT NULL THEN 'it reverses a reversal, transfer ' || t.id
        WHEN (r.debit_id, r.credit_id) <> (t.credit_id, t.debit_id)
            THEN 'it does not go back the way of transfer ' || t.id
        WHEN r.expires_on IS DISTINCT FROM t.expires_on AND NOT EXISTS (
            SELECT FROM points_account d, points_account c
            WHERE d.community_id = %(community)s AND d.id = t.debit_id AND d.kind = 'wallet'
                AND c.community_id = %(community)s AND c.id = t.credit_id AND c.kind <> 'wallet'
        ) THEN 'it does not expire with transfer ' || t.id
        WHEN NOT EXISTS (
            SELECT FROM points_reversal asked
            WHERE asked.community_id = %(community)s AND asked.transfer_id = t.id AND {_ASKED_FOR}
        ) THEN 'no reversal of transfer ' || t.id || ' asked for it'
    END AS because) AS wrong
    WHERE r.community_id = %(community)s AND r.id >= %(since_id)s AND r.reverses_id IS NOT NULL
        AND wrong.because IS NOT NULL
"""

_REVERSALS = f"""
    WITH reversed AS (
        SELECT r.transfer_id AS id FROM points_reversal r
        WHERE r.community_id = %(community)s AND r.id >= %(since_id)s
        UNION SELECT t.reverses_id FROM points_transfer t
        WHERE t.community_id = %(community)s AND t.id >= %(since_id)s
            AND t.reverses_id IS NOT NULL
    )
    SELECT 'points_reversal', asked.id, wrong.because
    FROM (
        SELECT r.*, sum(r.amount) OVER (PARTITION BY r.transfer_id) AS of_transfer
        FROM reversed JOIN points_reversal r ON r.transfer_id = reversed.id
        WHERE r.community_id = %(community)s
    ) AS asked
    LEFT JOIN points_transfer t
        ON t.id = asked.transfer_id AND t.community_id = %(community)s
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(r.amount), 0) AS recovered FROM points_transfer r
        WHERE r.community_id = %(community)s AND r.reverses_id = asked.transfer_id
            AND {_ASKED_FOR}
    ) AS back
    CROSS JOIN LATERAL (SELECT CASE
        WHEN t.id IS NULL THEN 'transfer ' || asked.transfer_id || ' is gone'
        WHEN t.credit_id <> asked.account_id
            THEN 'account ' || asked.account_id || ' did not get transfer ' || t.id
        WHEN asked.of_transfer > t.amount
            THEN format('%%s are taken back of transfer %%s, which moved %%s',
                asked.of_transfer, t.id, t.amount)
        WHEN asked.recovered <> back.recovered OR asked.recovered > asked.amount
            THEN format('it says %%s of %%s recovered, its transfers add up to %%s',
                asked.recovered, asked.amount, back.recovered)
    END AS because) AS wrong
    WHERE wrong.because IS NOT NULL
"""

_HOLDS = f"""
    SELECT 'points_hold', h.id, wrong.because
    FROM points_hold h
    LEFT JOIN points_transfer t ON t.community_id = %(community)s AND t.key = h.key
    CROSS JOIN LATERAL (SELECT CASE
        WHEN h.state <> 'captured' AND t.id IS NOT NULL
            THEN 'it is ' || h.state || ', and there is its transfer ' || t.id
        WHEN h.state <> 'captured' THEN NULL
        WHEN t.id IS NULL THEN 'it was captured, and transfer ' || h.transfer_id || ' is gone'
        WHEN (t.id, t.debit_id, t.credit_id, t.amount)
            IS DISTINCT FROM (h.transfer_id, h.debit_id, h.credit_id, h.captured_amount)
            THEN format('it was captured with %%s of its %%s, transfer %%s moves %%s',
                h.captured_amount, h.amount, t.id, t.amount)
        WHEN h.captured_amount > h.amount
            THEN format('%%s were captured of %%s', h.captured_amount, h.amount)
        WHEN t.posted_at > h.expires_at + {SPAN}
            THEN format('it expired at %%s and was captured at %%s', h.expires_at, t.posted_at)
    END AS because) AS wrong
    WHERE h.community_id = %(community)s AND (h.id >= %(since_id)s OR h.resolved_at >= %(since)s)
        AND wrong.because IS NOT NULL
"""

# What is shown less what it must be; added up first, so that no join meets the whole ledger.
_TOTALS = f"""
    {_TOUCHED}
    SELECT 'points_account', a.id,
        format('%%s %%s, should be %%s', total.name, total.shown, total.due)
    FROM (
        SELECT account_id, sum(credits) AS credits, sum(debits) AS debits, sum(held) AS held,
            sum(shortfall) AS shortfall
        FROM (
            SELECT a.id AS account_id, a.credits, a.debits, a.held, a.shortfall
            FROM touched JOIN points_account a ON a.id = touched.id
            WHERE a.community_id = %(community)s
            UNION ALL SELECT t.credit_id, -t.amount, 0, 0, 0
            FROM touched JOIN points_transfer t ON t.credit_id = touched.id
            WHERE t.community_id = %(community)s
            UNION ALL SELECT t.debit_id, 0, -t.amount, 0, 0
            FROM touched JOIN points_transfer t ON t.debit_id = touched.id
            WHERE t.community_id = %(community)s
            UNION ALL SELECT h.debit_id, 0, 0, -h.amount, 0
            FROM touched JOIN points_hold h ON h.debit_id = touched.id
            WHERE h.community_id = %(community)s AND h.state = 'held'
            UNION ALL SELECT r.account_id, 0, 0, 0, r.recovered - r.amount
            FROM touched JOIN points_reversal r ON r.account_id = touched.id
            WHERE r.community_id = %(community)s AND r.recovered < r.amount
        ) AS movements GROUP BY account_id
    ) AS off
    JOIN points_account a ON a.community_id = %(community)s AND a.id = off.account_id
    CROSS JOIN LATERAL (VALUES
        ('credits', a.credits, a.credits - off.credits),
        ('debits', a.debits, a.debits - off.debits),
        ('held', a.held, a.held - off.held),
        ('shortfall', a.shortfall, a.shortfall - off.shortfall)
    ) AS total (name, shown, due)
    WHERE a.kind IN ({FLOORED_SQL}) AND total.shown <> total.due
"""

_NO_TOTALS = f"""
    SELECT 'points_account', a.id, 'it has no floor and so keeps no totals'
    FROM points_account a
    WHERE a.community_id = %(community)s AND a.kind NOT IN ({FLOORED_SQL})
        AND (a.credits, a.debits, a.held, a.shortfall) <> (0, 0, 0, 0)
"""

_EARNED = f"""
    {_TOUCHED}
    SELECT 'points_account', a.id, format('earned until %%s: %%s, should be %%s',
        coalesce(off.expires_on::text, 'ever'), off.shown, off.shown - off.points)
    FROM (
        SELECT account_id, expires_on, sum(shown) AS shown, sum(points) AS points
        FROM (
            SELECT e.account_id, e.expires_on, e.points AS shown, e.points
            FROM touched JOIN points_earned e ON e.account_id = touched.id
            WHERE e.community_id = %(community)s
            UNION ALL SELECT t.credit_id, t.expires_on, 0, -t.amount
            FROM touched
            JOIN points_transfer t ON t.credit_id = touched.id
            JOIN points_account d ON d.community_id = %(community)s AND d.id = t.debit_id
            WHERE t.community_id = %(community)s AND (t.reverses_id IS NULL
                OR t.expires_on IS NOT NULL AND d.kind <> 'wallet')
            UNION ALL SELECT t.debit_id, t.expires_on, 0, t.amount
            FROM touched JOIN points_transfer t ON t.debit_id = touched.id
            WHERE t.community_id = %(community)s AND t.reverses_id IS NOT NULL
        ) AS movements GROUP BY account_id, expires_on HAVING sum(points) <> 0
    ) AS off
    JOIN points_account a ON a.community_id = %(community)s AND a.id = off.account_id
        AND a.kind = 'wallet'
"""


def _balance(scope: Scope) -> Iterator[Finding]:
    for unit, summed in selectors.trial_balance(scope.community).sums().items():
        if amount := summed.balance:
            because = f"all accounts together show {amount}, should be 0"
            yield Finding("balance", "points_account", f"unit {unit}", because)


_LOOK_AT_SEALS = _(
    "Somebody changed the database behind the system's back. Keep a copy of it as it is now, see"
    " what else was found of the same row, and put right what is wrong by a correction, not in the"
    " database."
)

register(
    Check(
        name="floors",
        kind=Kind.LEDGER,
        promise=_("No account is below zero."),
        advice=_LOOK_AT_SEALS,
        tables=("points_account",),
        findings=queried("floors", _BELOW_ZERO),
    ),
    Check(
        name="keys",
        kind=Kind.LEDGER,
        promise=_("One key moves points once."),
        advice=_(
            "One event has moved points twice, so the guard against it was taken off. See which of"
            " the two transfers is right, and reverse the other."
        ),
        tables=("points_transfer", "points_hold"),
        findings=queried("keys", _used_twice("points_transfer"), _used_twice("points_hold")),
    ),
    Check(
        name="books",
        kind=Kind.LEDGER,
        promise=_(
            "Amounts are positive; both accounts are there, differ, and share community and unit."
        ),
        advice=_LOOK_AT_SEALS,
        tables=("points_transfer", "points_hold"),
        findings=queried(
            "books",
            _in_one_book("points_transfer", _POSTED_WHEN_MADE),
            _in_one_book("points_hold", _HELD_OF_A_FLOOR),
        ),
    ),
    Check(
        name="reversals",
        kind=Kind.LEDGER,
        promise=_(
            "Each reversal goes back the way of its transfer, never more than it, as far as is on"
            " record."
        ),
        advice=_(
            "More or less was taken back than somebody asked for. Compare the transfer and its"
            " reversals with the event, and put the difference right by a correction."
        ),
        tables=("points_transfer", "points_reversal"),
        findings=queried("reversals", _REVERSING, _REVERSALS),
    ),
    Check(
        name="holds",
        kind=Kind.LEDGER,
        promise=_("What was captured is its transfer, in time; what was not has none."),
        advice=_(
            "What was set aside and what was spent differ. Ask the merchant and the volunteer what"
            " was redeemed, and refund or correct the difference."
        ),
        tables=("points_hold",),
        findings=queried("holds", _HOLDS),
    ),
    Check(
        name="totals",
        kind=Kind.LEDGER,
        promise=_("What accounts show is the sum of their transfers, holds and reversals."),
        advice=_(
            "Somebody changed a balance, or a transfer under it. If a transfer is found as well, it"
            " is the cause; if not, the balance was written to. Tell the operator: the balance has"
            " to be set to what it should be, with a second person looking."
        ),
        tables=(
            *("points_transfer", "points_account", "points_hold", "points_reversal"),
            "points_earned",
        ),
        findings=queried("totals", _TOTALS, _NO_TOTALS, _EARNED),
    ),
    Check(
        name="balance",
        kind=Kind.LEDGER,
        promise=_("All accounts of a unit add up to zero."),
        advice=_(
            "Points were made or lost without a transfer. The other findings of the ledger say"
            " where; this one goes when they do."
        ),
        tables=("points_account",),
        findings=_balance,
    ),
)
