"""Hours kept on paper: many at a time, each on record once and none over another."""

from datetime import timedelta
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from points.models import Rule
from points.rules import services as rules
from volunteers.activities import errors
from volunteers.activities import services as activities
from volunteers.attendance.services import hours, presence, sign_ups
from volunteers.attendance.services.timesheets import PaperHours, record_many
from volunteers.models import Activity, Attendance, Shift


@pytest.fixture
def entry(wang, clock):
    """A line on paper: ``entry("07:00", "09:00")`` of 1 March 2024, of Wang if nobody is named."""

    def write(
        since,
        until,
        user=wang,
        category="邻里服务",
        activity="清洁楼道",
        day="2024-03-01",
        last_day=None,
    ):
        return PaperHours(
            volunteer_id=user.pk,
            activity=activity,
            category=category,
            checked_in_at=clock(f"{day} {since}"),
            checked_out_at=clock(f"{last_day or day} {until}"),
        )

    return write


def outcomes(recorded) -> list[str]:
    """Return each outcome: new, known, or the refusal's code."""
    assert all(bool(one.attendance_id) != bool(one.refusal) for one in recorded)
    return [
        one.refusal.code if one.refusal else "new" if one.is_new else "known" for one in recorded
    ]


def test_what_is_recorded_waits_for_verification_like_any_hours(lake, wang, zhao, entry):
    (recorded,) = record_many(community=lake, entries=[entry("07:00", "09:30")])

    attendance = Attendance.objects.get(pk=recorded.attendance_id)
    assert (attendance.volunteer, attendance.status) == (wang, "checked_out")
    assert (attendance.worked_minutes, attendance.was_offline) == (150, False)
    shift = attendance.shift
    assert (shift.starts_at, shift.ends_at) == (attendance.checked_in_at, attendance.checked_out_at)
    assert (shift.activity.title, shift.activity.category) == ("清洁楼道", "邻里服务")
    assert hours.verify(attendance=attendance, verifier=zhao)[1].amount == 25


def test_people_who_did_the_same_share_a_shift_of_one_activity(lake, wang, li, entry):
    record_many(
        community=lake,
        entries=[
            entry("07:00", "09:00"),
            entry("07:00", "09:00", li),
            entry("10:00", "11:00"),
            entry("10:00", "11:00", li, activity="浇花"),
        ],
    )
    record_many(community=lake, entries=[entry("11:00", "12:00", li)])

    assert sorted(Activity.objects.values_list("title", flat=True)) == ["浇花", "清洁楼道"]
    assert Shift.objects.filter(activity__title="清洁楼道").count() == 3
    assert Attendance.objects.count() == 5


def test_the_same_again_is_known_already(lake, entry, li):
    entries = [entry("07:00", "09:00"), entry("07:00", "09:00", li), entry("09:00", "10:00")]

    first = record_many(community=lake, entries=entries)
    again = record_many(community=lake, entries=entries)

    assert outcomes(first) == ["new", "new", "new"]
    assert outcomes(again) == ["known", "known", "known"]
    assert [one.attendance_id for one in again] == [one.attendance_id for one in first]


def test_the_same_twice_in_one_list_is_one(lake, entry):
    twice = record_many(community=lake, entries=[entry("07:00", "09:00")] * 2)

    assert outcomes(twice) == ["new", "known"]
    assert {one.attendance_id for one in twice} == {Attendance.objects.get().pk}


@pytest.mark.parametrize(
    ("times", "refusal"),
    [
        (("09:00", "07:00"), "shift_times_invalid"),
        (("07:00", "07:00"), "shift_times_invalid"),
        (("07:00", "07:01", {"last_day": "2024-03-02"}), "shift_times_invalid"),
        (("07:00", "09:00", {"day": "2099-03-01"}), "time_in_the_future"),
    ],
)
def test_impossible_hours_are_refused_and_the_others_recorded(lake, entry, li, times, refusal):
    since, until, *more = times
    bad = entry(since, until, **(more[0] if more else {}))

    recorded = record_many(community=lake, entries=[bad, entry("07:00", "09:00", li)])

    assert outcomes(recorded) == [refusal, "new"]
    assert Attendance.objects.get().volunteer == li
    assert Shift.objects.count() == 1


def test_a_whole_day_and_the_last_minute_are_possible(lake, wang):
    now = timezone.now().replace(second=0, microsecond=0)
    whole_day = PaperHours(wang.pk, "值守", "应急值守", now - timedelta(days=1), now)

    (recorded,) = record_many(community=lake, entries=[whole_day])

    assert Attendance.objects.get(pk=recorded.attendance_id).worked_minutes == 24 * 60


@pytest.mark.parametrize(
    ("since", "until", "outcome"),
    [
        ("06:00", "07:00", "new"),
        ("09:00", "10:00", "new"),
        ("06:00", "07:01", "already_elsewhere"),
        ("08:59", "10:00", "already_elsewhere"),
        ("06:00", "10:00", "already_elsewhere"),
        ("07:30", "08:00", "already_elsewhere"),
        ("07:00", "08:59", "already_elsewhere"),
    ],
)
@pytest.mark.parametrize("in_one_list", [True, False])
def test_nobody_was_in_two_places_at_once(lake, li, entry, since, until, outcome, in_one_list):
    stands, other = entry("07:00", "09:00"), entry(since, until)
    of_another = entry(since, until, li)

    if in_one_list:
        _, *recorded = record_many(community=lake, entries=[stands, other, of_another])
    else:
        record_many(community=lake, entries=[stands])
        recorded = record_many(community=lake, entries=[other, of_another])

    assert outcomes(recorded) == [outcome, "new"]


@pytest.mark.parametrize("changed", [{"activity": "浇花"}, {"category": "交通劝导"}])
def test_the_same_time_at_something_else_is_an_overlap(lake, entry, changed):
    stands, other = entry("07:00", "09:00"), entry("07:00", "09:00", **changed)

    assert outcomes(record_many(community=lake, entries=[stands, other, stands])) == [
        "new",
        "already_elsewhere",
        "known",
    ]


def test_of_overlapping_entries_the_first_in_the_list_stands(lake, entry):
    recorded = record_many(
        community=lake,
        entries=[
            entry("10:00", "12:00"),
            entry("07:00", "11:00"),  # in the way of the first
            entry("08:00", "09:00"),  # in the way of one that does not stand: recorded
            entry("07:00", "11:00"),
        ],
    )

    assert outcomes(recorded) == ["new", "already_elsewhere", "new", "already_elsewhere"]


@pytest.mark.parametrize("batch", [9, 320])
def test_however_the_list_is_cut_the_same_hours_stand(lake, wang, li, entry, batch):
    """Against the plainest way to find out: each entry against all that stand before it."""
    random = Random(7)
    entries = []
    for _ in range(300):
        since, length = random.randrange(22 * 60), random.choice([5, 15, 60])
        until = since + length
        entries.append(
            entry(
                f"{since // 60:02}:{since % 60:02}",
                f"{until // 60:02}:{until % 60:02}",
                random.choice([wang, li]),
            )
        )
    entries += random.sample(entries, 20)
    standing, expected = [], []
    for one in entries:
        clash = any(
            one.volunteer_id == other.volunteer_id
            and one.checked_in_at < other.checked_out_at
            and other.checked_in_at < one.checked_out_at
            for other in standing
        )
        outcome = "known" if one in standing else "already_elsewhere" if clash else "new"
        expected.append(outcome)
        if outcome == "new":
            standing.append(one)

    recorded = []
    for start in range(0, len(entries), batch):
        recorded += record_many(community=lake, entries=entries[start : start + batch])

    assert outcomes(recorded) == expected
    assert {"new", "known", "already_elsewhere"} == set(expected)
    assert Attendance.objects.count() == len(standing)


def test_whoever_is_still_checked_in_is_there_and_nowhere_else(lake, wang, entry, signed_up, clock):
    place = signed_up(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    presence.check_in(attendance=place, now=clock("2024-03-01 08:00"))

    recorded = record_many(
        community=lake, entries=[entry("07:00", "08:00"), entry("10:00", "11:00")]
    )

    assert outcomes(recorded) == ["new", "already_elsewhere"]


def test_rejected_hours_free_the_time_and_are_not_recorded_again(lake, zhao, entry):
    paper = entry("07:00", "09:00")
    (first,) = record_many(community=lake, entries=[paper])
    rejected = Attendance.objects.get(pk=first.attendance_id)
    hours.reject(attendance=rejected, verifier=zhao, reason="不在场")

    other = entry("08:00", "10:00")
    for entries, expected in [([paper, paper], ["known", "known"]), ([other], ["new"])]:
        assert outcomes(record_many(community=lake, entries=entries)) == expected
    rejected.refresh_from_db()
    assert rejected.status == "rejected"


@pytest.mark.parametrize("status", ["signed_up", "cancelled"])
def test_paper_tells_that_who_had_signed_up_was_there(lake, wang, entry, signed_up, status):
    place = signed_up(wang, "2024-03-01 07:00", "2024-03-01 09:00", title="清洁楼道")
    if status == "cancelled":
        sign_ups.cancel(attendance=place, now=place.shift.starts_at)

    recorded = record_many(community=lake, entries=[entry("07:00", "09:00")])

    assert outcomes(recorded) == ["new"]
    assert recorded[0].attendance_id == place.pk
    place.refresh_from_db()
    assert (place.status, place.worked_minutes) == ("checked_out", 120)
    assert outcomes(record_many(community=lake, entries=[entry("07:00", "09:00")])) == ["known"]


def test_hours_of_a_shift_that_was_cancelled_are_refused(lake, wang, li, entry, signed_up):
    place = signed_up(wang, "2024-03-01 07:00", "2024-03-01 09:00", title="清洁楼道")
    Shift.objects.update(status="cancelled", reason="下雨", cancelled_at=timezone.now())
    paper = [entry("07:00", "09:00"), entry("07:00", "09:00", li), entry("10:00", "11:00")]

    recorded = record_many(community=lake, entries=paper)

    assert outcomes(recorded) == ["shift_cancelled", "shift_cancelled", "new"]
    place.refresh_from_db()
    assert (place.status, place.checked_in_at) == ("signed_up", None)
    assert Attendance.objects.count() == 2
    assert Shift.objects.filter(status="planned").count() == 1


def test_hours_count_for_the_shift_that_was_planned_in_place_of_a_cancelled_one(
    lake, wang, entry, signed_up
):
    place = signed_up(wang, "2024-03-01 07:00", "2024-03-01 09:00", title="清洁楼道")
    Shift.objects.update(status="cancelled", reason="下雨", cancelled_at=timezone.now())
    instead = activities.plan_shift(
        activity=place.shift.activity, starts_at=place.shift.starts_at, ends_at=place.shift.ends_at
    )

    (recorded,) = record_many(community=lake, entries=[entry("07:00", "09:00")])

    assert Attendance.objects.get(pk=recorded.attendance_id).shift == instead


def test_paper_does_not_add_to_what_was_checked_in_and_out(lake, wang, entry, signed_up, clock):
    place = signed_up(wang, "2024-03-01 07:00", "2024-03-01 09:00", title="清洁楼道")
    presence.check_in(attendance=place, now=clock("2024-03-01 07:10"))
    presence.check_out(attendance=place, now=clock("2024-03-01 07:30"))

    recorded = record_many(community=lake, entries=[entry("07:00", "09:00")])

    assert outcomes(recorded) == ["already_elsewhere"]
    place.refresh_from_db()
    assert place.worked_minutes == 20


def test_a_category_that_no_rule_covers_is_refused(hill, person, entry):
    rules.publish(
        community=hill,
        subject=Rule.Subject.HOURS,
        category="邻里服务",
        parameters={"points_per_hour": 10},
        valid_from=timezone.now().date(),
    )

    known, unknown = record_many(
        community=hill,
        entries=[entry("07:00", "09:00"), entry("09:00", "10:00", category="交通劝导")],
    )

    assert known.is_new
    assert isinstance(unknown.refusal, errors.CategoryUnknown)
    assert unknown.refusal.facts == {"category": "交通劝导"}


def test_communities_do_not_see_each_others_hours(lake, hill, entry):
    rules.publish(
        community=hill,
        subject=Rule.Subject.HOURS,
        category="*",
        parameters={"points_per_hour": 10},
        valid_from=timezone.now().date(),
    )
    paper = entry("07:00", "09:00")

    assert outcomes(record_many(community=lake, entries=[paper])) == ["new"]
    assert outcomes(record_many(community=hill, entries=[paper])) == ["new"]
    assert Activity.objects.count() == Shift.objects.count() == 2


def test_an_empty_list_is_nothing(lake):
    assert record_many(community=lake, entries=[]) == []


def test_a_hundred_take_as_many_statements_as_one(lake, entry):
    def statements(entries):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            record_many(community=lake, entries=entries)
        return len(queries)

    one = statements([entry("07:00", "09:00")])
    hundred = statements(
        [
            entry(
                f"{n // 5:02}:{n % 5}0", f"{n // 5:02}:{n % 5}5", activity=f"{n}", day="2024-03-02"
            )
            for n in range(100)
        ]
    )

    assert hundred == one
