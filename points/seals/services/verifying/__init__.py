"""Verifying: whether all that docs/ledger.md promises still holds.

Sealed rows are compared with their seal, so a changed row is named whoever changed it. Rows that
are not sealed yet are compared with the others about them: totals, the hold, award or reversal.
Against whoever rewrites everything, seals included, there are the heads published before.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from time import monotonic
from typing import Any

from django.db import connection
from django.utils import timezone

from backend.communities.models import Community
from backend.verification import guards
from points.ledger import selectors
from points.seals.models import Verification
from points.seals.services.verifying import books, chain, funds
from points.seals.services.verifying.books import LONGEST_TRANSACTION
from points.seals.services.verifying.findings import Checked, Finding

__all__ = ["LONGEST_TRANSACTION", "Checked", "Finding", "verify"]

KEPT = 1000  # findings that a verification keeps; it counts all
_TABLES = (
    "transfer",
    "account",
    "hold",
    "reversal",
    "earned",
    "award",
    "void",
    "fund",
    "topup",
    "claim",
    "seal",
)


def verify(
    *,
    community: Community,
    against: Sequence[Mapping[str, Any]] | None = None,
    tell: Callable[[Finding | Checked], None] = lambda told: None,
) -> Verification:
    """Check a community's whole ledger, and record what was found.

    ``against`` are published heads: ``number`` and ``head`` of each; those of another ``community``
    (an id) are left out. ``tell`` is called with each finding when it is found, and with each check
    when it is over. Locks nothing; people may post meanwhile. Reads all that was ever posted a few
    times, and keeps one seal in memory.
    """
    started_at = timezone.now()
    rows = _count(community)
    seals = chain.Chain(community)
    found, kept = 0, []
    for told in _look(community, rows, seals, against):
        if isinstance(told, Finding):
            found += 1
            if found <= KEPT:
                kept.append(asdict(told))
        tell(told)
    return Verification.objects.create(
        community=community,
        started_at=started_at,
        transfers=rows["transfer"],
        seals=seals.count,
        head=seals.head,
        findings=kept,
        findings_count=found,
    )


def _look(
    community: Community,
    rows: Mapping[str, int],
    seals: chain.Chain,
    against: Sequence[Mapping[str, Any]] | None,
) -> Iterator[Finding | Checked]:
    """Yield each finding as it is found, and after those of a check that the check is over."""
    yield from _timed(*_GUARDS, guards.count(), _guards())
    for check in (*books.CHECKS, funds.CHECK):
        looked_at = sum(rows[table] for table in check.tables)
        yield from _timed(check.name, check.promise, looked_at, check.findings(community))
    yield from _timed(*_BALANCE, rows["account"], _balance(community))
    yield from _timed(chain.CHECK, chain.PROMISE, rows["transfer"], seals.findings())
    if against is not None:
        published = chain.of_community(community, against)
        yield from _timed(
            chain.CHECK_PUBLISHED,
            chain.PROMISE_PUBLISHED,
            len(published),
            chain.against_published(community, published),
        )


def _timed(
    check: str, promise: str, rows: int, findings: Iterable[Finding]
) -> Iterator[Finding | Checked]:
    began = monotonic()
    yield from findings
    yield Checked(check, promise, rows, monotonic() - began)


_GUARDS = (
    guards.NAME,
    "triggers, functions and constraints stand as declared, and nothing turns them off",
)


def _guards() -> Iterator[Finding]:
    for one in guards.findings():
        row = f"{one.row} of {one.table}" if one.table else one.row
        yield Finding(one.check, row, one.because)


_BALANCE = ("balance", "accounts of a unit add up to zero; at any past moment, each transfer does")


def _balance(community: Community) -> Iterator[Finding]:
    sums = Counter[str]()
    for line in selectors.trial_balance(community):
        sums[line.unit] += line.balance
    for unit, amount in sums.items():
        if amount:
            yield Finding(_BALANCE[0], f"unit {unit}", f"all accounts together show {amount}")


def _count(community: Community) -> dict[str, int]:
    counts = ", ".join(
        f"(SELECT count(*) FROM points_{table} WHERE community_id = %(community)s)"  # noqa: S608
        for table in _TABLES
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}", {"community": community.pk})
        return dict(zip(_TABLES, cursor.fetchone(), strict=True))
