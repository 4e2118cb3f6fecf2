"""Postings a second: ours, SQL by hand (usual.sql) and django-hordak, taking turns.

Ours is ``points_post``, called by pgbench as the SQL by hand is, and ``ledger.post``.

Each side has four processes that post one point between BENCH_WALLETS (1000) drawn at random, so
nobody waits for a row. A figure is the median of the ratios of BENCH_ROUNDS (5) rounds. A side
posts BENCH_TRANSFERS (8000) in a round; django-hordak an eighth of that.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median

from django.db import connection, transaction

from backend.communities.models import Community
from backend.communities.services import places
from backend.embedded import postgres_programs
from bench._database import own_database
from bench._outcome import asked
from bench._team import PROCESSES, first, team
from points.kinds import AccountKind, Unit
from points.ledger import services as ledger
from points.models import Account

FOLDER = Path(__file__).parent
WALLETS = asked("WALLETS", 1000)
IN_A_WALLET = 1_000_000
RUNS = count()


def figures() -> dict[str, float]:
    """Return ``function_vs_sql``, ``post_vs_sql``, ``hot_vs_spread`` and ``post_vs_hordak``."""
    each = max(asked("TRANSFERS", 8000) // PROCESSES, 1)
    with own_database():
        _warn_unless_durable()
        _open_ours()
        _open_usual()
        hordak = [sys.executable, "-m", "bench._hordak", "prepare", str(WALLETS), str(IN_A_WALLET)]
        subprocess.run(hordak, check=True)
        with team("bench._posters") as ours, team("bench._hordak") as theirs:
            sides: dict[str, Callable[[int], float]] = {
                "usual": lambda each: _pgbench_rate("usual_post.pgbench", each),
                "function": lambda each: _pgbench_rate("our_post.pgbench", each),
                "award": lambda each: ours.rate("award", each),
                "award_spread": lambda each: ours.rate("award_spread", each),
                "spend": lambda each: ours.rate("spend", each),
                "hordak": lambda each: theirs.rate("spend", max(each // 8, 1)),
            }
            for rate in sides.values():
                rate(first(each))
            rounds = []
            for _ in range(asked("ROUNDS", 5)):
                rounds.append({name: rate(each) for name, rate in sides.items()})
                sides = dict(reversed(sides.items()))  # so that no place is an advantage
    return {
        name: median(rates[one] / rates[other] for rates in rounds)
        for name, one, other in (
            ("function_vs_sql", "function", "usual"),
            ("post_vs_sql", "award", "usual"),
            ("hot_vs_spread", "award", "award_spread"),
            ("post_vs_hordak", "spend", "hordak"),
        )
    }


def _pgbench_rate(script: str, each: int) -> float:
    """Return the rate that pgbench prints, without the time that its connections take."""
    done = subprocess.run(
        [
            postgres_programs() / "pgbench",
            *("--no-vacuum", "--protocol=prepared", f"--file={FOLDER / script}"),
            *(f"--client={PROCESSES}", f"--jobs={PROCESSES}", f"--transactions={each}"),
            # The number of this run, so that its keys are new.
            *(f"--define=run={next(RUNS)}", "--define=n=0", f"--define=wallets={WALLETS}"),
            f"--define=community={Community.objects.get().pk}",
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
    """Open accounts whose ids pgbench can say: issuance is number 0, the wallets come after it."""
    community = places.found(code="bench", name="bench")
    issuance, *wallets = Account.objects.bulk_create(
        Account(
            id=f"00000000-0000-7000-8000-{number:012}",
            community=community,
            kind=AccountKind.WALLET if number else AccountKind.ISSUANCE,
            unit=Unit.POINTS,
            holder=f"{number}",
        )
        for number in range(WALLETS + 1)
    )
    for number, wallet in enumerate(wallets):
        ledger.account(community=community, kind=AccountKind.ISSUANCE, holder=f"spread:{number}")
        ledger.post(
            ledger.Movement(
                debit=issuance,
                credit=wallet,
                amount=IN_A_WALLET,
                key=f"open:{number}",
                reason="bench",
                source=f"test:open:{number}",
            )
        )


def _open_usual() -> None:
    with connection.cursor() as cursor:
        cursor.execute((FOLDER / "usual.sql").read_text(encoding="utf-8"))
        cursor.execute(
            "INSERT INTO usual_account (balance) SELECT %s FROM generate_series(1, %s)",
            [IN_A_WALLET, WALLETS],
        )
