"""The public's pages and figures of reports, among a hundred times as many.

BENCH_BOARD=SMALL,LARGE (10000,1000000) are reports of one community over the last 600 days, of
all categories, confidential ones among them, a tenth of them open; the figures are as the night
left them. BENCH_LOOKS (50) looks at each address are timed.
"""

import time
from functools import cache
from statistics import median

from django.core.cache import caches
from django.db import connection
from django.test import Client

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.services import places
from bench._database import own_database
from bench._outcome import asked, asked_pair
from volunteers.models import Report
from volunteers.reports import figures
from volunteers.reports.categories import DEFAULTS

REPORTS = """
INSERT INTO volunteers_report (
    id, community_id, source, category, is_confidential, colour, answers, text, place, coord_type,
    status, submitted_at, is_by_child, is_screened, answer, reporter_group, reason, accepted_at,
    fixed_at, closed_at, closed_by_id, earned_at, ruled_as
)
SELECT uuid7(), %(community)s, 'imported', code, code = ANY (%(confidential)s), 'red', '{}',
    'bench', '', 'wgs84', CASE WHEN is_open THEN 'submitted' ELSE 'closed' END, at, false, true,
    'done', '', '', CASE WHEN NOT is_open THEN at END,
    CASE WHEN NOT is_open THEN at + hours * interval '1 hour' END,
    CASE WHEN NOT is_open THEN at + hours * interval '1 hour' END,
    CASE WHEN NOT is_open THEN %(staff)s::uuid END,
    CASE WHEN NOT is_open THEN at + hours * interval '1 hour' END, ''
FROM (
    SELECT (%(codes)s::text[])[1 + n %% cardinality(%(codes)s::text[])] AS code,
        n %% 10 = 0 AS is_open, n %% 400 AS hours,
        now() - (%(count)s - n)::float8 / %(count)s * interval '600 days' AS at
    FROM generate_series(1, %(count)s) n
) AS made
"""


def growth() -> float:
    """Return the seconds of the public page, list and figures, large ÷ small."""
    small, large = (_seconds(count) for count in asked_pair("BOARD", "10000,1000000"))
    return large / small


@cache
def _seconds(count: int) -> float:
    with own_database():
        community = _grown(count)
        newest = Report.objects.filter(community=community, is_confidential=False).latest("id")
        code = community.code
        addresses = [
            f"/c/{code}/",
            f"/c/{code}/figures",
            f"/c/{code}/reports",
            f"/c/{code}/reports?category=hazard&status=submitted",
            f"/c/{code}/print/{community.today:%Y-%m}",
            f"/c/{code}/reports/{newest.pk}",
            f"/api/v1/communities/{code}/reports",
            f"/api/v1/communities/{code}/report-figures",
            f"/api/v1/communities/{code}/report-figures?by=year",
            f"/open311/v2/requests/{newest.pk}.json?jurisdiction_id={code}",
        ]
        return sum(
            median(_look(address) for _ in range(asked("LOOKS", 50))) for address in addresses
        )


def _look(address: str) -> float:
    for one in caches.all(initialized_only=True):
        one.clear()
    started = time.perf_counter()
    answer = Client(SERVER_NAME="localhost").get(address)
    seconds = time.perf_counter() - started
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answers {answer.content!r}")
    return seconds


def _grown(count: int) -> Community:
    community = places.found(code="bench", name="bench")
    known = DEFAULTS.values()
    told = {
        "community": community.pk,
        "count": count,
        "staff": User.objects.create(username="bench").pk,
        "codes": [one.code for one in known],
        "confidential": [one.code for one in known if one.is_confidential],
    }
    with connection.cursor() as cursor:
        cursor.execute(REPORTS, told)
        figures.compact(community.pk)
        figures.tell_confidential(community)
        cursor.execute("VACUUM ANALYZE")  # as autovacuum has done where it was used for a while
    return community
