"""Checks of the seals one after the other, and of every row against its seal."""

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from backend.registries import sealed
from backend.registries.checks import (
    LONGEST_TRANSACTION,
    Check,
    Finding,
    Kind,
    Scope,
    made_at,
    register,
    rows_of,
)
from points.ledger.triggers import FLOORED_SQL
from points.seals import merkle, selectors
from points.seals.models import Seal
from points.seals.services import sealing

CHECK = "seals"
SWAPS_AMONG = 64  # changed rows of one seal at most, to look for two that were swapped
SAYS_AT_MOST = 500  # characters of what a changed row says


class _Changed(NamedTuple):
    """A row that differs from what its seal holds at ``place``; gone if ``leaf`` is None."""

    place: int
    kind: str
    id: UUID
    leaf: str | None

    def __str__(self) -> str:
        return f"{self.what} {self.id}"

    @property
    def what(self) -> str:
        return self.kind.replace("_", " ")


class Chain:
    """The seals of a community after the last that was read, one by one in their order."""

    def __init__(self, scope: Scope) -> None:
        self.community, self._values = scope.community, scope.values
        self._number = self._values["seal"]
        # What "previous" may be: the last head as it should be, and as it is, so that a wrong one
        # is found once. None: not known, for the seal before is missing.
        self._before: list[bytes] | None = [bytes.fromhex(merkle.FIRST_PREVIOUS)]
        # The seal that holds the latest id so far.
        self._reached = selectors.seal_reaching_furthest(self.community, up_to=self._number)
        if self._number:
            before = selectors.seals_of(self.community).filter(number=self._number).first()
            self._before = [bytes(before.head)] if before else None

    def findings(self) -> Iterator[Finding]:
        while seal := self._next():
            if seal.number > self._number + 1:
                missing = f"seal {self._number + 1}"
                because = f"{missing}: it is missing; next is {seal.number}"
                yield _found("points_seal", missing, because)
                self._before = None
            yield from self._sealed(seal)
            if self._reached and seal.first_id < self._reached.last_id:
                for kind, rows in groupby(seal.rows, itemgetter(0)):
                    ids = [one for _, one in rows if one and one < self._reached.last_id]
                    yield from self._passed_by(kind, "t.id = ANY(%(ids)s)", {"ids": ids})
            if self._reached is None or seal.last_id > self._reached.last_id:
                self._reached = seal
            self._number = seal.number
        for kind in sealed.registered().values():
            waiting = f"t.id IN ({_WAITING.format(kind=kind.name)})"
            yield from self._passed_by(kind.name, waiting, {})
            for row_id, because in rows_of(_listed(kind), self._values):
                yield _row(kind.name, row_id, because)
        for query in (_ROLLUPS, _HEADS_FOUND_BEFORE):
            for table, row, because in rows_of(query, self._values):
                yield _found(table, str(row), because)

    def _next(self) -> Seal | None:
        later = Seal.objects.filter(community=self.community, number__gt=self._number)
        return later.order_by("number").first()

    def _sealed(self, seal: Seal) -> Iterator[Finding]:
        leaves = sealing.split(bytes(seal.leaves))
        # Whatever was written there.
        rows = [(str(kind), one or UUID(int=0)) for kind, one in seal.rows]
        runs = [[one for _, one in run] for _, run in groupby(rows, itemgetter(0))]
        if not seal.size == len(rows) == len(leaves) or (
            len(seal.other_ids) != len(seal.other_kinds)
        ):
            yield _of(seal, "its size is not the length of its lists")
        if rows != sorted(set(rows), key=sealing.in_order):
            yield _of(seal, "its rows are out of order")
        ends = (
            min((run[0] for run in runs), default=None),
            max((run[-1] for run in runs), default=None),
        )
        if (seal.first_id, seal.last_id) != ends:
            yield _of(seal, "its first or last row is not that of its lists")
        changed = self._changed(rows, leaves)
        root = merkle.root(leaves)
        if root != bytes(seal.root):
            mended = list(leaves)
            for one in changed:
                mended[one.place] = merkle.leaf_hash((one.leaf or "").encode())
            if changed and merkle.root(mended) == bytes(seal.root):
                for one in changed:
                    yield _of(seal, f"its leaf of {one} was changed, the {one.what} was not")
                changed, root = [], bytes(seal.root)
            else:
                yield _of(seal, "its root does not follow from its leaves")
        for one in changed:
            yield _row(one.kind, one.id, _how(one, changed, leaves, seal.number))
        yield from self._chained(seal, len(rows), root)

    def _changed(self, rows: list[tuple[str, UUID]], leaves: list[bytes]) -> list[_Changed]:
        found = {}
        for kind, of_kind in groupby(rows, itemgetter(0)):
            leaves_now = sealing.leaves_of(self.community.pk, kind, [one for _, one in of_kind])
            found.update({(kind, one): leaf for one, leaf in leaves_now.items()})
        changed = []
        for place, (row, hashed) in enumerate(zip(rows, leaves, strict=False)):
            leaf = found.get(row)
            if leaf is None or merkle.leaf_hash(leaf.encode()) != hashed:
                changed.append(_Changed(place, *row, leaf))
        return changed

    def _chained(self, seal: Seal, size: int, root: bytes) -> Iterator[Finding]:
        header = sealing.header(seal) | {"size": size, "root": root.hex()}
        if self._before and bytes(seal.previous) not in self._before:
            yield _of(seal, f"it is not chained to the head of seal {seal.number - 1}")
            header["previous"] = self._before[0].hex()
        head = merkle.head(header)
        if head != bytes(seal.head):
            yield _of(seal, "its head does not follow from what it is made of")
        self._before = [head, bytes(seal.head)]

    def _passed_by(
        self, kind_name: str, which: str, values: Mapping[str, Any]
    ) -> Iterator[Finding]:
        """Find rows that say they were made long before an earlier seal closed without them."""
        kind = sealed.registered().get(kind_name)
        if self._reached is None or kind is None or not kind.happened:
            return
        values = {
            **values,
            "community": self.community.pk,
            "last": self._reached.last_id,
            "before": self._reached.sealed_at - LONGEST_TRANSACTION,
        }
        passed_by = _PASSED_BY.format(
            happened=kind.happened, table=kind.table, made_at=made_at("t.id")
        )
        for row_id, happened, made in rows_of(f"{passed_by} AND {which}", values):
            says = f"says {kind.happened.replace('_', ' ')} {happened}"
            if happened >= values["before"]:
                says = f"has an id that was made {made}"
            because = (
                f"it {says}, and was not there when seal {self._reached.number} was closed at"
                f" {self._reached.sealed_at}"
            )
            yield _row(kind_name, row_id, because)


def _against_published(scope: Scope) -> Iterator[Finding]:
    """Find published heads that are not those of the community's seals, or no longer."""
    ours = str(scope.community.pk)
    published = [one for one in scope.against if one.get("community", ours) == ours]
    numbers = {one["number"] for one in published}
    seals = selectors.seals_of(scope.community).filter(number__in=numbers)
    heads = {number: bytes(head).hex() for number, head in seals.values_list("number", "head")}
    for one in published:
        head = heads.get(one["number"])
        if head is None:
            because = "it was published, and is missing"
        elif head != one["head"].lower():
            because = f"its head was published as {one['head']}, and is {head}"
        else:
            continue
        row = f"seal {one['number']}"
        yield Finding("published", "points_seal", row, f"{row}: {because}")


def _found(table: str, row: str, because: str) -> Finding:
    return Finding(CHECK, table, row, because)


def _row(kind_name: str, row_id: UUID, because: str) -> Finding:
    """Return a finding of a sealed row; a row may be sealed as several kinds."""
    kind = sealed.registered().get(kind_name)
    if kind_name != "transfer":
        because = f"{kind_name.replace('_', ' ')}: {because}"
    # A seal may have been made to name a kind that there is not.
    return _found(kind.table if kind else "points_seal", str(row_id), because)


def _of(seal: Seal, because: str) -> Finding:
    return _found("points_seal", str(seal.pk), f"seal {seal.number}: {because}")


def _how(one: _Changed, changed: list[_Changed], leaves: list[bytes], number: int) -> str:
    if one.leaf is None:
        return f"it was sealed in seal {number}, and is gone"
    for other in changed if len(changed) <= SWAPS_AMONG else []:
        # The id leads the text: what was sealed under the other id, if that is what is here now.
        leaf = one.leaf.replace(str(one.id), str(other.id), 1)
        if other != one and merkle.leaf_hash(leaf.encode()) == leaves[other.place]:
            return f"it has the contents that were sealed as {other}: they were swapped"
    says = json.loads(one.leaf)
    if one.kind != "transfer":
        facts = {name: fact for name, fact in says.items() if name not in _SAID_ANYWAY}
        told = json.dumps(facts, ensure_ascii=False)
        return f"it is not what was sealed in seal {number}. It says {told[:SAYS_AT_MOST]}"
    debit, credit = (
        " ".join(filter(None, (says[side]["kind"], says[side]["holder"])))
        for side in ("debit", "credit")
    )
    return (
        f"it is not what was sealed in seal {number}; it, or an account of it, was changed."
        f" It says {says['amount']} from {debit} to {credit}"
    )


_SAID_ANYWAY = {"format", "id", "community"}

_PASSED_BY = """
    SELECT t.id, t.{happened}, {made_at} FROM {table} t
    WHERE t.community_id = %(community)s AND t.id < %(last)s
        AND least(t.{happened}, {made_at}) < %(before)s
"""

_WAITING = """
    SELECT coalesce(u.row_id, u.id) AS id FROM points_unsealed u
    WHERE u.community_id = %(community)s AND u.kind = '{kind}'
"""


def _listed(kind: sealed.Kind) -> str:
    """Return the query of the kind's rows that are not in exactly one seal, or waiting for one.

    It reads the seals that may hold what was made since then, and what is older in them in the
    seals before. Rows that become due long after they were made are few, and all read.
    """
    lists = "unnest(s.transfer_ids) AS sealed (id)"
    if kind.name != "transfer":
        lists = f"""(
            SELECT listed.id FROM unnest(s.other_ids, s.other_kinds) AS listed (id, kind)
            WHERE listed.kind = '{kind.name}'
        ) AS sealed"""  # noqa: S608
    whole, since_id = "%(whole)s", "%(since_id)s"
    if not kind.happened:
        whole, since_id = "true", f"'{UUID(int=0)}'"
    return f"""
    WITH lists AS (
        SELECT sealed.id, s.number FROM points_seal s CROSS JOIN LATERAL {lists}
        WHERE s.community_id = %(community)s
            AND ({whole} OR s.number > %(seal)s OR s.last_id >= {since_id})
        UNION ALL SELECT w.id, NULL FROM ({_WAITING.format(kind=kind.name)}) AS w
    ), listed AS (
        SELECT id, number FROM lists
        UNION ALL
        SELECT late.id, s.number
        FROM (SELECT DISTINCT id FROM lists WHERE id < {since_id}) AS late
        JOIN points_seal s ON s.first_id <= late.id AND s.last_id >= late.id
        CROSS JOIN LATERAL {lists}
        WHERE NOT {whole} AND s.community_id = %(community)s
            AND s.number <= %(seal)s AND s.last_id < {since_id} AND sealed.id = late.id
    )
    SELECT coalesce(t.id, listed.id), CASE
        WHEN listed.id IS NULL THEN 'it is neither sealed nor waiting to be'
        WHEN t.id IS NULL THEN 'it waits to be sealed, and is gone'
        WHEN listed.seals > 1
            THEN format('it is sealed twice, in seals %%s and %%s', listed.first, listed.last)
        WHEN listed.seals = 0 THEN 'it waits to be sealed twice'
        ELSE format('it is sealed in seal %%s, and waits to be sealed again', listed.first)
    END
    FROM (
        SELECT id, count(*) AS times, count(number) AS seals, min(number) AS first,
            max(number) AS last
        FROM listed WHERE id IS NOT NULL GROUP BY id
    ) AS listed
    FULL JOIN (
        SELECT t.id FROM {kind.table} t
        WHERE t.community_id = %(community)s AND t.id >= {since_id} AND {kind.is_due}
        UNION ALL
        SELECT DISTINCT t.id FROM lists JOIN {kind.table} t ON t.id = lists.id
        WHERE NOT {whole} AND t.community_id = %(community)s AND lists.id < {since_id}
            AND {kind.is_due}
    ) AS t ON t.id = listed.id
    WHERE listed.id IS NULL OR listed.times > 1 OR (t.id IS NULL AND listed.seals = 0)
    """  # noqa: S608


# Each rollup against what the seals moved up to it, from the last that was read. One that is as
# wrong as the one before it is wrong for the same reason.
_ROLLUPS = f"""
    WITH moved AS (
        SELECT sides.account_id, seal.number, sum(sides.credits) AS credits,
            sum(sides.debits) AS debits
        FROM points_seal seal CROSS JOIN LATERAL unnest(seal.transfer_ids) AS sealed (id)
        JOIN points_transfer t ON t.community_id = seal.community_id AND t.id = sealed.id
        CROSS JOIN LATERAL (
            VALUES (t.debit_id, 0, t.amount), (t.credit_id, t.amount, 0)
        ) AS sides (account_id, credits, debits)
        JOIN points_account a ON a.community_id = seal.community_id AND a.id = sides.account_id
        WHERE seal.community_id = %(community)s AND seal.number > %(seal)s
            AND a.kind NOT IN ({FLOORED_SQL})
        GROUP BY sides.account_id, seal.number
    ), compared AS (
        SELECT due.*, coalesce(read.credits, 0) + coalesce(sum(due.moved_credits) OVER up_to, 0)
                AS due_credits,
            coalesce(read.debits, 0) + coalesce(sum(due.moved_debits) OVER up_to, 0) AS due_debits
        FROM (
            SELECT account_id, number, moved.credits IS NOT NULL AS is_due, rollup.id,
                rollup.credits, rollup.debits, moved.credits AS moved_credits,
                moved.debits AS moved_debits
            FROM moved FULL JOIN (
                SELECT r.account_id, r.number, r.id, r.credits, r.debits FROM points_rollup r
                WHERE r.community_id = %(community)s AND r.number > %(seal)s
            ) AS rollup USING (account_id, number)
        ) AS due
        LEFT JOIN LATERAL (
            SELECT r.credits, r.debits FROM points_rollup r
            WHERE r.community_id = %(community)s AND r.account_id = due.account_id
                AND r.number <= %(seal)s
            ORDER BY r.number DESC LIMIT 1
        ) AS read ON true
        WINDOW up_to AS (PARTITION BY due.account_id ORDER BY due.number)
    ), off AS (
        SELECT *, credits - due_credits AS credits_off, debits - due_debits AS debits_off,
            lag(credits - due_credits) OVER one_by_one AS credits_off_before,
            lag(debits - due_debits) OVER one_by_one AS debits_off_before
        FROM compared WINDOW one_by_one AS (PARTITION BY account_id ORDER BY number)
    )
    SELECT 'points_rollup', coalesce(id::text, format('%%s at %%s', account_id, number)),
        format('account %%s at seal %%s: ', account_id, number) || CASE
            WHEN id IS NULL THEN 'it is missing'
            WHEN NOT is_due THEN 'nothing of the account moved in such a seal'
            ELSE format('it says credits %%s, debits %%s; its transfers add up to %%s and %%s',
                credits, debits, due_credits, due_debits)
        END
    FROM off
    WHERE id IS NULL OR NOT is_due OR ((credits_off, debits_off) <> (0, 0)
        AND (credits_off, debits_off) IS DISTINCT FROM (credits_off_before, debits_off_before))
"""  # noqa: S608

_HEADS_FOUND_BEFORE = """
    SELECT 'verification_verification', v.id,
        format('at %%s it found a head that no seal has any more: %%s',
            v.started_at, encode(v.head, 'hex'))
    FROM verification_verification v
    WHERE v.community_id = %(community)s AND v.head IS NOT NULL AND NOT EXISTS (
        SELECT FROM points_seal s
        WHERE s.community_id = v.community_id AND s.number = v.seal AND s.head = v.head
    )
"""


register(
    Check(
        name=CHECK,
        kind=Kind.LEDGER,
        promise=_("Each row is what was sealed, in one seal or waiting to be; heads are chained."),
        advice=_(
            "A row or a seal was changed, added or removed after it was sealed. The receipt of"
            " whom it concerns, or a backup from before, tells what it was. Keep both, and tell"
            " the street."
        ),
        tables=("points_transfer", "points_seal", "points_rollup", "points_unsealed"),
        findings=lambda scope: Chain(scope).findings(),
    ),
    Check(
        name="published",
        kind=Kind.LEDGER,
        promise=_("Seals have the heads that were published."),
        advice=_(
            "The books were rewritten together with their seals. What was published then is right;"
            " a backup from then shows what was changed."
        ),
        tables=("points_seal",),
        findings=_against_published,
        is_against_heads=True,
    ),
)
