"""What knowing who asks costs: ``GET /api/v1/me`` with an access token, and without asking.

The other view is the same one, told beforehand who is asking (``_web_urls``): neither token nor
row is read. Both over HTTP from the live server with 2 workers, to four clients, taking turns.
BENCH_REQUESTS (2000) is how many of each in a round; BENCH_ROUNDS (5) how many rounds.
"""

import os
from statistics import median

from backend.accounts.services import logins
from backend.communities.models import Role
from backend.communities.services import places, roles
from bench._database import own_database
from bench._outcome import Outcome, print_table
from bench._team import PROCESSES, Team, team
from bench._web import PASSWORD, live_server, token_of

USERNAME = "bench"


def run() -> Outcome:
    """``auth_ratio``: requests a second with an access token ÷ without."""
    each = max(int(os.environ.get("BENCH_REQUESTS", "2000")) // PROCESSES, 1)
    rounds = int(os.environ.get("BENCH_ROUNDS", "5"))
    with own_database(), live_server() as url:
        user = logins.open_login(username=USERNAME, name="bench", password=PASSWORD)
        place = places.found(code="bench", name="bench")
        roles.give(user=user, community=place, role=Role.STAFF)
        os.environ |= {"BENCH_URL": url, "BENCH_TOKEN": token_of(url, USERNAME)}
        with team("bench._callers") as clients:
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
