"""What a posting's guarantees cost: ``ledger.post`` against the same row in a table without any.

Both go through the same connection, one statement and one transaction each, taking turns.
BENCH_TRANSFERS (5000) is how many of each.
"""

import json
import os
import time

from django.db import connection

from backend.communities.services import places
from bench._database import own_database
from bench._outcome import Outcome, print_table
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.models import Transfer

WALLETS = 100
COPY = "bench_bare_transfer"


def run() -> Outcome:
    """``posting_ratio``: seconds in ``ledger.post`` ÷ seconds in bare inserts."""
    transfers = int(os.environ.get("BENCH_TRANSFERS", "5000"))
    with own_database():
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {COPY} (LIKE points_transfer INCLUDING DEFAULTS)")
        posted_seconds, bare_seconds = _take_turns(transfers)
    ratio = posted_seconds / bare_seconds
    print_table(
        (f"{transfers:,} transfers", "time"),
        ("INSERT, nothing checked", "1.00"),
        ("ledger.post", f"{ratio:.2f}"),
    )
    return Outcome({"posting_ratio": round(ratio, 3)})


def _take_turns(transfers: int) -> tuple[float, float]:
    community = places.found(code="bench", name="bench")
    issuance = ledger.account(community=community, kind=AccountKind.ISSUANCE)
    wallets = [
        ledger.account(community=community, kind=AccountKind.WALLET, holder=f"person:{number}")
        for number in range(WALLETS)
    ]
    posted_seconds = bare_seconds = 0.0
    for number in range(transfers):
        movement = ledger.Movement(
            debit=issuance,
            credit=wallets[number % WALLETS],
            amount=10,
            key=f"bench:{number}",
            reason="bench",
            explanation={"number": number},
        )
        started = time.perf_counter()
        transfer = ledger.post(movement)
        posted = time.perf_counter()
        _insert_bare(transfer)
        bare_seconds += time.perf_counter() - posted
        posted_seconds += posted - started
    return posted_seconds, bare_seconds


def _insert_bare(transfer: Transfer) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {COPY} (id, community_id, key, debit_id, credit_id, amount, reason,"  # noqa: S608
            " source, explanation, occurred_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                transfer.pk,
                transfer.community_id,
                transfer.key,
                transfer.debit_id,
                transfer.credit_id,
                transfer.amount,
                transfer.reason,
                transfer.source,
                json.dumps(transfer.explanation),
                transfer.occurred_at,
            ],
        )
