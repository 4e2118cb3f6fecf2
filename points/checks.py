"""Checks of the ledger against the events behind it, whoever keeps them.

Each kind of events hands in a relation (backend/registries/events.py). What was posted, held and
taken back is looked up there by its source, and what should have moved points by its key. Either is
one statement for each kind and scope, in which rows are met as the planner likes best: all of them
at once, or the few that are new by their ids.
"""

# ruff: noqa: S608  # SQL made of constants, and of what apps declare

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from backend.audit.entries import latest, said_by
from backend.registries import events
from backend.registries.checks import Check, Finding, Kind, Scope, queried, register

SOURCES, EVENTS, LOSSES, ADJUSTMENTS = "sources", "events", "losses", "adjustments"


def _uuid(text: str) -> str:
    """Return the SQL of the UUID in ``text``, NULL if it is none."""
    return f"CASE WHEN pg_input_is_valid({text}, 'uuid') THEN ({text})::uuid END"


# What has a source, in the same words: the amount goes from debit to credit.
_TRANSFERS = """
    SELECT t.id, t.community_id, t.key, t.debit_id, t.credit_id, t.amount, t.reason, t.source,
        t.occurred_at, true AS is_moved, true AS stands
    FROM points_transfer t
    WHERE t.community_id = %(community)s AND t.id >= %(since_id)s AND t.reverses_id IS NULL
"""
# A reversal may take what has expired out of there first: those are parts of it.
_REVERSALS = """
    SELECT r.id, r.community_id, r.key, t.credit_id AS debit_id, t.debit_id AS credit_id,
        r.amount, r.reason, r.source, r.occurred_at, true AS is_moved, true AS stands
    FROM points_reversal r
    LEFT JOIN points_transfer t ON t.community_id = %(community)s AND t.id = r.transfer_id
    WHERE r.community_id = %(community)s AND r.id >= %(since_id)s
        AND NOT starts_with(r.key, 'reversal:')
"""
# A claim that is carried over leaves its former reservations behind.
_HOLDS = """
    SELECT h.id, h.community_id, h.key, h.debit_id, h.credit_id, h.amount, h.reason, h.source,
        h.occurred_at, false AS is_moved, h.state <> 'voided' AS stands
    FROM points_hold h
    WHERE h.community_id = %(community)s AND h.id >= %(since_id)s
"""


def _posted(kind: events.Kind) -> list[tuple[str, str]]:
    """Return the tables, and what of each is looked at, in which the kind's sources may stand."""
    if kind.takes_back:
        return [("points_reversal", _REVERSALS)]
    return [("points_transfer", _TRANSFERS), *[("points_hold", _HOLDS)] * kind.reserves]


def _opens(kind: events.Kind, table: str, posted: str) -> str:
    """Return the query for what was posted with a source of the kind, and its event denies."""
    opened = "e.source = t.source"
    if not kind.is_by_source:  # by the id, which has an index
        opened += f" AND e.id = {_uuid(f'substr(t.source, {len(kind.name) + 2})')}"
    return f"""
        SELECT '{table}', t.id, wrong.because
        FROM ({posted}) AS t
        LEFT JOIN points_account d ON d.community_id = %(community)s AND d.id = t.debit_id
        LEFT JOIN points_account c ON c.community_id = %(community)s AND c.id = t.credit_id
        LEFT JOIN ({kind.relation}) AS e ON {opened}
        CROSS JOIN LATERAL (SELECT CASE
            WHEN e.id IS NULL THEN 'its source ' || t.source || ' opens nothing'
            WHEN t.is_moved AND NOT e.moves
                THEN t.source || ' is there, and has moved nothing'
            WHEN t.is_moved AND e.key <> t.key
                THEN format('%%s moved points under the key %%s, this has %%s', t.source, e.key,
                    t.key)
            WHEN t.is_moved AND e.named <> t.id
                THEN format('%%s names %%s as what it moved', t.source, e.named)
            WHEN e.amount <> t.amount
                THEN format('it is of %%s, %%s of %%s', t.amount, t.source, e.amount)
            WHEN e.unit <> d.unit
                THEN format('it is in %%s, %%s in %%s', d.unit, t.source, e.unit)
            WHEN e.reason <> t.reason
                THEN format('its reason is %%s, that of %%s is %%s', t.reason, t.source, e.reason)
            WHEN t.stands AND (d.kind, d.holder)
                    <> (coalesce(e.debit_kind, d.kind), coalesce(e.debit_holder, d.holder))
                THEN format('it takes from %%s, %%s from %%s', concat_ws(' ', d.kind, d.holder),
                    t.source, concat_ws(' ', e.debit_kind, e.debit_holder))
            WHEN t.stands AND (c.kind, c.holder)
                    <> (coalesce(e.credit_kind, c.kind), coalesce(e.credit_holder, c.holder))
                THEN format('it brings to %%s, %%s to %%s', concat_ws(' ', c.kind, c.holder),
                    t.source, concat_ws(' ', e.credit_kind, e.credit_holder))
            WHEN t.is_moved AND e.at <> t.occurred_at
                THEN format('it occurred at %%s, %%s at %%s', t.occurred_at, t.source, e.at)
        END AS because) AS wrong
        WHERE starts_with(t.source, '{kind.name}:') AND wrong.because IS NOT NULL
    """


def _moved(kind: events.Kind) -> str:
    """Return the query for the kind's events that should have moved points, and have not."""
    table = "points_reversal" if kind.takes_back else "points_transfer"
    return f"""
        SELECT '{kind.table}', e.id, CASE
            WHEN t.id IS NULL THEN format('it should have moved %%s, and nothing has the key %%s',
                coalesce(e.amount::text, 'something'), e.key)
            WHEN t.source <> e.source
                THEN format('what it moved, %%s, is said to be of %%s', t.id, t.source)
            ELSE format('it names %%s as what it moved, and that is %%s', e.named, t.id)
        END
        FROM ({kind.relation}) AS e
        LEFT JOIN {table} t ON t.community_id = %(community)s AND t.key = e.key
        WHERE e.is_new AND e.moves
            AND (t.id IS NULL OR t.source <> e.source OR e.named <> t.id)
    """


def _of_no_kind(table: str, posted: str, kinds: list[str]) -> str:
    """Return the query for what was posted with a source that is of none of ``kinds``."""
    known = ", ".join(f"'{name}'" for name in kinds)
    return f"""
        SELECT '{table}', t.id, format('its source is %%s, and there is no such kind of event',
            coalesce(nullif(t.source, ''), 'empty'))
        FROM ({posted}) AS t WHERE split_part(t.source, ':', 1) NOT IN ({known})
    """


# The transfers of a reversal, and the reversals that are parts of it, say what it says of itself.
_PARTS = {
    "points_transfer": "p.reverses_id IS NOT NULL",
    "points_reversal": "starts_with(p.key, 'reversal:')",
}
_WHOSE = _uuid("substr(p.key, length('reversal:') + 1, 36)")
_PARTS_OF_MORE = f"""
    SELECT 'points_reversal', r.id, format('it is of %%s, its parts of what expired come to %%s',
        r.amount, sum(p.amount))
    FROM points_reversal p
    JOIN points_reversal r ON r.community_id = %(community)s AND r.id = {_WHOSE}
    WHERE p.community_id = %(community)s AND p.id >= %(since_id)s
        AND starts_with(p.key, 'reversal:')
    GROUP BY r.id, r.amount HAVING sum(p.amount) > r.amount
"""


def _part(table: str, is_part: str) -> str:
    return f"""
        SELECT '{table}', p.id, CASE
            WHEN r.id IS NULL THEN 'no reversal asked for it'
            ELSE format('it says %%s of %%s, its reversal %%s says %%s of %%s', p.reason, p.source,
                r.id, r.reason, r.source)
        END
        FROM {table} p
        LEFT JOIN points_reversal r ON r.community_id = %(community)s AND r.id = {_WHOSE}
        WHERE p.community_id = %(community)s AND p.id >= %(since_id)s AND {is_part}
            AND (p.reason, p.source) IS DISTINCT FROM (r.reason, r.source)
    """


def _sources(scope: Scope) -> Iterator[Finding]:
    """Yield what was posted, held or taken back, and differs from the event that it names."""
    known: dict[tuple[str, str], list[str]] = {}
    queries = []
    for kind in events.registered():
        for looked_at in _posted(kind):
            known.setdefault(looked_at, []).append(kind.name)
            queries.append(_opens(kind, *looked_at))
    queries += [_of_no_kind(*looked_at, names) for looked_at, names in known.items()]
    queries += [_part(table, is_part) for table, is_part in _PARTS.items()]
    return queried(SOURCES, *queries, _PARTS_OF_MORE)(scope)


def _events(scope: Scope) -> Iterator[Finding]:
    """Yield the events that should have moved points, and have not, or name another's transfer."""
    return queried(EVENTS, *map(_moved, events.registered()))(scope)


# What a wallet had when points of a day were taken from it, less what it earned for later days. All
# that moves in a wallet does so under its lock, so the moments of posting are in order.
_LOSSES = f"""
    SELECT 'points_transfer', t.id, format('it took %%s, there were %%s and %%s were kept',
        t.amount, had.points, kept.points)
    FROM points_transfer t
    JOIN points_earned e ON e.community_id = %(community)s
        AND e.id = {_uuid("substr(t.source, length('expiry:') + 1)")}
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(moved.points), 0) AS points
        FROM (
            SELECT i.amount AS points FROM points_transfer i
            WHERE i.community_id = %(community)s AND i.credit_id = t.debit_id
                AND i.posted_at < t.posted_at
            UNION ALL
            SELECT -o.amount FROM points_transfer o
            WHERE o.community_id = %(community)s AND o.debit_id = t.debit_id
                AND o.posted_at < t.posted_at
            UNION ALL
            SELECT -h.amount FROM points_hold h
            LEFT JOIN points_transfer x ON x.community_id = %(community)s AND x.id = h.transfer_id
            WHERE h.community_id = %(community)s AND h.debit_id = t.debit_id
                AND h.posted_at < t.posted_at
                AND coalesce(x.posted_at, h.resolved_at, 'infinity') > t.posted_at
        ) AS moved
    ) AS had
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(later.points), 0) AS points
        FROM (
            SELECT i.amount AS points FROM points_transfer i
            JOIN points_account d ON d.community_id = %(community)s AND d.id = i.debit_id
            WHERE i.community_id = %(community)s AND i.credit_id = t.debit_id
                AND i.posted_at < t.posted_at
                AND (i.expires_on IS NULL OR i.expires_on > e.expires_on)
                AND (i.reverses_id IS NULL OR i.expires_on IS NOT NULL AND d.kind <> 'wallet')
            UNION ALL
            SELECT -o.amount FROM points_transfer o
            WHERE o.community_id = %(community)s AND o.debit_id = t.debit_id
                AND o.posted_at < t.posted_at
                AND (o.expires_on IS NULL OR o.expires_on > e.expires_on)
                AND o.reverses_id IS NOT NULL
        ) AS later
    ) AS kept
    WHERE t.community_id = %(community)s AND t.id >= %(since_id)s
        AND t.reverses_id IS NULL AND starts_with(t.source, 'expiry:')
        AND t.amount <> had.points - kept.points
"""

# Who proposed and who approved, as the trail has it.
_ADJUSTMENTS = f"""
    SELECT 'points_adjustment', j.id, wrong.because
    FROM points_adjustment j
    {latest("j", "proposed", "adjustment.propose")}
    {latest("j", "decided", "adjustment.decide")}
    CROSS JOIN LATERAL (SELECT CASE
        WHEN j.person_id IN (j.proposed_by_id, j.decided_by_id)
            OR j.status = 'approved' AND j.decided_by_id = j.proposed_by_id
            THEN 'one of the two who decided on it is not somebody else'
        WHEN proposed.id IS NULL THEN 'the trail does not tell that it was proposed'
        {said_by("j.proposed_by_id", "proposed", "proposed")}
        WHEN (proposed.after ->> 'kind', proposed.after ->> 'amount',
                proposed.after ->> 'expires_on')
            IS DISTINCT FROM (j.kind, j.amount::text, j.expires_on::text)
            THEN format('it is a %%s of %%s until %%s, the trail says %%s of %%s until %%s', j.kind,
                j.amount, coalesce(j.expires_on::text, 'ever'), proposed.after ->> 'kind',
                proposed.after ->> 'amount', coalesce(proposed.after ->> 'expires_on', 'ever'))
        WHEN j.status <> coalesce(decided.after ->> 'status', 'proposed')
            THEN format('it is %%s, the trail says %%s', j.status,
                coalesce(decided.after ->> 'status', 'proposed'))
        {said_by("j.decided_by_id", "decided", "decided")}
    END AS because) AS wrong
    WHERE j.community_id = %(community)s
        AND (j.id >= %(since_id)s OR j.decided_at >= %(since)s) AND wrong.because IS NOT NULL
"""

_ADVICE = _(
    "Open the row and its event. The seals and the audit trail tell which of the two was changed;"
    " a wrong balance is set right by a correction."
)
register(
    Check(
        name=SOURCES,
        kind=Kind.LEDGER,
        promise=_(
            "The source of what was posted, held or taken back opens one event of the same amount,"
            " accounts, unit and reason, and no event stands behind two transfers."
        ),
        advice=_ADVICE,
        tables=("points_transfer", "points_hold", "points_reversal"),
        findings=_sources,
    ),
    Check(
        name=EVENTS,
        kind=Kind.LEDGER,
        promise=_(
            "Each event that should have moved points has moved them once, as it says itself."
        ),
        advice=_ADVICE,
        tables=("points_award", "points_void", "points_topup", "points_claim", "points_fund"),
        findings=_events,
    ),
    Check(
        name=LOSSES,
        kind=Kind.LEDGER,
        promise=_("What expired is what the wallet had then, less what it earned for later days."),
        advice=_(
            "Compare the wallet's statement with the transfer's explanation; points that expired"
            " wrongly are brought back by a correction."
        ),
        tables=("points_earned",),
        findings=queried(LOSSES, _LOSSES),
    ),
    Check(
        name=ADJUSTMENTS,
        kind=Kind.AWARDS,
        promise=_("Openings and corrections were proposed and approved by whom the trail names."),
        advice=_("Ask both people named, and correct what neither of them has decided."),
        tables=("points_adjustment",),
        findings=queried(ADJUSTMENTS, _ADJUSTMENTS),
    ),
)
