"""The benches: that they run and tell what they found, not what that is."""

import json
import os
import shutil
import subprocess
import sys
from math import isfinite
from pathlib import Path

import psycopg
import pytest

from bench._outcome import Outcome
from tests.long import IS_LONG

BASE_DIR = Path(__file__).resolve().parents[2]
PATIENCE = 3_600 if IS_LONG else 400  # seconds

pytestmark = [pytest.mark.slow, pytest.mark.plain]

# What the short run of all leaves out: a live server and its callers, which the benches it runs
# have too, a browser, large photos, and the one that is run alone.
LEFT_OUT = set() if IS_LONG else {"auth", "import", "pages", "photos", "web"}
NAMES = sorted(
    path.stem for path in (BASE_DIR / "bench").glob("[!_]*.py") if path.stem not in LEFT_OUT
)


def sizes(small, large):
    """Two sizes, which the short run has as one: what it costs is then found once."""
    return f"{small},{large if IS_LONG else small}"


def bench(*names):
    """Benches of next to nothing, run to their end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *names],
        cwd=BASE_DIR,
        env=os.environ
        | {
            "BENCH_PROCESSES": "1",
            "BENCH_WORKERS": "1",
            "BENCH_CHECKINS": "8",
            "BENCH_REDEMPTIONS": "8",
            "BENCH_SETTLED": sizes(10, 40),
            "BENCH_VERIFIED": sizes(40, 80),
            "BENCH_REQUESTS": "8",
            "BENCH_PHOTOS": "2",
            "BENCH_ROWS": sizes(10, 40),
            "BENCH_TRANSFERS": "5",
            "BENCH_LEDGER_ROWS": sizes(10, 40),
            "BENCH_OWED": sizes(10, 40),
            "BENCH_TOLD": sizes(10, 40),
            "BENCH_NOTICES": "40",
            "BENCH_DUE": "5",
            "BENCH_BOARD": sizes(20, 40),
            "BENCH_REPORTS": sizes(10, 40),
            "BENCH_ATTENDANCES": sizes(600, 800),
            "BENCH_BATCH": "20",
            "BENCH_LOOKS": "2",
            "BENCH_WALLETS": "20",
            "BENCH_ROUNDS": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        process.said, process.complained = process.communicate(timeout=PATIENCE)
    finally:
        process.terminate()
    return process


def figures_of(process):
    # So little may well break a bound, which is status 1.
    assert process.returncode in (0, 1), process.complained
    return json.loads(process.said.splitlines()[-1])


def databases_made_by(process):
    with psycopg.connect(os.environ["DATABASE_URL"]) as server:
        return server.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)",
            [f"bench_{process.pid}_"],
        ).fetchall()


def test_the_last_line_holds_the_figures_of_the_one_bench():
    process = bench("import")

    figures = figures_of(process)
    assert figures.pop("bench") == "import"
    assert figures.keys() == {"memory_ratio", "seconds_per_row_ratio"}
    assert all(figure > 0 for figure in figures.values())
    assert not databases_made_by(process)


def test_without_a_name_all_benches_run_and_each_has_its_figures():
    process = bench(*([] if IS_LONG else NAMES))

    # So few postings may well break a bound, which is the status.
    figures = json.loads(process.said.splitlines()[-1])
    assert [*figures] == NAMES
    assert figures["checkin"].keys() == {
        "checkin_vs_floor",
        "checkin_statements",
        "verify_statements",
        "queue_growth",
    }
    assert figures["cluster"] == {}  # there is none
    assert figures["ledger"].keys() == {
        "function_vs_sql",
        "post_vs_sql",
        "hot_vs_spread",
        "post_vs_hordak",
        "bulk_vs_copy",
        "bulk_growth",
        "wallet_growth",
        "seal_growth",
        "seal_memory",
    }
    assert figures["notices"].keys() == {"inbox_vs_insert", "sweep_growth"}
    assert figures["outbox"].keys() == {"claim_growth"}
    assert figures["redeem"].keys() == {
        "capture_vs_floor",
        "capture_statements",
        "settle_growth",
        "settle_memory",
    }
    assert figures["reports"].keys() == {"near_growth", "board_growth", "submit_statements"}
    assert figures["verify"].keys() == {"verify_growth", "verify_memory", "verify_increment"}
    if IS_LONG:
        assert figures["auth"].keys() == {"auth_ratio"}
        assert figures["import"].keys() == {"memory_ratio", "seconds_per_row_ratio"}
        assert figures["pages"].keys() == (
            {
                "pay_code_slow_vs_fast",
                "pay_code_slow_vs_3s",
                "first_load_kb_me",
                "first_load_kb_scan",
            }
            if shutil.which("chromium")
            else set()
        )
        assert figures["photos"].keys() == {"photo_memory"}
        assert figures["web"].keys() == {"floor_vs_bare"}
    assert figures["redeem"]["capture_statements"] == 4
    assert figures["checkin"]["checkin_statements"] == 4
    # Of next to nothing, what two commands took less what they take to start may be below 0.
    assert all(isfinite(figure) for bench in figures.values() for figure in bench.values())
    assert (process.returncode == 1) == ("which is " in process.complained)
    assert not databases_made_by(process)


def test_an_unknown_bench_is_refused_and_the_known_are_named():
    process = bench("nonesuch")

    assert process.returncode == 2
    assert (
        "auth, checkin, cluster, import, ledger, notices, outbox, pages, photos, redeem, reports,"
        " verify" in process.complained
    )
    assert not process.said


@pytest.mark.parametrize(
    ("figure", "bounds", "sentences"),
    [
        (1.5, {"at_most": {"ratio": 1.5}}, []),
        (1.51, {"at_most": {"ratio": 1.5}}, ["ratio is 1.51, which is more than 1.5"]),
        (0.8, {"at_least": {"ratio": 0.8}}, []),
        (0.79, {"at_least": {"ratio": 0.8}}, ["ratio is 0.79, which is less than 0.8"]),
        (float("nan"), {"at_most": {"ratio": 1.5}}, ["ratio is nan, which is more than 1.5"]),
        (float("nan"), {"at_least": {"ratio": 0.8}}, ["ratio is nan, which is less than 0.8"]),
    ],
)
def test_a_figure_out_of_bounds_is_told(figure, bounds, sentences):
    assert Outcome(figures={"ratio": figure}, **bounds).broken() == sentences
