"""The cost of what every request pays: a floor of ours, against a bare view of Django's.

Both insert one row (``_web_urls``). Ours knows who asks by an access token and comes through all
middleware; the bare one asks nobody and has none but allauth's, which insists on it. Each runs over
HTTP from a live server with 2 workers, to four clients, taking turns. BENCH_REQUESTS (2000) is the
number of each in a round; BENCH_ROUNDS (5) that of rounds.
"""

from backend.accounts.services import logins
from backend.communities.services import places
from bench._database import own_database
from bench._outcome import Outcome, asked
from bench._team import PROCESSES
from bench._web import PASSWORD, live_server, token_of, versus
from bench.auth import USERNAME
from merchants.partners.services import partnerships as partners


def run() -> Outcome:
    """Return ``floor_vs_bare``: inserts a second by a view of ours ÷ by a bare one."""
    each = max(asked("REQUESTS", 2000) // PROCESSES, 1)
    with own_database(), live_server() as url, live_server("bench._bare_settings") as bare:
        logins.open_login(username=USERNAME, name="bench", password=PASSWORD)
        place = places.found(code="bench", name="bench")
        partners.sign_contract(
            community=place, name="bench", trade="bench", fen_per_point=10, is_donated=False
        )
        asks = {"BENCH_URL": url, "BENCH_BARE_URL": bare, "BENCH_TOKEN": token_of(url, USERNAME)}
        ratio = versus("floor", "bare", each, **asks)
    return Outcome({"floor_vs_bare": ratio}, at_least={"floor_vs_bare": 0.6})
