"""Digests: what waits for staff, once a day, and what volunteers did, once a month."""

from datetime import date, datetime, timedelta

import pytest
from django.utils import translation

from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.notices.models import Notice
from backend.notices.words import words
from volunteers.attendance.services import hours, queue
from volunteers.attendance.tasks import sweep_hours_to_verify
from volunteers.models import Volunteer
from volunteers.people.services import people
from volunteers.reports.services import correcting, monthly, submitting
from volunteers.reports.tasks import sweep_volunteers_months


def told(kind):
    """What each was told, by their user names."""
    owed = Notice.objects.filter(kind=kind).select_related("recipient").order_by("id")
    return {one.recipient.username: one.facts for one in owed}


# --- hours that wait --------------------------------------------------------------------------
def waiting():
    return {name: facts["waiting"] for name, facts in told("verification_due").items()}


@pytest.fixture
def wu(lake, person):
    """吴网格员, staff at an estate of the lake's alone."""
    user = person("wu", "吴网格员")
    estate = places.estate_named(community=lake, name="东苑")
    roles.give(user=user, community=estate, role=Role.STAFF)
    return user


def test_staff_are_told_of_all_that_waits_and_staff_of_an_estate_of_its_own(
    lake, wang, li, zhao, wu, served
):
    served(wang, "2024-03-02 07:00", "2024-03-02 09:00")
    served(li, "2024-03-01 07:00", "2024-03-01 09:00")
    queue.tell(community=lake)
    assert waiting() == {"zhao": 2}
    Notice.objects.all().delete()

    hers = served(li, "2024-03-03 07:00", "2024-03-03 09:00")
    hers.shift.activity.save_with(estate=places.estate_named(community=lake, name="东苑"))
    queue.tell(community=lake)

    assert waiting() == {"zhao": 3, "wu": 1}
    oldest = {name: facts["starts_at"] for name, facts in told("verification_due").items()}
    assert oldest["zhao"] == "2024-03-01T01:00:00+00:00"
    assert oldest["wu"] == "2024-03-03T01:00:00+00:00"


def test_a_digest_comes_once_a_day_and_goes_when_the_day_does(lake, wang, zhao, served):
    served(wang, "2024-03-02 07:00", "2024-03-02 09:00")

    for _ in range(2):
        queue.tell(community=lake)

    notice = Notice.objects.get()
    midnight = notice.stale_at.astimezone(lake.clock)
    assert (midnight.date(), midnight.hour) == (lake.today + timedelta(days=1), 0)
    with translation.override("en"):
        assert words(notice)[1] == "Records that wait: 1; the oldest ended 2024-03-02 09:00."


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_nobody_is_told_where_nothing_waits(lake, hill, wang, zhao, person, served):
    roles.give(user=person("above_hill"), community=hill, role=Role.STAFF)
    done = served(wang, "2024-03-02 07:00", "2024-03-02 09:00")
    sweep_hours_to_verify()
    assert waiting() == {"zhao": 1}
    Notice.objects.all().delete()

    hours.verify(attendance=done, verifier=zhao)
    sweep_hours_to_verify()

    assert waiting() == {}


# --- a month ----------------------------------------------------------------------------------
@pytest.fixture
def march(lake, wang, li, zhao, served):
    """Wang served two hours and a half in March 2024 and reported twice; Li did nothing."""
    for day, until in ((1, "09:00"), (31, "07:30")):
        done = served(wang, f"2024-03-{day:02} 07:00", f"2024-03-{day:02} {until}")
        hours.verify(attendance=done, verifier=zhao)
    for day in (1, 31):
        made_at = datetime(2024, 3, day, 12, tzinfo=lake.clock)
        submitting.submit(
            community=lake, reporter=wang, category="hazard", text="井盖松动", now=made_at
        )


def test_whoever_did_something_is_told_of_their_month_once(lake, wang, march):
    for day in (3, 5):
        monthly.tell(community=lake, today=date(2024, 4, day))

    assert told("volunteer_month") == {
        "wang": {
            "community": "碧沙湖社区",
            "month": "2024-03",
            "hours": "2.5",
            "points": 25,
            "reports": 2,
        }
    }
    with translation.override("en"):
        assert words(Notice.objects.get(kind="volunteer_month"))[1] == (
            "碧沙湖社区, 2024-03: 2.5 hours served, 25 points earned, 2 reports made. Thank you!"
        )


@pytest.mark.parametrize(
    ("today", "is_told"),
    [
        (date(2024, 4, 2), False),
        (date(2024, 4, 3), True),
        (date(2024, 4, 7), True),
        (date(2024, 4, 8), False),
        (date(2024, 3, 3), False),  # of February
        (date(2024, 5, 3), False),  # of April
    ],
)
def test_a_month_is_told_of_from_the_third_day_after_it_on(lake, march, today, is_told):
    monthly.tell(community=lake, today=today)

    assert bool(told("volunteer_month")) is is_told


def test_what_was_taken_back_does_not_count_and_who_has_left_is_not_told(
    lake, wang, li, zhao, served
):
    done = served(wang, "2024-03-02 07:00", "2024-03-02 09:00")
    hours.verify(attendance=done, verifier=zhao)
    hours.void(attendance=done, voider=li, reason="重复登记")
    report = submitting.submit(
        community=lake,
        reporter=wang,
        category="hazard",
        text="井盖松动",
        now=datetime(2024, 3, 2, 12, tzinfo=lake.clock),
    )
    correcting.withdraw(report=report, reporter=wang)
    hers = served(li, "2024-03-02 07:00", "2024-03-02 09:00")
    hours.verify(attendance=hers, verifier=zhao)
    people.leave(volunteer=Volunteer.objects.get(user=li))

    monthly.tell(community=lake, today=date(2024, 4, 3))

    assert told("volunteer_month") == {}


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_nightly_sweep_tells_of_the_month_by_each_communitys_clock(
    lake, wang, march, monkeypatch
):
    monkeypatch.setattr(
        "django.utils.timezone.now", lambda: datetime(2024, 4, 3, 1, tzinfo=lake.clock)
    )

    sweep_volunteers_months()

    assert list(told("volunteer_month")) == ["wang"]
