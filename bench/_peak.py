"""Runs a command and prints its cost as JSON, as its last line.

The kernel counts what a process had in memory before it became the command as the command's own. So
this is a program of its own, small enough for that not to show: it must not import ours.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def measured(*command: str) -> dict[str, float]:
    """Return the cost of ``python COMMAND``: ``seconds`` and ``peak_kib`` of resident memory."""
    done = subprocess.run(
        [sys.executable, __file__, sys.executable, *command],
        cwd=Path(__file__).resolve().parent.parent,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    cost: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return cost


def main(command: list[str]) -> int:
    """Run the command. Returns its status."""
    started = time.monotonic()
    process = subprocess.Popen(command)
    _, wait_status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(wait_status)
    seconds = time.monotonic() - started
    print(json.dumps({"peak_kib": usage.ru_maxrss, "seconds": seconds}))
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
