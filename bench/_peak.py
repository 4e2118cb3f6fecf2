"""Runs a command and says in JSON, as its last line, what it took.

The kernel counts what a process had in memory before it became the command as the command's own.
So this is a program of its own, small enough for that not to show: it must not import ours.
"""

import json
import os
import subprocess
import sys
import time


def main(command: list[str]) -> int:
    """Print ``peak_kib`` (resident memory) and ``seconds``; the command's status is ours."""
    started = time.monotonic()
    process = subprocess.Popen(command)
    _, wait_status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(wait_status)
    seconds = time.monotonic() - started
    print(json.dumps({"peak_kib": usage.ru_maxrss, "seconds": seconds}))
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
