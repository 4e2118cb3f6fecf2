"""``python -m bench._side NUMBER``: a database of bench.cluster, and its live server."""

import os
import tempfile

import django

from bench._outcome import asked
from bench._team import PROCESSES, team, work

django.setup()

from django.db import connection  # noqa: E402
from django.utils.module_loading import import_string  # noqa: E402

from backend.celery import CLOCK  # noqa: E402
from backend.communities.services import places  # noqa: E402
from bench import checkin, redeem  # noqa: E402
from bench._web import live_server, token_of  # noqa: E402

EACH = max(asked("DONE", 200) // PROCESSES, 1)
SWEEPS = [import_string(one.task) for name, one in CLOCK.items() if name.startswith("sweep_")]


def main() -> None:
    """Fill the database, then do a round of each task that is named."""
    count = (1 + asked("ROUNDS", 5)) * EACH * PROCESSES
    offer = redeem.open_shop()
    shift = checkin.plan_shift(places.found(code="gate", name="gate"))
    with live_server() as url, tempfile.TemporaryDirectory() as folder:
        asks = {"BENCH_URL": url, "BENCH_TOKEN": token_of(url, redeem.CLERK)}
        asks["BENCH_SCANS"] = f"/api/v1/merchants/{offer.partnership.merchant_id}/scans"
        asks["BENCH_SHIFT"] = f"{shift.community_id} {shift.pk}"
        shown = _written(folder, "vouchers", redeem.vouchers(offer, count))
        tokens = [checkin.token_for(user) for user in checkin.sign_up(shift, count)]
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        with (
            team("bench._posters") as posters,
            team("bench._callers", **asks, BENCH_CODES=shown) as clerks,
            team("bench._callers", **asks, BENCH_CODES=_written(folder, "tokens", tokens)) as gate,
        ):
            work(
                {
                    "post": lambda: posters.rate("award", EACH),
                    "scan": lambda: clerks.rate("scan", EACH),
                    "check_in": lambda: gate.rate("check_in", EACH),
                    "notices": lambda: clerks.rate("notices", EACH),
                    "sweep": lambda: [sweep() for sweep in SWEEPS],
                }
            )


def _written(folder: str, name: str, lines: list[str]) -> str:
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write("\n".join(lines))
    return path


if __name__ == "__main__":
    main()
