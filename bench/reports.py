"""Reports: near ones and the public's page among a hundred times as many, and the statements of one
with a photo. bench/_board.py has the public's.

BENCH_REPORTS=SMALL,LARGE (10000,1000000) are open reports of one community and category, spread
over a town of twenty kilometres in both runs, so that a hundred times as many are within reach of a
place. BENCH_LOOKS (50) looks, each at another place, are timed.
"""

import io
import random
import time
from statistics import median
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from backend.accounts.models import User
from backend.communities.models import Community, CoordType
from backend.communities.services import places
from bench import _board
from bench._database import own_database
from bench._outcome import Outcome, asked, asked_pair
from bench._web import TRANSACTION
from bench.checkin import token_for
from volunteers.attendance.positions import Position
from volunteers.models import Volunteer
from volunteers.people.services import people
from volunteers.reports.near import near

LATITUDE, LONGITUDE, TOWN_DEGREES = 28.2, 112.9, 0.2
REPORTS = """
INSERT INTO volunteers_report (
    id, community_id, source, category, is_confidential, colour, answers, text, place, latitude,
    longitude, coord_type, status, submitted_at, is_by_child, is_screened, answer, reporter_group,
    reason, ruled_as
)
SELECT uuid7(), %(community)s, 'imported', 'hazard', false, 'red', '{}', 'bench', '',
    %(latitude)s + random() * %(town)s, %(longitude)s + random() * %(town)s, 'wgs84', 'submitted',
    now() - n * interval '1 minute', false, true, '', '', '', ''
FROM generate_series(1, %(count)s) n
"""


def run() -> Outcome:
    """Return ``near_growth``, ``board_growth`` (seconds, large ÷ small), ``submit_statements``."""
    seconds = []
    for count in asked_pair("REPORTS", "10000,1000000"):
        with own_database():
            community = grown(count)
            seconds.append(_near_seconds(community))
    with own_database():
        statements = _submit_statements(grown(20))
    found = {
        "near_growth": seconds[1] / seconds[0],
        "board_growth": _board.growth(),
        "submit_statements": statements,
    }
    return Outcome(found, at_most={"near_growth": 2, "board_growth": 2, "submit_statements": 10})


def grown(count: int) -> Community:
    """Return a community with so many open reports."""
    community = places.found(code="bench", name="bench")
    told = {"latitude": LATITUDE, "longitude": LONGITUDE, "town": TOWN_DEGREES}
    with connection.cursor() as cursor:
        cursor.execute(REPORTS, told | {"community": community.pk, "count": count})
        cursor.execute("VACUUM ANALYZE")  # as autovacuum has done where it was used for a while
    return community


def _near_seconds(community: Community) -> float:
    chance, seconds = random.Random(1), []
    for _ in range(asked("LOOKS", 50) + 5):
        place = Position(
            LATITUDE + chance.random() * TOWN_DEGREES,
            LONGITUDE + chance.random() * TOWN_DEGREES,
            CoordType.WGS84,
        )
        begun = time.perf_counter()
        near(community, "hazard", place)
        seconds.append(time.perf_counter() - begun)
    return median(seconds[5:])  # the first ones warm up


def _submit_statements(community: Community) -> int:
    """Count the statements of a report with a photo, sent as a form, and told what is near it."""
    user = User.objects.create(username="bench", name="bench")
    people.enrol(user=user, community=community, kind=Volunteer.Kind.RIDER)
    headers: dict[str, Any] = {"Authorization": f"Bearer {token_for(user)}"}
    for number in range(2):  # what is read once by a process is read by the first
        photo = io.BytesIO()
        Image.new("RGB", (400, 300)).save(photo, "JPEG")
        body = {
            "category": "hazard",
            "text": "bench",
            "latitude": LATITUDE + TOWN_DEGREES / 2,
            "longitude": LONGITUDE + TOWN_DEGREES / 2,
            "photos": [SimpleUploadedFile("bench.jpg", photo.getvalue())],
        }
        with CaptureQueriesContext(connection) as captured:
            answer = Client(SERVER_NAME="localhost").post(
                f"/api/v1/communities/{community.code}/reports",
                body,
                headers=headers | {"Idempotency-Key": f"bench{number}"},
            )
        if answer.status_code != 201:
            raise RuntimeError(f"A report is answered with {answer.content!r}")
    return sum(not query["sql"].startswith(TRANSACTION) for query in captured.captured_queries)
