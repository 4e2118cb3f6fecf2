"""Postings a second: ``ledger.post``, SQL by hand (usual.sql) and django-hordak, taking turns.

Each side has four processes that post one point between BENCH_WALLETS (1000) drawn at random, so
nobody waits for a row. A figure is the median of the ratios of five rounds. A side posts
BENCH_TRANSFERS (8000) in a round; django-hordak an eighth of that.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

from django.db import connection, transaction

from backend.embedded import postgres_programs
from bench._database import own_database
from bench._growth import open_books
from bench._outcome import asked
from bench._team import PROCESSES, first, team
from points.kinds import AccountKind
from points.ledger import services as ledger

FOLDER = Path(__file__).parent
WALLETS = asked("WALLETS", 1000)
IN_A_WALLET = 1_000_000
ROUNDS = 5


def figures() -> dict[str, float]:
    """Return ``post_vs_sql``, ``hot_vs_spread`` and ``post_vs_hordak``."""
    each = max(asked("TRANSFERS", 8000) // PROCESSES, 1)
    with own_database():
        _warn_unless_durable()
        _open_ours()
        _open_usual()
        hordak = [sys.executable, "-m", "bench._hordak", "prepare", str(WALLETS), str(IN_A_WALLET)]
        subprocess.run(hordak, check=True)
        with team("bench._posters") as ours, team("bench._hordak") as theirs:
            sides: dict[str, Callable[[int], float]] = {
                "usual": _usual_rate,
                "award": lambda each: ours.rate("award", each),
                "award_spread": lambda each: ours.rate("award_spread", each),
                "spend": lambda each: ours.rate("spend", each),
                "hordak": lambda each: theirs.rate("spend", max(each // 8, 1)),
            }
            for rate in sides.values():
                rate(first(each))
            rounds = []
            for _ in range(ROUNDS):
                rounds.append({name: rate(each) for name, rate in sides.items()})
                sides = dict(reversed(sides.items()))  # so that no place is an advantage
    return {
        name: median(rates[one] / rates[other] for rates in rounds)
        for name, one, other in (
            ("post_vs_sql", "award", "usual"),
            ("hot_vs_spread", "award", "award_spread"),
            ("post_vs_hordak", "spend", "hordak"),
        )
    }


def _usual_rate(each: int) -> float:
    """Return the rate that pgbench prints, without the time that its connections take."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM usual_transfer")
        (posted,) = cursor.fetchone()
    done = subprocess.run(
        [
            postgres_programs() / "pgbench",
            *("--no-vacuum", "--protocol=prepared", f"--file={FOLDER / 'usual_post.pgbench'}"),
            *(f"--client={PROCESSES}", f"--jobs={PROCESSES}", f"--transactions={each}"),
            # The number of this run, so that its keys are new.
            *(f"--define=run={posted}", "--define=n=0", f"--define=wallets={WALLETS}"),
            os.environ["DATABASE_URL"],
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pgbench told no rate:\n{done.stdout}")
    return float(found[1])


def _warn_unless_durable() -> None:
    with connection.cursor() as cursor:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute(f"SHOW {setting}")
            if cursor.fetchone() != ("on",):
                print(f"{setting} is off, as it is on no real server", file=sys.stderr)


@transaction.atomic
def _open_ours() -> None:
    issuance, wallets = open_books("bench", WALLETS)
    for number, wallet in enumerate(wallets):
        ledger.account(community=issuance.community, kind=AccountKind.ISSUANCE, holder=f"{number}")
        ledger.post(
            ledger.Movement(
                debit=issuance,
                credit=wallet,
                amount=IN_A_WALLET,
                key=f"open:{number}",
                reason="bench",
            )
        )


def _open_usual() -> None:
    with connection.cursor() as cursor:
        cursor.execute((FOLDER / "usual.sql").read_text(encoding="utf-8"))
        cursor.execute(
            "INSERT INTO usual_account (balance) SELECT %s FROM generate_series(1, %s)",
            [IN_A_WALLET, WALLETS],
        )
