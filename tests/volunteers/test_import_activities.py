"""``manage.py import_activities``, and the file that the API writes of shifts."""

from datetime import datetime
from io import BytesIO, StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone, translation

from backend.events.services import venues
from volunteers.models import Activity, ServicePolicy, Shift, Team

HEADER = "活动,类别,开始,结束,队伍,场地,地点,名额,需要人数,公开\n"
CUTTING = "义剪,便民,2100-03-19 09:00,2100-03-19 11:00,红马甲,广场,东侧,10,6,是\n"
EARLIER = "义 剪,便民,2100-03-19 08:00,2100-03-19 09:00,红马甲,广场,,,,\n"


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


@pytest.fixture
def team(lake):
    return Team.objects.create(community=lake, name="红马甲")


@pytest.fixture
def square(lake, zhao):
    hours = [{"weekday": day, "from_time": "08:00", "until_time": "20:00"} for day in range(1, 8)]
    return venues.make(place=lake, by=zhao, name="广场", opening_hours=hours)


@pytest.fixture
def take(tmp_path):
    """Imports lines below the header into the lake; answers all that was printed."""

    def run(lines: str, *arguments: str) -> str:
        path = tmp_path / "activities.csv"
        path.write_text(HEADER + lines)
        told = StringIO()
        try:
            call_command(
                "import_activities",
                str(path),
                "--community=lake",
                *arguments,
                stdout=told,
                stderr=told,
                no_color=True,
            )
        except CommandError as error:
            told.write(str(error))
        return told.getvalue()

    return run


def test_rows_of_one_title_are_one_activity_and_a_file_is_taken_once(lake, take, team, square):
    assert "created: 2, unchanged: 0" in take(CUTTING + EARLIER)
    assert "created: 0, unchanged: 2" in take(CUTTING + EARLIER)

    activity = Activity.objects.get()
    assert (activity.title, activity.team, activity.venue, activity.place, activity.is_public) == (
        "义剪",
        team,
        square,
        "东侧",
        True,
    )
    first, second = Shift.objects.order_by("starts_at")
    assert first.starts_at == datetime(2100, 3, 19, 8, tzinfo=lake.clock)
    assert (second.capacity, second.wanted) == (10, 6)


def test_a_dry_run_plans_nothing(take, team, square):
    assert "Rows good and new: 2" in take(CUTTING + EARLIER, "--dry-run")
    assert not Activity.objects.exists()


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (CUTTING.replace("红马甲", "蓝马甲"), "line 2, 队伍: team_unknown"),
        (CUTTING.replace("广场", "月球"), "line 2, 场地: venue_unknown"),
        (CUTTING.replace("11:00", "08:00"), "line 2, 开始: shift_times_invalid"),
        (CUTTING.replace("11:00", "21:00"), "line 2, 开始: venue_closed"),
        (CUTTING.replace(",10,6,", ",5,6,"), "line 2, 开始: wanted_exceeds_capacity"),
        (CUTTING.replace(",10,6,", ",0,6,"), "line 2, 名额: number_too_small"),
        (CUTTING.replace("便民", "杂务"), "line 2, 类别: category_unknown"),
        (CUTTING + CUTTING.replace("11:00", "11:30"), "line 3, 开始: shift_differs"),
    ],
)
def test_a_row_that_can_not_be_planned_is_named(lake, take, team, square, line, error):
    ServicePolicy.objects.create(community=lake, categories=["便民"])

    assert error in take(line)
    assert not Activity.objects.exists()


def test_what_is_written_can_be_read_again(
    lake, take, team, square, zhao, wang, logged_in, tmp_path
):
    take(CUTTING + EARLIER)
    address = "/api/v1/communities/lake/shifts"

    file = logged_in(zhao).get(f"{address}.csv")
    book = logged_in(zhao).get(f"{address}.xlsx?day=2100-03-19")
    assert book.status_code == 200, book.content

    lines = file.getvalue().decode("utf-8-sig").splitlines()
    assert len(lines) == 3
    assert lines[2].startswith(
        "义剪,便民,2100-03-19 09:00,2100-03-19 11:00,红马甲,广场,东侧,10,6,是,"
    )
    assert logged_in(wang).get(f"{address}.csv").status_code == 404
    path = tmp_path / "again.xlsx"
    path.write_bytes(BytesIO(book.getvalue()).read())
    told = StringIO()
    with translation.override("en"):
        call_command("import_activities", str(path), "--community=lake", stdout=told, no_color=True)
    assert "created: 0, unchanged: 2" in told.getvalue()
    assert Shift.objects.filter(starts_at__gt=timezone.now()).count() == 2
