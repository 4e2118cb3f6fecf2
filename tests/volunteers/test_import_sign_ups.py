"""``manage.py import_sign_ups``: rosters that staff keep in a spreadsheet."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone, translation

from volunteers.activities import services as activities
from volunteers.attendance.services import sign_ups
from volunteers.models import Attendance, Shift


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


@pytest.fixture
def evening(lake, patrol_category) -> Shift:
    """A shift of two hours tomorrow, with one place."""
    activity = activities.plan_activity(community=lake, title="夜间巡逻", category=patrol_category)
    start = timezone.now().replace(second=0, microsecond=0) + timedelta(days=1)
    return activities.plan_shift(
        activity=activity, starts_at=start, ends_at=start + timedelta(hours=2), capacity=1
    )


@pytest.fixture
def patrol_category():
    return "邻里服务"


@pytest.fixture
def line(lake, evening):
    """A row: ``line(wang)``; ``title`` and ``later``, by so long, are otherwise."""

    def made(user, title="夜间巡逻", later=timedelta()):
        at = (evening.starts_at + later).astimezone(lake.clock)
        return f"{title},{at:%Y-%m-%d %H:%M},{user.name},{user.phone}\n"

    return made


@pytest.fixture
def take(tmp_path):
    """Imports lines into the lake; answers all that was printed."""

    def run(lines: str, *arguments: str) -> str:
        path = tmp_path / "roster.csv"
        path.write_text("活动,开始,姓名,手机号\n" + lines)
        told = StringIO()
        asked = ("import_sign_ups", str(path), "--community=lake", *arguments)
        try:
            call_command(*asked, stdout=told, stderr=told, no_color=True)
        except CommandError as error:
            told.write(str(error))
        return told.getvalue()

    return run


def test_a_roster_is_taken_once(take, line, wang, evening):
    assert "created: 1, unchanged: 0" in take(line(wang, title="夜间 巡逻"))
    assert "created: 0, unchanged: 1" in take(line(wang))

    place = Attendance.objects.get()
    assert (place.volunteer, place.shift, place.status) == (wang, evening, "signed_up")


def test_a_place_given_back_is_taken_anew(take, line, wang, evening):
    sign_ups.cancel(attendance=sign_ups.sign_up(shift=evening, volunteer=wang))

    assert "created: 1, unchanged: 0" in take(line(wang))
    assert Attendance.objects.get().status == "signed_up"


def test_a_dry_run_signs_up_nobody(take, line, wang):
    take(line(wang), "--dry-run")

    assert not Attendance.objects.exists()


@pytest.mark.parametrize(
    ("otherwise", "code"),
    [
        ({"title": "清扫"}, "shift_unknown"),
        ({"later": timedelta(hours=1)}, "shift_unknown"),
    ],
)
def test_a_shift_that_nobody_planned_is_refused(take, line, wang, otherwise, code):
    assert f"line 2, 开始: {code}" in take(line(wang, **otherwise))
    assert not Attendance.objects.exists()


def test_a_full_shift_and_a_stranger_are_refused_and_others_stand(take, line, wang, li, zhao):
    told = take(line(wang) + line(li) + line(zhao), "--skip-bad")

    assert "line 3, 开始: shift_full" in told
    assert "line 4, 手机号: volunteer_unknown" in told
    assert "created: 1" in told
    assert Attendance.objects.get().volunteer == wang
