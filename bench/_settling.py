"""A month's settlement when there is ten times as much of it.

BENCH_SETTLED=SMALL,LARGE (100000,1000000) are how many redemptions, of 1,000 merchants, or as many
as there are redemptions if those are fewer.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from django.db import connection, transaction

from backend.accounts.models import User
from backend.communities.services import places
from bench._database import own_database
from bench._outcome import print_table
from merchants.catalogue.services import offers as catalogue
from merchants.models import Merchant, Partnership

BASE_DIR = Path(__file__).resolve().parent.parent
MERCHANTS = 1_000
# What drafting reads of a redemption; of the ledger, which it leaves alone, there is nothing.
REDEEMED = """
    INSERT INTO merchants_redemption (id, community_id, offer_id, partnership_id, volunteer_id,
        code, quantity, price_points, fen_per_point, amount_fen, refunded_quantity, status,
        hold_id, transfer_id, taken_at, expires_at, closed_at, redeemed_by_id)
    SELECT uuidv7(), %(community)s, %(offer)s, partners.ids[1 + number %% %(partners)s],
        %(volunteer)s, number::text, 1, 10, 10, 100, 0, 'redeemed', uuidv7(), uuidv7(), moment,
        moment, moment, %(volunteer)s
    FROM generate_series(1, %(rows)s) AS number,
        (SELECT array_agg(id ORDER BY id) AS ids FROM merchants_partnership) AS partners,
        LATERAL (SELECT timestamptz '2024-03-01 08:00+08' + number %% 30 * interval '1 day') AS
            of_march (moment)
"""


@dataclass(frozen=True)
class Cost:
    """Seconds, and the drafting process's peak memory in KiB."""

    seconds: float
    peak_kib: int


def figures() -> dict[str, float]:
    """``settle_growth`` (seconds) and ``settle_memory`` (peak resident memory), large ÷ small."""
    small_rows, large_rows = map(int, os.environ.get("BENCH_SETTLED", "100000,1000000").split(","))
    small, large = _cost(small_rows), _cost(large_rows)
    found = {
        "settle_growth": large.seconds / small.seconds,
        "settle_memory": large.peak_kib / small.peak_kib,
    }
    print_table(
        (f"settling {large_rows:,} redemptions", f"÷ of {small_rows:,}"),
        ("seconds", f"{found['settle_growth']:.2f}"),
        ("peak memory", f"{found['settle_memory']:.2f}"),
    )
    return found


def _cost(rows: int) -> Cost:
    with own_database():
        _redeem(rows)
        measured = subprocess.run(
            [
                sys.executable,
                BASE_DIR / "bench" / "_peak.py",
                sys.executable,
                "-m",
                "bench._settler",
            ],
            cwd=BASE_DIR,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        said, peak = measured.stdout.splitlines()[-2:]
        seconds, statements = said.split()
        if int(statements) != min(MERCHANTS, rows):
            raise RuntimeError(f"{statements} statements were drafted")
        return Cost(float(seconds), json.loads(peak)["peak_kib"])


@transaction.atomic
def _redeem(rows: int) -> None:
    community = places.found(code="bench", name="bench")
    merchants = Merchant.objects.bulk_create(
        Merchant(name=f"{number}", trade="bench") for number in range(min(MERCHANTS, rows))
    )
    first, *_ = Partnership.objects.bulk_create(
        Partnership(community=community, merchant=merchant, name=merchant.name)
        for merchant in merchants
    )
    offer = catalogue.offer(
        partnership=first, code="bench", title="bench", price_points=10, stock=1
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            REDEEMED,
            {
                "community": community.pk,
                "offer": offer.pk,
                "partners": len(merchants),
                "volunteer": User.objects.create(username="bench", name="bench").pk,
                "rows": rows,
            },
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("ANALYZE merchants_redemption")
