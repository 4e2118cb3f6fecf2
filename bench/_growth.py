"""The ledger when there is ten times as much of it, and posting many against a bare COPY.

BENCH_LEDGER_ROWS (100000,1000000) is how many transfers, to BENCH_WALLETS (1000); BENCH_ROUNDS (5)
how often the sides of ``bulk_vs_copy`` take turns, each into tables that hold nothing else.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from django.db import connection, transaction

from backend.communities.models import Community
from backend.communities.services import places
from backend.ids import new_id
from bench._database import own_database
from bench._outcome import print_table
from points.kinds import AccountKind
from points.ledger import selectors
from points.ledger import services as ledger
from points.models import Account

BASE_DIR = Path(__file__).resolve().parent.parent
WALLETS = int(os.environ.get("BENCH_WALLETS", "1000"))
PAGE = 20
LOOKS = 101
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = (
    "id, community_id, key, debit_id, credit_id, amount, reason, source, explanation, occurred_at"
)


@dataclass(frozen=True)
class Cost:
    """Seconds for so many transfers, and the peak memory of what read them all, in KiB."""

    post_many: float
    copy: float
    seal: float
    verify: float
    seal_kib: int
    verify_kib: int
    look: float


def figures() -> dict[str, float]:
    """``bulk_vs_copy`` and large ÷ small of what posting, sealing, verifying and looking take."""
    small_rows, large_rows = map(
        int, os.environ.get("BENCH_LEDGER_ROWS", "100000,1000000").split(",")
    )
    rounds = int(os.environ.get("BENCH_ROUNDS", "5"))
    small, large = _cost(small_rows, look_at=100), _cost(large_rows, look_at=large_rows)
    turns = [large, *(_bulk(large_rows) for _ in range(rounds - 1))]
    found = {
        "bulk_vs_copy": median(cost.copy / cost.post_many for cost in turns),
        "bulk_growth": large.post_many / small.post_many,
        "wallet_growth": large.look / small.look,
        "seal_growth": large.seal / small.seal,
        "verify_growth": large.verify / small.verify,
        "seal_memory": large.seal_kib / small.seal_kib,
        "verify_memory": large.verify_kib / small.verify_kib,
    }
    print_table(
        (f"{large_rows:,} transfers", "÷"),
        ("COPY and one UPDATE ÷ post_many", f"{found['bulk_vs_copy']:.2f}"),
        (f"post_many ÷ of {small_rows:,}", f"{found['bulk_growth']:.2f}"),
        ("a wallet's page and balance ÷ with 100", f"{found['wallet_growth']:.2f}"),
        (f"sealing ÷ of {small_rows:,}", f"{found['seal_growth']:.2f}"),
        (f"verifying ÷ of {small_rows:,}", f"{found['verify_growth']:.2f}"),
        ("peak memory of sealing ÷", f"{found['seal_memory']:.2f}"),
        ("peak memory of verifying ÷", f"{found['verify_memory']:.2f}"),
    )
    return found


def _cost(rows: int, *, look_at: int) -> Cost:
    with own_database():
        posted, copied = _turn(rows)
        seal, verify = (_measured(command) for command in ("seal_ledger", "verify_ledger"))
        return Cost(
            posted,
            copied,
            seal["seconds"],
            verify["seconds"],
            seal["peak_kib"],
            verify["peak_kib"],
            _look(look_at),
        )


def _bulk(rows: int) -> Cost:
    with own_database():
        return Cost(*_turn(rows), 0, 0, 0, 0, 0)


def _turn(rows: int) -> tuple[float, float]:
    """Seconds of ``post_many`` and of COPY, into empty tables."""
    community, issuance, wallets = _open()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_transfer (LIKE points_transfer INCLUDING ALL)")
        cursor.execute("CREATE TABLE bench_account (LIKE points_account INCLUDING ALL)")
        cursor.execute("INSERT INTO bench_account SELECT * FROM points_account")
    copied = _seconds(lambda: _copy(rows, community, issuance, wallets))
    posted = _seconds(lambda: ledger.post_many(_movements(rows, issuance, wallets)))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_transfer, bench_account")
    return posted, copied


def _open() -> tuple[Community, Account, list[Account]]:
    with transaction.atomic():
        places.found(code="empty", name="empty")
        community = places.found(code="bench", name="bench")
        issuance = ledger.account(community=community, kind=AccountKind.ISSUANCE)
        wallets = [
            ledger.account(community=community, kind=AccountKind.WALLET, holder=f"person:{number}")
            for number in range(WALLETS)
        ]
    return community, issuance, wallets


def _movements(
    rows: int, issuance: Account, wallets: list[Account], key: str = "bench"
) -> Iterator[ledger.Movement]:
    for number in range(rows):
        yield ledger.Movement(
            debit=issuance,
            credit=wallets[number % len(wallets)],
            amount=1 + number % 90,
            key=f"{key}:{number}",
            reason="bench",
            source=f"{key}:{number}",
            explanation={"number": number},
            occurred_at=WHEN,
        )


@transaction.atomic
def _copy(rows: int, community: Community, issuance: Account, wallets: list[Account]) -> None:
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY bench_transfer ({COLUMNS}) FROM STDIN") as copy:
            for number in range(rows):
                copy.write_row(
                    [
                        new_id(),
                        community.pk,
                        f"bench:{number}",
                        issuance.pk,
                        wallets[number % len(wallets)].pk,
                        1 + number % 90,
                        "bench",
                        f"bench:{number}",
                        json.dumps({"number": number}),
                        WHEN,
                    ]
                )
        cursor.execute(
            "UPDATE bench_account a SET credits = a.credits + moved.amount FROM"
            " (SELECT credit_id, sum(amount) AS amount FROM bench_transfer GROUP BY credit_id)"
            " AS moved WHERE a.id = moved.credit_id"
        )


def _look(transfers: int) -> float:
    """Seconds for the first page and the balance of a wallet with so many transfers."""
    community = places.found(code="look", name="look")
    issuance = ledger.account(community=community, kind=AccountKind.ISSUANCE)
    wallet = ledger.account(community=community, kind=AccountKind.WALLET, holder="person:1")
    ledger.post_many(_movements(transfers, issuance, [wallet], key="look"))
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


def _measured(command: str) -> dict[str, Any]:
    """What a command took of ``bench``, in a process of its own; less the time it takes to start,
    which is what it takes of a community without transfers."""
    nothing, all_of_it = (_run(command, code) for code in ("empty", "bench"))
    return all_of_it | {"seconds": all_of_it["seconds"] - nothing["seconds"]}


def _run(command: str, code: str) -> dict[str, Any]:
    measured = subprocess.run(
        [
            *(sys.executable, BASE_DIR / "bench" / "_peak.py"),
            *(sys.executable, "manage.py", command, "--community", code),
        ],
        cwd=BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(measured.stdout.splitlines()[-1])
    return answer
