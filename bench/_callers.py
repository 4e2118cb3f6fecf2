"""One of those who ask a live server: see ``auth`` and ``redeem``."""

import json
import os
import sys
from itertools import islice
from pathlib import Path

from bench._team import PROCESSES, work
from bench._web import Caller


def main() -> None:
    caller = Caller()
    # Each code is some one's of us.
    codes = islice(
        Path(os.environ.get("BENCH_CODES", os.devnull)).read_text().splitlines(),
        int(sys.argv[1]),
        None,
        PROCESSES,
    )

    def scan() -> None:
        code = next(codes)
        caller.ask("POST", os.environ["BENCH_SCANS"], json.dumps({"code": code}), key=code)

    work(
        {
            "me": lambda: caller.ask("GET", "/api/v1/me"),
            "open": lambda: caller.ask("GET", "/open"),
            "scan": scan,
            "floor": lambda: caller.ask("POST", "/floor", "{}"),
        }
    )


if __name__ == "__main__":
    main()
