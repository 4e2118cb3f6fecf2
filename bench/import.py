"""The growth of ``manage.py import_hours`` with its file: in time alone.

BENCH_ROWS=SMALL,LARGE (10000,1000000) are the lengths of the two files. Both are about the same
volunteers, so only the length differs.
"""

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from django.db import transaction

from backend.accounts.services.people import put_on_record
from backend.communities.models import Community
from backend.communities.services import places
from bench._database import own_database
from bench._outcome import Outcome, asked_pair
from bench._peak import measured
from points.models import Rule
from points.rules import services as rules
from volunteers.models import Attendance, Volunteer
from volunteers.people.services.people import enrol

VOLUNTEERS = 2_000
FIRST_DAY = date(2010, 1, 1)
CATEGORIES = ("邻里服务", "交通劝导", "应急值守", "便民活动")
MINUTES = (60, 90, 105, 120, 150, 205)  # as in the scenario of 碧沙湖
HEADER = ("活动", "类别", "姓名", "手机号", "签到", "签退")


Person = tuple[str, str]  # name and phone, as the spreadsheet has them


def run() -> Outcome:
    """Return ``memory_ratio`` (peak resident) and ``seconds_per_row_ratio``, large ÷ small."""
    lengths = asked_pair("ROWS", "10000,1000000")
    people = [(f"志愿者{number:04}", str(19900000000 + number)) for number in range(VOLUNTEERS)]
    with own_database(), TemporaryDirectory(prefix="linli-bench-") as folder:
        cost = cache(lambda rows: _import(Path(folder) / f"{rows}.csv", people, rows))
        small, large = map(cost, lengths)
    return Outcome(
        {
            "memory_ratio": large["peak_kib"] / small["peak_kib"],
            "seconds_per_row_ratio": large["seconds"] / lengths[1] / small["seconds"] * lengths[0],
        },
        at_most={"memory_ratio": 1.5},
    )


def _import(file: Path, people: list[Person], rows: int) -> dict[str, float]:
    """Import ``rows`` rows into a new community, by the command in a process of its own."""
    community = _found(file.stem, people[:rows])
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        writer.writerows(_hours(people, rows))
    cost = measured(
        *("manage.py", "import_hours", "--skip-checks", str(file)),
        *("--community", community.code),
    )
    imported = Attendance.objects.filter(community=community).count()
    if imported != rows:
        raise RuntimeError(f"{imported} of {rows} rows were imported")
    return cost


@transaction.atomic
def _found(code: str, people: list[Person]) -> Community:
    community = places.found(code=code, name=code)
    rules.publish(
        community=community,
        subject=Rule.Subject.HOURS,
        category="*",
        parameters={"points_per_hour": 10, "daily_cap_points": 80},
        valid_from=FIRST_DAY,
    )
    for name, phone in people:
        user = put_on_record(name=name, phone=phone)
        enrol(user=user, community=community, kind=Volunteer.Kind.RESIDENT)
    return community


def _hours(people: list[Person], rows: int) -> Iterator[tuple[str, ...]]:
    """Yield everybody once a day, so nobody overlaps, in order of days, as such files are kept."""
    for number in range(rows):
        days, place = divmod(number, len(people))
        day = FIRST_DAY + timedelta(days=days)
        category = CATEGORIES[(place + days) % len(CATEGORIES)]
        checked_in = 7 * 60 + 15 * (place % 43)  # minutes since midnight
        checked_out = checked_in + MINUTES[place % len(MINUTES)]
        yield (
            f"{category}-{day:%Y%m%d}",
            category,
            *people[place],
            f"{day} {checked_in // 60:02}:{checked_in % 60:02}",
            f"{day} {checked_out // 60:02}:{checked_out % 60:02}",
        )
