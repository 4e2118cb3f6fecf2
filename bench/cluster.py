"""The cost of a cluster: what a second of it does, against one PostgreSQL of the same make.

DATABASE_URL has to name a cluster (citus://…): plain is a database of its coordinator without
Citus, so both have the same settings and the same machine. Each side has its live server, and they
take turns. BENCH_DONE (200) is the number of each task in a round; BENCH_ROUNDS (5) that of rounds.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from urllib.parse import urlsplit

from bench._database import own_database
from bench._outcome import Outcome, asked
from bench._team import team
from tests import cluster

# The figures, and the tasks of bench._side whose rates they compare.
FIGURES = {
    "post_vs_plain": "post",
    "scan_vs_plain": "scan",
    "checkin_vs_plain": "check_in",
    "mine_vs_plain": "notices",  # of all communities of a person
    "sweep_vs_plain": "sweep",  # of all communities there are
}


def run() -> Outcome:
    """Return the rate of each task on the cluster ÷ that on one PostgreSQL; none has a bound."""
    if why := cluster.missing():
        print(why)
        return Outcome({})
    with ExitStack() as everything:
        addresses = [everything.enter_context(made()) for made in (_distributed, _plain)]
        ours, plain = [
            everything.enter_context(team("bench._side", 1, DATABASE_URL=address))
            for address in addresses
        ]
        rounds = [
            {name: ours.rate(task, 1) / plain.rate(task, 1) for name, task in FIGURES.items()}
            for _ in range(1 + asked("ROUNDS", 5))
        ]
    return Outcome({name: median(ratios[name] for ratios in rounds[1:]) for name in FIGURES})


@contextmanager
def _distributed() -> Iterator[str]:
    """Yield the address of a distributed database of ours."""
    template, name = (f"bench_{os.getpid()}_{part}" for part in ("template", "cluster"))
    try:
        if cluster.make(template):
            raise RuntimeError("the cluster took no database")
        cluster.copy(template, name)
        yield urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    finally:
        cluster.drop(name)
        cluster.drop(template)


@contextmanager
def _plain() -> Iterator[str]:
    """Yield the address of a database of the coordinator alone."""
    ours, os.environ["DATABASE_URL"] = os.environ["DATABASE_URL"], cluster.server()
    try:
        with own_database():
            yield os.environ["DATABASE_URL"]
    finally:
        os.environ["DATABASE_URL"] = ours
