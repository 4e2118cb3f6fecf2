"""The cost of knowing who asks: ``GET /api/v1/me`` with an access token, and without asking.

The other view is the same one, told beforehand who is asking (``_web_urls``): neither token nor row
is read. Both run over HTTP from the live server with 2 workers, to four clients, taking turns.
BENCH_REQUESTS (2000) is the number of each in a round; BENCH_ROUNDS (5) that of rounds.
"""

from backend.accounts.services import logins
from backend.communities.models import Role
from backend.communities.services import places, roles
from bench._database import own_database
from bench._outcome import Outcome, asked
from bench._team import PROCESSES
from bench._web import PASSWORD, live_server, token_of, versus

USERNAME = "bench"


def run() -> Outcome:
    """Return ``auth_ratio``: requests a second with an access token ÷ without."""
    each = max(asked("REQUESTS", 2000) // PROCESSES, 1)
    with own_database(), live_server() as url:
        user = logins.open_login(username=USERNAME, name="bench", password=PASSWORD)
        place = places.found(code="bench", name="bench")
        roles.give(user=user, community=place, role=Role.STAFF)
        token = token_of(url, USERNAME)
        ratio = versus("me", "open", each, BENCH_URL=url, BENCH_TOKEN=token)
    return Outcome({"auth_ratio": ratio}, at_least={"auth_ratio": 0.8})
