"""Notices through the inbox against bare inserts, and a sweep when there is a past.

BENCH_NOTICES (20000) due notices of BENCH_SHARES (4) communities are delivered by BENCH_WORKERS (2)
processes (``_delivering``), which do what Celery's workers do with the shares of a sweep. The floor
is the same rows, delivered already, inserted by one connection in statements of a thousand, without
Django; sides take turns, BENCH_ROUNDS (5) times. BENCH_TOLD=SMALL,LARGE (5000,5000000) are the
notices told before, half of them with a message that was sent; in both, a sweep looks for shares of
both kinds and delivers BENCH_DUE (200) notices of each of 20 communities.
"""

import json
import time
from functools import cache
from statistics import median
from typing import Any

from django.db import connection
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.services import places
from backend.ids import new_id
from backend.notices.models import Notice
from backend.outbox import services as outbox
from bench._database import own_database
from bench._outcome import Outcome, asked, asked_pair
from bench._team import team

WORKERS, AT_ONCE, COMMUNITIES = asked("WORKERS", 2), 1_000, 20
FACTS = {
    "activity": "交通劝导",
    "place": "东门",
    "starts_at": "2024-03-01T00:00:00+00:00",
    "timezone": "Asia/Shanghai",
}
COLUMNS = ("id", "community_id", "key", "recipient_id", "due_at", "delivered_at", "next_at")
INSERT = """
INSERT INTO notices_notice (
    id, community_id, key, recipient_id, due_at, delivered_at, next_at, kind, facts, created_at
)
SELECT told.*, 'shift_reminder', %s::jsonb, now()
FROM unnest(
    %s::uuid[], %s::uuid[], %s::text[], %s::uuid[],
    %s::timestamptz[], %s::timestamptz[], %s::timestamptz[]
) told
"""


def run() -> Outcome:
    """Return ``inbox_vs_insert`` (notices a second) and ``sweep_growth`` (large ÷ small)."""
    small, large = (_sweep(told) for told in asked_pair("TOLD", "5000,5000000"))
    return Outcome(
        {"inbox_vs_insert": _inbox_vs_insert(), "sweep_growth": large / small},
        at_least={"inbox_vs_insert": 0.25},
        at_most={"sweep_growth": 1.5},
    )


class Cast:
    """Communities, and people who are told something."""

    def __init__(self, communities: int) -> None:
        self.communities = [
            places.found(code=f"bench{n}", name=f"bench{n}") for n in range(communities)
        ]
        self.people = User.objects.bulk_create(User(username=f"bench{n}") for n in range(100))
        self.made = 0

    def notices(self, count: int, **how: Any) -> list[Notice]:
        """Return so many notices, of each community in turn."""
        first, self.made = self.made, self.made + count
        return [
            Notice(
                id=new_id(),
                community=self.communities[number % len(self.communities)],
                key=f"shift_reminder:{number}",
                recipient=self.people[number % len(self.people)],
                kind="shift_reminder",
                facts=FACTS,
                due_at=timezone.now(),
                **how,
            )
            for number in range(first, self.made)
        ]


# --- against bare inserts ---------------------------------------------------------------------
def _inbox_vs_insert() -> float:
    count, rounds = asked("NOTICES", 20_000), asked("ROUNDS", 5)
    with own_database():
        cast = Cast(asked("SHARES", 4))
        with team("bench._delivering", WORKERS) as workers:
            ratios = []
            for _ in range(rounds):
                inserted = _insert(cast.notices(count, delivered_at=timezone.now(), next_at=None))
                _insert(cast.notices(count, next_at=timezone.now()))
                _vacuum("notices_notice")
                started = time.perf_counter()
                workers.rate("deliver", 1)
                delivered = time.perf_counter() - started
                if Notice.objects.filter(next_at__isnull=False).exists():
                    raise RuntimeError("some were not delivered")
                ratios.append(inserted / delivered)
    return median(ratios)


def _insert(rows: list[Notice]) -> float:
    """Insert rows as plainly as PostgreSQL can, a thousand a statement. Returns the seconds."""
    batches = [
        [[getattr(row, name) for row in rows[first : first + AT_ONCE]] for name in COLUMNS]
        for first in range(0, len(rows), AT_ONCE)
    ]
    with connection.cursor() as cursor:
        started = time.perf_counter()
        for columns in batches:
            cursor.execute(INSERT, [json.dumps(FACTS), *columns])
        return time.perf_counter() - started


def _vacuum(*tables: str) -> None:
    """Do what autovacuum has done where a table has been used for a while."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"VACUUM ANALYZE {table}")


# --- when there is a past ---------------------------------------------------------------------
# As years leave them: delivered, in the order in which they were owed, each second one sent too.
TOLD = """
WITH told AS (
    INSERT INTO notices_notice (
        id, community_id, key, recipient_id, kind, facts, due_at, created_at, delivered_at, next_at
    )
    SELECT uuid7(), communities[1 + n %% cardinality(communities)], 'told:' || n,
        people[1 + n %% cardinality(people)], 'shift_reminder', '{}', now(), now(), now(), NULL
    FROM generate_series(1, %(count)s) n,
        (SELECT %(communities)s::uuid[] AS communities, %(people)s::uuid[] AS people) c
    RETURNING id, community_id
)
INSERT INTO notices_message (id, community_id, notice_id, channel, language, sent_at, next_at)
SELECT uuid7(), community_id, id, 'wechat', 'zh-hans', now(), NULL
FROM (SELECT *, row_number() OVER () AS n FROM told) told
WHERE n %% 2 = 0
"""


@cache
def _sweep(told: int) -> float:
    """Return the least seconds of a sweep that finds ``told`` notices delivered long ago."""
    due, rounds = asked("DUE", 200) * COMMUNITIES, asked("ROUNDS", 5)
    with own_database():
        cast = Cast(COMMUNITIES)
        past: dict[str, Any] = {
            "communities": [community.pk for community in cast.communities],
            "people": [person.pk for person in cast.people],
            "count": told,
        }
        with connection.cursor() as cursor:
            cursor.execute(TOLD, past)
        _vacuum("notices_notice", "notices_message")
        return min(_seconds_of_a_sweep(cast, due) for _ in range(rounds))


def _seconds_of_a_sweep(cast: Cast, due: int) -> float:
    _insert(cast.notices(due, next_at=timezone.now()))
    started = time.perf_counter()
    done = sum(outbox.work("notice", share) for share in outbox.shares("notice"))
    none = outbox.shares("message")
    seconds = time.perf_counter() - started
    if done != due or none:
        raise RuntimeError(f"{done} of {due} were delivered, and {none} is to be sent")
    return seconds
