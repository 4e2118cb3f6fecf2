"""The benches: that they run and tell what they found, not what that is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from bench._outcome import Outcome

BASE_DIR = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def bench(*names):
    """Benches of next to nothing, run to their end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *names],
        cwd=BASE_DIR,
        env=os.environ | {"BENCH_ROWS": "10,40", "BENCH_TRANSFERS": "5"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.said, process.complained = process.communicate()
    return process


def figures_of(process):
    assert process.returncode == 0, process.complained
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
    figures = figures_of(bench())

    assert figures.keys() == {"import", "posting"}
    assert figures["import"].keys() == {"memory_ratio", "seconds_per_row_ratio"}
    assert figures["posting"].keys() == {"posting_ratio"}
    assert figures["posting"]["posting_ratio"] > 0


def test_an_unknown_bench_is_refused_and_the_known_are_named():
    process = bench("nonesuch")

    assert process.returncode == 2
    assert "import, posting" in process.complained
    assert not process.said


@pytest.mark.parametrize(("figure", "sentences"), [(1.49, 0), (1.5, 1), (float("nan"), 1)])
def test_a_figure_must_stay_below_its_bound(figure, sentences):
    outcome = Outcome(figures={"memory_ratio": figure}, bounds={"memory_ratio": 1.5})

    assert len(outcome.broken()) == sentences
