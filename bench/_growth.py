"""The ledger when it is ten times as large, and ``post_many`` against a bare COPY.

BENCH_LEDGER_ROWS (100000,1000000) is the number of transfers, to BENCH_WALLETS (1000); BENCH_ROUNDS
(5) is how often the sides of ``bulk_vs_copy`` take turns, each into empty tables.
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from statistics import median

from django.db import connection, transaction

from backend.communities.services import places
from backend.ids import new_id
from bench._database import own_database
from bench._outcome import asked, asked_pair
from bench._peak import measured
from points.kinds import AccountKind
from points.ledger import selectors
from points.ledger import services as ledger
from points.models import Account

PAGE = 20
LOOKS = 101
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = (
    "id, community_id, key, debit_id, credit_id, amount, reason, source, explanation, occurred_at"
)


def figures() -> dict[str, float]:
    """Return ``bulk_vs_copy``, and large ÷ small of other work on so many transfers.

    That is posting them (bulk), a wallet's page and balance, and sealing.
    """
    small_rows, large_rows = asked_pair("LEDGER_ROWS")
    small, large = _costs(small_rows, min(100, small_rows)), _costs(large_rows, large_rows)
    turns = [large]
    for _ in range(asked("ROUNDS", 5) - 1):
        with own_database():
            turns.append(_take_turns(large_rows))
    return {
        "bulk_vs_copy": median(turn["copy"] / turn["bulk_growth"] for turn in turns),
        **{name: large[name] / small[name] for name in small if name != "copy"},
    }


@cache
def _costs(rows: int, look_at: int) -> dict[str, float]:
    """Return seconds, and the peak memory of reading them all, by figure."""
    with own_database():
        costs = _take_turns(rows)
        all_of_it = _seal("bench")
        costs["seal_growth"] = all_of_it["seconds"] - _seconds_to_start()
        costs["seal_memory"] = all_of_it["peak_kib"]
        return costs | {"wallet_growth": _look(look_at)}


@cache
def _seconds_to_start() -> float:
    """Return what it takes of a community without transfers."""
    return _seal("empty")["seconds"]


def _seal(code: str) -> dict[str, float]:
    # Django's checks would read every address first.
    return measured("manage.py", "seal_ledger", "--skip-checks", "--community", code)


def _take_turns(rows: int) -> dict[str, float]:
    """Return the seconds of ``post_many`` and of COPY, into empty tables."""
    places.found(code="empty", name="empty")
    issuance, wallets = open_books("bench", asked("WALLETS", 1000))
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_transfer (LIKE points_transfer INCLUDING ALL)")
        cursor.execute("CREATE TABLE bench_account (LIKE points_account INCLUDING ALL)")
        cursor.execute("INSERT INTO bench_account SELECT * FROM points_account")
    costs = {
        "copy": _seconds(lambda: _copy(_movements(rows, issuance, wallets))),
        "bulk_growth": _seconds(lambda: ledger.post_many(_movements(rows, issuance, wallets))),
    }
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_transfer, bench_account")
    return costs


@transaction.atomic
def open_books(code: str, wallets: int) -> tuple[Account, list[Account]]:
    """Return a new community's issuance, and ``wallets`` wallets."""
    community = places.found(code=code, name=code)
    issuance = ledger.account(community=community, kind=AccountKind.ISSUANCE)
    return issuance, [
        ledger.account(community=community, kind=AccountKind.WALLET, holder=f"person:{number}")
        for number in range(wallets)
    ]


def _movements(rows: int, issuance: Account, wallets: list[Account]) -> Iterator[ledger.Movement]:
    for number in range(rows):
        yield ledger.Movement(
            debit=issuance,
            credit=wallets[number % len(wallets)],
            amount=1 + number % 90,
            key=f"{issuance.pk}:{number}",
            reason="bench",
            source=f"bench:{number}",
            explanation={"number": number},
            occurred_at=WHEN,
        )


@transaction.atomic
def _copy(movements: Iterator[ledger.Movement]) -> None:
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY bench_transfer ({COLUMNS}) FROM STDIN") as copy:
            for one in movements:
                copy.write_row(
                    [
                        *(new_id(), one.debit.community_id, one.key, one.debit.pk, one.credit.pk),
                        *(one.amount, one.reason, one.source),
                        *(json.dumps(one.explanation), one.occurred_at),
                    ]
                )
        cursor.execute(
            "UPDATE bench_account a SET credits = a.credits + moved.amount FROM"
            " (SELECT credit_id, sum(amount) AS amount FROM bench_transfer GROUP BY credit_id)"
            " AS moved WHERE a.id = moved.credit_id"
        )


def _look(transfers: int) -> float:
    """Return the seconds for the first page and the balance of a wallet with so many transfers."""
    issuance, [wallet] = open_books("look", 1)
    ledger.post_many(_movements(transfers, issuance, [wallet]))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE points_transfer")

    def look() -> None:
        selectors.balance(wallet)
        page = selectors.statement(wallet)[:PAGE]
        if len(page) != PAGE and transfers >= PAGE:
            raise RuntimeError(f"a page of {len(page)}")

    return median(_seconds(look) for _ in range(LOOKS))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
