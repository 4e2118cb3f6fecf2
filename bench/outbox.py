"""The growth of a sweep's look and its claims with what was owed before and is settled.

BENCH_OWED=SMALL,LARGE (5000,5000000) are the settled notices of 100 communities; in both runs as
many are due, so only what is done already differs. BENCH_ROUNDS (5) looks are timed, each with 50
claims.
"""

import time
from functools import cache
from statistics import median
from typing import Any

from django.db import connection
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.services import places
from backend.outbox import services as outbox
from backend.outbox.kinds import registered
from bench._database import own_database
from bench._outcome import Outcome, asked, asked_pair

COMMUNITIES, CLAIMS, AT_ONCE, KIND = 100, 50, 10, "notice"
# As the notices of years are: delivered, in the order in which they were owed.
OWED = """
INSERT INTO notices_notice (
    id, community_id, key, recipient_id, kind, facts, due_at, created_at, delivered_at, next_at
)
SELECT uuid7(), communities[1 + n %% cardinality(communities)], %(what)s || n, %(recipient)s,
    'shift_reminder', '{}', now(), now(), %(delivered_at)s, %(next_at)s
FROM generate_series(1, %(count)s) n, (SELECT %(communities)s::uuid[] AS communities) c
"""


def run() -> Outcome:
    """Return ``claim_growth``: seconds of a look and its claims, large ÷ small."""
    small, large = (_seconds(settled) for settled in asked_pair("OWED", "5000,5000000"))
    return Outcome({"claim_growth": large / small}, at_most={"claim_growth": 1.5})


@cache
def _seconds(settled: int) -> float:
    """Return the median seconds of a sweep's look and a claim of every share, by rounds."""
    rounds = asked("ROUNDS", 5)
    with own_database():
        found = [places.found(code=f"bench{n}", name=f"bench{n}") for n in range(COMMUNITIES)]
        owed: dict[str, Any] = {
            "communities": [community.pk for community in found],
            "recipient": User.objects.create(username="bench").pk,
        }
        with connection.cursor() as cursor:
            now = timezone.now()
            done = {"what": "done", "count": settled, "delivered_at": now, "next_at": None}
            cursor.execute(OWED, owed | done)
            due = {"what": "due", "count": rounds * COMMUNITIES * AT_ONCE, "delivered_at": None}
            cursor.execute(OWED, owed | due | {"next_at": now})
            cursor.execute("VACUUM ANALYZE notices_notice")  # as autovacuum has done
        return median(_round() for _ in range(rounds))


def _round() -> float:
    started = time.perf_counter()
    shares = outbox.shares(KIND)
    for share in shares[:CLAIMS]:
        claimed = outbox.claim(registered[KIND], share, at_most=AT_ONCE)
        if len(claimed) != AT_ONCE:
            raise RuntimeError(f"{len(claimed)} were claimed")
    return time.perf_counter() - started
