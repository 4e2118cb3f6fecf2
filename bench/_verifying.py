"""Verification: the statements of a batch, and the growth of the queue with what is settled.

BENCH_BATCH (200) records are verified at once. BENCH_ATTENDANCES=SMALL,LARGE (10000,1000000) are
verified hours of a community; in both runs 500 records await verification, so only what is settled
differs. BENCH_LOOKS (20) looks at the first page of the queue are timed.
"""

import time
from datetime import date
from functools import cache
from statistics import median

from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from backend.accounts.models import User
from backend.communities.models import Community, Membership, Role
from backend.communities.services import places
from bench._database import own_database
from bench._outcome import asked, asked_pair
from points.models import Rule
from points.rules import services as rules
from volunteers.activities.models import Activity
from volunteers.attendance import selectors
from volunteers.attendance.services import hours
from volunteers.models import Attendance

PAGE, WAITING, PEOPLE, A_SHIFT = 21, 500, 1_000, 20  # people at one
# As years of service are: a shift a quarter of an hour, twenty people at each.
SHIFTS = """
INSERT INTO volunteers_shift (id, community_id, activity_id, status, reason, starts_at, ends_at)
SELECT uuid7(), %(community)s, %(activity)s, 'planned', '',
    now() - n * interval '15 minutes' - interval '1 day',
    now() - n * interval '15 minutes' - interval '1 day' + interval '1 hour'
FROM generate_series(1, %(count)s) n
"""
ATTENDANCES = """
INSERT INTO volunteers_attendance (
    id, community_id, shift_id, volunteer_id, status, signed_up_at, checked_in_at, checked_out_at,
    check_in_mark, check_out_mark, was_offline, check_out_was_forgotten, proof, position_mark,
    device_digest, is_walk_in, is_backfilled, signals, cut_by, worked_minutes, verified_at,
    verified_by_id, reason, nonces
)
SELECT uuid7(), %(community)s, s.id, people.ids[1 + (s.n * %(a_shift)s + k) %% %(people)s],
    CASE WHEN s.n * %(a_shift)s < %(waiting)s THEN 'checked_out' ELSE 'verified' END,
    s.starts_at, s.starts_at, s.ends_at, '', '', false, false, 'own_word', '', '', false, false,
    '{}', '', 60, CASE WHEN s.n * %(a_shift)s >= %(waiting)s THEN now() END,
    CASE WHEN s.n * %(a_shift)s >= %(waiting)s THEN %(verifier)s::uuid END, '', '{}'
FROM (
    SELECT id, starts_at, ends_at, row_number() OVER (ORDER BY starts_at DESC) - 1 AS n
    FROM volunteers_shift WHERE community_id = %(community)s
) s
CROSS JOIN generate_series(0, %(a_shift)s - 1) k
CROSS JOIN (SELECT %(ids)s::uuid[] AS ids) people
"""


def figures() -> dict[str, float]:
    """Return ``verify_statements`` of a record, and ``queue_growth``: seconds, large ÷ small."""
    batch = asked("BATCH", 200)
    with own_database():
        statements = _statements(batch)
    small, large = map(_seconds, asked_pair("ATTENDANCES", "10000,1000000"))
    return {"verify_statements": statements / batch, "queue_growth": large / small}


def _statements(batch: int) -> int:
    """Return how many statements a batch takes: people of every kind, with new wallets."""
    community, verifier = _filled(max(batch, WAITING), waiting=batch)
    waiting = list(selectors.hours_to_verify(verifier, community)[:batch])
    with CaptureQueriesContext(connection) as asked_for:
        outcomes = hours.verify_many(community=community, attendances=waiting, verifier=verifier)
    if any(not isinstance(outcome, tuple) for outcome in outcomes) or len(outcomes) != batch:
        raise RuntimeError("not all were verified")
    return len(asked_for)


@cache
def _seconds(count: int) -> float:
    """Return the median seconds of the queue's first page, beside so many settled."""
    with own_database():
        community, verifier = _filled(count, waiting=WAITING)
        queue = selectors.hours_to_verify(verifier, community)
        return median(_look(queue) for _ in range(asked("LOOKS", 20)))


def _look(queue: QuerySet[Attendance]) -> float:
    started = time.perf_counter()
    if len(list(queue[:PAGE])) != PAGE:
        raise RuntimeError("the queue is empty")
    return time.perf_counter() - started


def _filled(count: int, *, waiting: int) -> tuple[Community, User]:
    """Return a community with so many attendances, of which some wait, and its staff."""
    community = places.found(code="bench", name="bench")
    verifier = User.objects.create(username="verifier")
    Membership.objects.create(user=verifier, community=community, role=Role.STAFF)
    people = User.objects.bulk_create(User(username=f"bench{n}") for n in range(PEOPLE))
    rules.publish(
        community=community,
        subject=Rule.Subject.HOURS,
        category="*",
        parameters={"points_per_hour": 10, "daily_cap_points": 80},
        valid_from=date(1990, 1, 1),
    )
    activity = Activity.objects.create(community=community, title="bench", category="bench")
    facts = {
        "community": community.pk,
        "activity": activity.pk,
        "count": count // A_SHIFT,
        "a_shift": A_SHIFT,
        "people": PEOPLE,
        "waiting": waiting,
        "verifier": verifier.pk,
        "ids": [one.pk for one in people],
    }
    with connection.cursor() as cursor:
        cursor.execute(SHIFTS, facts)
        cursor.execute(ATTENDANCES, facts)
        cursor.execute("VACUUM ANALYZE")  # as autovacuum has done
    return community, verifier
