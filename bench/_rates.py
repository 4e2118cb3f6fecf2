"""Postings a second: ``ledger.post``, SQL by hand (usual.sql) and django-hordak, taking turns.

Four at a time on each side, of one point, between BENCH_WALLETS (1000) drawn at random, so nobody
waits for a row. A figure is the median of the ratios of five rounds. BENCH_TRANSFERS (8000) is how
many a side posts in a round; django-hordak an eighth of that.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

from django.db import connection, transaction

from backend.communities.services import places
from backend.embedded import postgres_programs
from bench._database import own_database
from bench._outcome import print_table
from bench._team import PROCESSES, Team, team
from points.kinds import AccountKind
from points.ledger import services as ledger

FOLDER = Path(__file__).parent
WALLETS = int(os.environ.get("BENCH_WALLETS", "1000"))
IN_A_WALLET = 1_000_000
ROUNDS = 5
HORDAK_SETTINGS = "bench._hordak_settings"

Round = dict[str, float]  # postings a second, by who posted


def figures() -> dict[str, float]:
    """``post_vs_sql``, ``hot_vs_spread`` and ``post_vs_hordak``."""
    transfers = int(os.environ.get("BENCH_TRANSFERS", "8000"))
    with own_database():
        _warn_unless_durable()
        _open_ours()
        _open_usual()
        _open_hordak()
        with team("bench._posters") as ours, team("bench._hordak", HORDAK_SETTINGS) as hordak:
            rounds = _take_turns(
                {
                    "usual": _usual_rate,
                    "award": lambda each: _rate(ours, "award", each),
                    "award_spread": lambda each: _rate(ours, "award_spread", each),
                    "spend": lambda each: _rate(ours, "spend", each),
                    "hordak": lambda each: _rate(hordak, "spend", max(each // 8, 1)),
                },
                each=max(transfers // PROCESSES, 1),
            )

    def ratio(one: str, other: str) -> float:
        return median(rates[one] / rates[other] for rates in rounds)

    print_table(
        (f"{PROCESSES} clients", "postings a second"),
        ("SQL by hand, wallet to wallet, by pgbench", "1.00"),
        ("ledger.post, one issuance account to wallets", f"{ratio('award', 'usual'):.2f}"),
        (f"ledger.post, {WALLETS:,} of them to wallets", f"{ratio('award_spread', 'usual'):.2f}"),
        ("ledger.post, wallet to wallet", f"{ratio('spend', 'usual'):.2f}"),
        ("django-hordak, wallet to wallet", f"{ratio('hordak', 'usual'):.2f}"),
    )
    return {
        "post_vs_sql": ratio("award", "usual"),
        "hot_vs_spread": ratio("award", "award_spread"),
        "post_vs_hordak": ratio("spend", "hordak"),
    }


def _take_turns(sides: dict[str, Callable[[int], float]], *, each: int) -> list[Round]:
    """Let every side post, in one order and then in the other, so that no place is an advantage."""
    for measure in sides.values():
        measure(max(each // 10, 1))  # first times are slow, and nobody's fault
    order = list(sides)
    rounds = []
    for _ in range(ROUNDS):
        rounds.append({name: sides[name](each) for name in order})
        order.reverse()
    return rounds


def _rate(posters: Team, task: str, each: int) -> float:
    return PROCESSES * each / posters.seconds(task, each)


def _usual_rate(each: int) -> float:
    """As pgbench says itself: without the time that its connections take."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM usual_transfer")
        (posted,) = cursor.fetchone()
    done = subprocess.run(
        [
            postgres_programs() / "pgbench",
            *("--no-vacuum", "--protocol=prepared", f"--file={FOLDER / 'usual_post.pgbench'}"),
            *(f"--client={PROCESSES}", f"--jobs={PROCESSES}", f"--transactions={each}"),
            # Names what is posted in this run; no key may be used before.
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


def _open_ours() -> None:
    with transaction.atomic():
        community = places.found(code="bench", name="bench")
        issuances = [
            ledger.account(community=community, kind=AccountKind.ISSUANCE, holder=f"{number}")
            for number in range(WALLETS)
        ]
        for number in range(WALLETS):
            ledger.post(
                ledger.Movement(
                    debit=issuances[0],
                    credit=ledger.account(
                        community=community, kind=AccountKind.WALLET, holder=f"person:{number}"
                    ),
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


def _open_hordak() -> None:
    subprocess.run(
        [sys.executable, "-m", "bench._hordak", "prepare", str(WALLETS), str(IN_A_WALLET)],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": HORDAK_SETTINGS},
        check=True,
    )
