"""What knowing who asks costs: ``GET /api/v1/me`` with an access token, and without asking.

The other view is the same one, told beforehand who is asking (``_auth_urls``): neither token nor
row is read. Both over HTTP from the live server with 2 workers, to four clients, taking turns.
BENCH_REQUESTS (2000) is how many of each in a round; BENCH_ROUNDS (5) how many rounds.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx

from backend.accounts.services import logins
from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.embedded import stopping
from backend.run import listen, start_web, wait_until_ready
from bench._database import own_database
from bench._outcome import Outcome, print_table
from bench._team import PROCESSES, Team, team

WORKERS = 2
USERNAME, PASSWORD = "bench", "correct horse battery staple"  # of this bench alone


def run() -> Outcome:
    """``auth_ratio``: requests a second with an access token ÷ without."""
    each = max(int(os.environ.get("BENCH_REQUESTS", "2000")) // PROCESSES, 1)
    rounds = int(os.environ.get("BENCH_ROUNDS", "5"))
    with own_database(), _live_server() as url:
        os.environ |= {"BENCH_URL": url, "BENCH_TOKEN": _token(url)}
        with team("bench._asking") as clients:
            _seconds(clients, max(each // 10, 1))  # first times are slow, and nobody's fault
            turns = [_seconds(clients, each) for _ in range(rounds)]
    ratio = median(without / signed_in for without, signed_in in turns)
    print_table(
        ("GET /api/v1/me", "requests a second"),
        ("told who asks", "1.00"),
        ("with an access token", f"{ratio:.2f}"),
    )
    return Outcome({"auth_ratio": round(ratio, 3)}, at_least={"auth_ratio": 0.8})


def _seconds(clients: Team, each: int) -> tuple[float, float]:
    """Without asking, and with a token."""
    return clients.seconds("open", each), clients.seconds("me", each)


def _token(url: str) -> str:
    """Of somebody with a role, who logs in there."""
    user = logins.open_login(username=USERNAME, name="bench", password=PASSWORD)
    roles.give(user=user, community=places.found(code="bench", name="bench"), role=Role.STAFF)
    answer = httpx.post(
        f"{url}/_allauth/app/v1/auth/login", json={"username": USERNAME, "password": PASSWORD}
    )
    token: str = answer.json()["meta"]["access_token"]
    return token


@contextmanager
def _live_server() -> Iterator[str]:
    """As `make run` starts it, but for the number of workers; where it answers."""
    with tempfile.TemporaryDirectory(prefix="linli-") as name, listen(8000) as listener:
        home = Path(name)
        (home / "log").mkdir()
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "bench._auth_settings"}
        port = listener.getsockname()[1]
        with stopping(web := start_web(home, environment, listener, workers=WORKERS)):
            wait_until_ready(port, [web])
            yield f"http://127.0.0.1:{port}"
