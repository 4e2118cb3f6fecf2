"""Python processes that work at the same time: each reads a line of input, works, and answers."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

PROCESSES = int(os.environ.get("BENCH_PROCESSES", "4"))
DONE = "done"


class Team:
    """Processes that are ready: their programs are loaded, their connections open."""

    def __init__(self, members: list["subprocess.Popen[str]"]) -> None:
        self._members = members
        self._wait()

    def rate(self, task: str, times: int) -> float:
        """Return how often a second ``task`` was done, ``times`` by each, until the last ended."""
        started = time.perf_counter()
        for member in self._members:
            print(task, times, file=member.stdin, flush=True)
        self._wait()
        return len(self._members) * times / (time.perf_counter() - started)

    def _wait(self) -> None:
        for member in self._members:
            assert member.stdout is not None
            if member.stdout.readline().strip() != DONE:
                raise RuntimeError(f"{member.args!r} ended before its work was done")


@contextmanager
def team(module: str, count: int = PROCESSES, /, **environment: str) -> Iterator[Team]:
    """Run ``count`` of ``python -m module NUMBER``, which must call ``work``, for the block."""
    with ExitStack() as running:
        members = []
        for number in range(count):
            member = subprocess.Popen(
                [sys.executable, "-m", module, str(number)],
                env=os.environ | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            running.enter_context(member)
            running.callback(member.terminate)
            members.append(member)
        yield Team(members)


def work(tasks: dict[str, Callable[[], object]]) -> None:
    """Do what each input line says, until there are no more: a process' own side."""
    print(DONE, flush=True)
    for line in sys.stdin:
        task, times = line.split()
        for _ in range(int(times)):
            tasks[task]()
        print(DONE, flush=True)


def first(each: int) -> int:
    """Return how many to do before measuring: first times are slow, and nobody's fault."""
    return max(each // 10, 1)
