"""Checks of accounts, transfers, holds, reversals, awards and expiries against each other.

Each query returns the rows that are wrong and why. Each is one statement, which sees one moment of
the ledger, so people may post meanwhile.
"""

# ruff: noqa: S608  # SQL made of constants

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from backend.communities.models import Community
from points.ledger.triggers import FLOORED_SQL
from points.seals.services.verifying.findings import Finding, rows_of

# A transfer has its id and its time within this span of being committed, and so is in the first
# seal that is closed this much later. Nobody's transaction may last longer.
LONGEST_TRANSACTION = timedelta(hours=6)

_SPAN = f"interval '{LONGEST_TRANSACTION.total_seconds():.0f} s'"


class Check(NamedTuple):
    """A check: ``queries`` return the rows of ``tables`` that break ``promise``."""

    name: str
    promise: str
    tables: tuple[str, ...]
    queries: tuple[str, ...]

    def findings(self, community: Community) -> Iterator[Finding]:
        for query in self.queries:
            for row, because in rows_of(query, {"community": community.pk}):
                yield Finding(self.name, row, because)


def _name(kind: str, alias: str) -> str:
    return f"format('{kind} %%s (%%s)', {alias}.id, {alias}.key)"


_ACCOUNT = "format('account %%s (%%s)', a.id, concat_ws(' ', a.kind, a.unit, a.holder))"
_TRANSFER = _name("transfer", "t")

_BELOW_ZERO = f"""
    SELECT {_ACCOUNT}, format('credits %%s, debits %%s, held %%s, shortfall %%s: below zero',
        a.credits, a.debits, a.held, a.shortfall)
    FROM points_account a
    WHERE a.community_id = %(community)s AND (a.credits < a.debits + a.held
        OR least(a.credits, a.debits, a.held, a.shortfall) < 0)
"""


def _used_twice(table: str) -> str:
    return f"""
        SELECT format('{table} with the key %%s', key),
            format('there are %%s, among them %%s and %%s', count(*), min(id::text), max(id::text))
        FROM points_{table} WHERE community_id = %(community)s GROUP BY key HAVING count(*) > 1
    """


# UUIDv7 begins with milliseconds.
_MADE_AT = """to_timestamp(
    ('x' || translate(left(t.id::text, 13), '-', ''))::bit(48)::bigint / 1000::float8
)"""


def _in_one_book(table: str, of_its_own: str) -> str:
    return f"""
        SELECT {_name(table, "t")}, wrong.because
        FROM points_{table} t
        LEFT JOIN points_account d ON d.id = t.debit_id
        LEFT JOIN points_account c ON c.id = t.credit_id
        CROSS JOIN LATERAL (SELECT CASE
            WHEN t.amount <= 0 THEN 'its amount is ' || t.amount
            WHEN t.debit_id = t.credit_id THEN 'both its accounts are the same'
            WHEN d.id IS NULL THEN 'there is no account ' || t.debit_id
            WHEN c.id IS NULL THEN 'there is no account ' || t.credit_id
            WHEN d.community_id <> t.community_id OR c.community_id <> t.community_id
                THEN 'an account of it is another community''s'
            WHEN d.unit <> c.unit THEN 'it turns ' || d.unit || ' into ' || c.unit
            {of_its_own}
        END AS because) AS wrong
        WHERE t.community_id = %(community)s AND wrong.because IS NOT NULL
    """


_POSTED_WHEN_MADE = f"""
    WHEN t.posted_at NOT BETWEEN {_MADE_AT} - {_SPAN} AND {_MADE_AT} + {_SPAN}
        THEN 'it says posted at ' || t.posted_at || ', its id was made at ' || {_MADE_AT}
"""
_HELD_OF_A_FLOOR = f"""
    WHEN d.kind NOT IN ({FLOORED_SQL}) THEN 'a ' || d.kind || ' holds nothing back'
"""

# A transfer belongs to the reversal that is in its key, whatever else it is a part of.
_ASKED_FOR = "(r.key = asked.key OR starts_with(r.key, 'reversal:' || asked.id || ':'))"

_REVERSING = f"""
    SELECT {_name("transfer", "r")}, wrong.because
    FROM points_transfer r
    LEFT JOIN points_transfer t ON t.id = r.reverses_id AND t.community_id = r.community_id
    CROSS JOIN LATERAL (SELECT CASE
        WHEN t.id IS NULL THEN 'transfer ' || r.reverses_id || ', which it reverses, is gone'
        WHEN t.reverses_id IS NOT NULL THEN 'it reverses a reversal, transfer ' || t.id
        WHEN (r.debit_id, r.credit_id) <> (t.credit_id, t.debit_id)
            THEN 'it does not go back the way of transfer ' || t.id
        WHEN r.expires_on IS DISTINCT FROM t.expires_on AND NOT EXISTS (
            SELECT FROM points_account d, points_account c
            WHERE d.id = t.debit_id AND d.kind = 'wallet'
                AND c.id = t.credit_id AND c.kind <> 'wallet'
        ) THEN 'it does not expire with transfer ' || t.id
        WHEN NOT EXISTS (
            SELECT FROM points_reversal asked
            WHERE asked.community_id = r.community_id AND asked.transfer_id = t.id AND {_ASKED_FOR}
        ) THEN 'no reversal of transfer ' || t.id || ' asked for it'
    END AS because) AS wrong
    WHERE r.community_id = %(community)s AND r.reverses_id IS NOT NULL
        AND wrong.because IS NOT NULL
"""

_REVERSALS = f"""
    SELECT {_name("reversal", "asked")}, wrong.because
    FROM (
        SELECT *, sum(amount) OVER (PARTITION BY transfer_id) AS of_transfer
        FROM points_reversal WHERE community_id = %(community)s
    ) AS asked
    LEFT JOIN points_transfer t
        ON t.id = asked.transfer_id AND t.community_id = asked.community_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(r.amount), 0) AS recovered FROM points_transfer r
        WHERE r.community_id = asked.community_id AND r.reverses_id = asked.transfer_id
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
    SELECT {_name("hold", "h")}, wrong.because
    FROM points_hold h
    LEFT JOIN points_transfer t ON t.community_id = h.community_id AND t.key = h.key
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
        WHEN t.posted_at > h.expires_at + {_SPAN}
            THEN format('it expired at %%s and was captured at %%s', h.expires_at, t.posted_at)
    END AS because) AS wrong
    WHERE h.community_id = %(community)s AND wrong.because IS NOT NULL
"""

# What is shown less what it must be; added up first, so that no join meets the whole ledger.
_TOTALS = f"""
    SELECT {_ACCOUNT}, format('%%s %%s, should be %%s', total.name, total.shown, total.due)
    FROM (
        SELECT account_id, sum(credits) AS credits, sum(debits) AS debits, sum(held) AS held,
            sum(shortfall) AS shortfall
        FROM (
            SELECT id AS account_id, credits, debits, held, shortfall FROM points_account
            WHERE community_id = %(community)s
            UNION ALL SELECT credit_id, -amount, 0, 0, 0 FROM points_transfer
            WHERE community_id = %(community)s
            UNION ALL SELECT debit_id, 0, -amount, 0, 0 FROM points_transfer
            WHERE community_id = %(community)s
            UNION ALL SELECT debit_id, 0, 0, -amount, 0 FROM points_hold
            WHERE community_id = %(community)s AND state = 'held'
            UNION ALL SELECT account_id, 0, 0, 0, recovered - amount FROM points_reversal
            WHERE community_id = %(community)s AND recovered < amount
        ) AS movements GROUP BY account_id
    ) AS off
    JOIN points_account a ON a.id = off.account_id
    CROSS JOIN LATERAL (VALUES
        ('credits', a.credits, a.credits - off.credits),
        ('debits', a.debits, a.debits - off.debits),
        ('held', a.held, a.held - off.held),
        ('shortfall', a.shortfall, a.shortfall - off.shortfall)
    ) AS total (name, shown, due)
    WHERE a.community_id = %(community)s AND a.kind IN ({FLOORED_SQL})
        AND total.shown <> total.due
"""

_NO_TOTALS = f"""
    SELECT {_ACCOUNT}, 'it has no floor and so keeps no totals'
    FROM points_account a
    WHERE a.community_id = %(community)s AND a.kind NOT IN ({FLOORED_SQL})
        AND (a.credits, a.debits, a.held, a.shortfall) <> (0, 0, 0, 0)
"""

_EARNED = f"""
    SELECT {_ACCOUNT}, format('earned until %%s: %%s, should be %%s',
        coalesce(off.expires_on::text, 'ever'), off.shown, off.shown - off.points)
    FROM (
        SELECT account_id, expires_on, sum(shown) AS shown, sum(points) AS points
        FROM (
            SELECT account_id, expires_on, points AS shown, points FROM points_earned
            WHERE community_id = %(community)s
            UNION ALL SELECT t.credit_id, t.expires_on, 0, -t.amount FROM points_transfer t
            JOIN points_account d ON d.id = t.debit_id
            WHERE t.community_id = %(community)s AND (t.reverses_id IS NULL
                OR t.expires_on IS NOT NULL AND d.kind <> 'wallet')
            UNION ALL SELECT debit_id, expires_on, 0, amount FROM points_transfer
            WHERE community_id = %(community)s AND reverses_id IS NOT NULL
        ) AS movements GROUP BY account_id, expires_on HAVING sum(points) <> 0
    ) AS off
    JOIN points_account a ON a.id = off.account_id AND a.kind = 'wallet'
"""

_AWARDS = """
    SELECT format('award %%s (%%s)', w.id, w.source), wrong.because
    FROM points_award w
    LEFT JOIN points_account a ON a.community_id = w.community_id AND a.id = w.account_id
    LEFT JOIN points_transfer t ON t.id = w.transfer_id
    LEFT JOIN points_ruleversion v ON v.id = w.rule_version_id
    CROSS JOIN LATERAL (SELECT coalesce(t.explanation, w.explanation_of_nothing) AS said) AS why
    CROSS JOIN LATERAL (SELECT CASE
        WHEN w.transfer_id IS NULL AND w.amount <> 0
            THEN format('it earned %%s, and there is no transfer', w.amount)
        WHEN w.transfer_id IS NOT NULL AND t.id IS NULL
            THEN 'transfer ' || w.transfer_id || ' is gone'
        WHEN t.id IS NOT NULL AND (t.community_id, t.key,
                CASE WHEN w.amount < 0 THEN t.debit_id ELSE t.credit_id END)
            IS DISTINCT FROM (w.community_id, w.source, w.account_id)
            THEN 'transfer ' || t.id || ' is not to its wallet or under its name'
        WHEN a.unit IS DISTINCT FROM w.unit
            THEN format('it is in %%s, its wallet in %%s', w.unit, a.unit)
        WHEN t.amount <> abs(w.amount)
            THEN format('it earned %%s, transfer %%s moves %%s', w.amount, t.id, t.amount)
        WHEN w.rule_version_id IS NOT NULL AND v.id IS NULL
            THEN 'rule version ' || w.rule_version_id || ' is gone'
        WHEN (why.said #>> '{rule,id}', why.said #>> '{rule,version}')
            IS DISTINCT FROM (v.rule_id::text, v.number::text)
            THEN format('it stands on version %%s of rule %%s, its explanation on %%s of %%s',
                v.number, v.rule_id, why.said #>> '{rule,version}', why.said #>> '{rule,id}')
        WHEN (why.said #>> '{kind,name}', why.said #>> '{kind,inputs}')
            IS DISTINCT FROM (w.kind, w.inputs_version::text)
            THEN format('it is of %%s %%s, its explanation of %%s %%s', w.kind, w.inputs_version,
                why.said #>> '{kind,name}', why.said #>> '{kind,inputs}')
        WHEN why.said #>> ARRAY['arithmetic', w.unit] IS DISTINCT FROM w.amount::text
            THEN format('it earned %%s, its arithmetic comes to %%s',
                w.amount, why.said #>> ARRAY['arithmetic', w.unit])
    END AS because) AS wrong
    WHERE w.community_id = %(community)s AND wrong.because IS NOT NULL
"""

_VOIDS = """
    SELECT format('void %%s (%%s)', x.id, w.source), wrong.because
    FROM points_void x
    LEFT JOIN points_award w ON w.community_id = x.community_id AND w.id = x.award_id
    LEFT JOIN points_reversal r ON r.community_id = x.community_id AND r.id = x.reversal_id
    CROSS JOIN LATERAL (
        SELECT sum(whole.amount) AS amount FROM points_reversal whole
        WHERE whole.community_id = x.community_id AND whole.transfer_id = w.transfer_id
    ) AS back
    CROSS JOIN LATERAL (SELECT CASE
        WHEN w.id IS NULL THEN 'award ' || x.award_id || ' is gone'
        WHEN EXISTS (
            SELECT FROM points_void other
            WHERE other.community_id = x.community_id AND other.award_id = w.id
                AND other.id < x.id
        ) THEN 'its award was voided before'
        WHEN w.amount <> 0 AND r.id IS NULL THEN 'no reversal takes back its award'
        WHEN r.id IS NOT NULL AND (r.transfer_id, r.key)
            IS DISTINCT FROM (w.transfer_id, 'void:' || w.source)
            THEN 'reversal ' || r.id || ' is not of its award'
        WHEN back.amount <> abs(w.amount)
            THEN format('%%s of %%s are taken back', back.amount, abs(w.amount))
    END AS because) AS wrong
    WHERE x.community_id = %(community)s AND wrong.because IS NOT NULL
"""

_VOIDING = f"""
    SELECT {_name("reversal", "r")}, 'nothing was voided by it'
    FROM points_reversal r
    WHERE r.community_id = %(community)s AND r.reason = 'void' AND starts_with(r.key, 'void:')
        AND NOT EXISTS (
            SELECT FROM points_void x
            WHERE x.community_id = r.community_id AND x.reversal_id = r.id
        )
"""

# Of an expiry: whose it is, of which day, and that it says why.
_EXPIRIES = f"""
    SELECT {_TRANSFER}, wrong.because
    FROM points_transfer t
    JOIN points_account d ON d.id = t.debit_id
    JOIN points_account c ON c.id = t.credit_id
    JOIN communities_community place ON place.id = t.community_id
    CROSS JOIN LATERAL (SELECT
        (t.explanation ->> 'expires_on')::date AS day,
        (t.explanation ->> 'available')::bigint AS available,
        (t.explanation ->> 'kept')::bigint AS kept
    ) AS said
    CROSS JOIN LATERAL (SELECT CASE
        WHEN (t.reason, c.kind, d.kind) IS DISTINCT FROM ('expiry', 'expired', 'wallet')
            THEN 'nothing but expiry takes what a wallet loses'
        WHEN 'expire:' || t.debit_id || ':' || said.day
                IS DISTINCT FROM substr(t.key, 1, 54)
            OR t.source IS DISTINCT FROM 'expiry:' || said.day
            THEN 'it is not of the wallet and the day that it says'
        WHEN t.amount IS DISTINCT FROM said.available - said.kept
            THEN format('it took %%s, of %%s it had to keep %%s', t.amount, said.available,
                said.kept)
        WHEN t.posted_at < (said.day + 1)::timestamp AT TIME ZONE place.timezone
            THEN 'its day was not over'
    END AS because) AS wrong
    WHERE t.community_id = %(community)s AND t.reverses_id IS NULL
        AND (starts_with(t.key, 'expire:') OR t.reason = 'expiry' OR c.kind = 'expired')
        AND wrong.because IS NOT NULL
"""

CHECKS = (
    Check("floors", "no account is below zero", ("account",), (_BELOW_ZERO,)),
    Check(
        "keys",
        "one key moves points once",
        ("transfer", "hold"),
        (_used_twice("transfer"), _used_twice("hold")),
    ),
    Check(
        "books",
        "amounts are positive, both accounts are there, differ, share community and unit",
        ("transfer", "hold"),
        (_in_one_book("transfer", _POSTED_WHEN_MADE), _in_one_book("hold", _HELD_OF_A_FLOOR)),
    ),
    Check(
        "reversals",
        "each goes back the way of its transfer, never more than it, as far as is on record",
        ("transfer", "reversal"),
        (_REVERSING, _REVERSALS),
    ),
    Check(
        "holds",
        "what was captured is its transfer, in time; what was not has none",
        ("hold",),
        (_HOLDS,),
    ),
    Check(
        "totals",
        "what accounts show is the sum of their transfers, holds and reversals",
        ("transfer", "account", "hold", "reversal", "earned"),
        (_TOTALS, _NO_TOTALS, _EARNED),
    ),
    Check(
        "awards",
        "each has its transfer and names its rule version (`recompute` derives them anew)",
        ("award",),
        (_AWARDS,),
    ),
    Check(
        "voids",
        "each takes back one award, whole, and each award is voided once",
        ("void",),
        (_VOIDS, _VOIDING),
    ),
    Check(
        "expiry",
        "what a wallet lost is of a day that was over, and what it did not keep",
        ("transfer",),
        (_EXPIRIES,),
    ),
)
