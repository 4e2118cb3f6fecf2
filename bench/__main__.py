"""``python -m bench [NAME...]``: see the package."""

import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path

import django

from bench._outcome import Outcome


def main(wanted: list[str]) -> int:
    """Run the benches and print their figures. Returns 1 if a bound is broken, 2 if unknown."""
    known = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    if unknown := sorted(set(wanted) - set(known)):
        print(f"no bench {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    # Asked to stop, do away with the database and the files first.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    # The settings of the tests: the real ones, with throwaway keys.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.test_settings")
    django.setup()

    outcomes: dict[str, Outcome] = {}
    for name in wanted or known:
        print(f"--- {name}", flush=True)
        outcomes[name] = import_module(f"bench.{name}").run()
        outcomes[name].print()
    broken = [
        f"{name}: {sentence}" for name, outcome in outcomes.items() for sentence in outcome.broken()
    ]
    for sentence in broken:
        print(sentence, file=sys.stderr)

    if len(outcomes) == 1:
        [(name, outcome)] = outcomes.items()
        last_line = {"bench": name, **outcome.figures}
    else:
        last_line = {name: outcome.figures for name, outcome in outcomes.items()}
    print(json.dumps(last_line), flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
