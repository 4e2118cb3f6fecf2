"""Presence that is shown: by the venue's code, a position, or whoever leads the shift."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.audit.models import AuditEntry
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Membership, Role
from backend.events.models import Venue
from points.rules.services import minutes_between
from volunteers.activities import services as activities
from volunteers.activities.errors import ShiftCancelled
from volunteers.activities.models import OPENS_BEFORE, ServicePolicy
from volunteers.attendance import codes, errors
from volunteers.attendance.positions import Position
from volunteers.attendance.services import gates, hours, planning, presence, sign_ups
from volunteers.attendance.services.presence import Evidence
from volunteers.models import Activity, Attendance, Shift, Volunteer
from volunteers.people.services import people

SHIFT = ("2024-03-01 07:00", "2024-03-01 09:00")


@pytest.fixture
def place(signed_up, wang) -> Attendance:
    """Wang's place in a shift on 1 March 2024, from 7 to 9."""
    return signed_up(wang, *SHIFT)


@pytest.fixture
def rule(place):
    """Changes the activity: ``rule(check_in_mode="leader")``."""

    def change(**how):
        Activity.objects.filter(pk=place.shift.activity_id).update(**how)

    return change


@pytest.fixture
def on_the_wall(place, clock):
    """The code that hangs at the shift's door at a time: ``on_the_wall("07:10")``."""
    return lambda at: codes.code_of(codes.Kind.VENUE, place.shift, at=clock(f"2024-03-01 {at}"))


def fresh(attendance):
    return Attendance.objects.get(pk=attendance.pk)


# --- the code on the wall ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("scanned", "refusal"),
    [
        ("07:09:29", errors.PresenceCodeExpired),
        ("07:09:30", None),
        ("07:10:59", None),
        ("07:11:00", errors.PresenceCodeExpired),
    ],
)
def test_the_code_on_the_wall_checks_in_while_it_is_shown_or_has_just_been(
    place, wang, on_the_wall, clock, scanned, refusal
):
    arrive = {
        "volunteer": wang,
        "nonce": "tap",
        "evidence": Evidence(code=on_the_wall("07:10:00"), device="phone 1"),
        "now": clock(f"2024-03-01 {scanned}"),
    }
    if refusal:
        with pytest.raises(refusal):
            gates.arrive(**arrive)
        assert fresh(place).status == "signed_up"
        return

    there, again = gates.arrive(**arrive), gates.arrive(**arrive)

    assert there.pk == again.pk == place.pk
    assert (there.status, there.proof, there.is_walk_in) == ("checked_in", "venue_code", False)
    assert len(there.device_digest) == 64
    assert "phone" not in there.device_digest


def test_a_code_of_another_shift_and_a_forged_one_are_refused(place, signed_up, li, clock):
    other = signed_up(li, *SHIFT)
    foreign = codes.code_of(codes.Kind.VENUE, other.shift, at=clock("2024-03-01 07:10"))
    for code, refusal in ((foreign, errors.CodeOfAnotherShift), ("QR", errors.CodeForged)):
        with pytest.raises(refusal):
            presence.check_in(
                attendance=place,
                now=clock("2024-03-01 07:10"),
                evidence=Evidence(code=code),
            )


def test_many_people_may_use_one_code(place, li, person, lake, on_the_wall, clock, rule):
    rule(walk_ins=True)
    Shift.objects.update(capacity=None)
    crowd = [person(f"p{n}") for n in range(5)]
    for user in crowd:
        people.enrol(user=user, community=lake, kind=Volunteer.Kind.RIDER)

    for user in crowd:
        evidence = Evidence(code=on_the_wall("07:10"))
        gates.arrive(volunteer=user, evidence=evidence, now=clock("2024-03-01 07:10"))

    assert Attendance.objects.filter(status="checked_in", is_walk_in=True).count() == 5


# --- walk-ins ---------------------------------------------------------------------------------
def test_who_has_not_signed_up_walks_in_only_where_it_is_allowed(
    place, li, on_the_wall, clock, rule
):
    arrive = {
        "volunteer": li,
        "evidence": Evidence(code=on_the_wall("07:10")),
        "now": clock("2024-03-01 07:10"),
    }
    with pytest.raises(errors.NotSignedUp):
        gates.arrive(**arrive)
    assert not Attendance.objects.filter(volunteer=li).exists()

    rule(walk_ins=True)
    there = gates.arrive(**arrive)

    assert (there.status, there.is_walk_in) == ("checked_in", True)
    assert there.signed_up_at == there.checked_in_at == clock("2024-03-01 07:10")


def test_a_full_shift_takes_no_walk_in_and_nothing_is_left_of_the_try(
    place, li, on_the_wall, clock, rule
):
    rule(walk_ins=True)
    Shift.objects.update(capacity=1)

    with pytest.raises(errors.ShiftFull):
        gates.arrive(
            volunteer=li,
            evidence=Evidence(code=on_the_wall("07:10")),
            now=clock("2024-03-01 07:10"),
        )

    assert not Attendance.objects.filter(volunteer=li).exists()


def test_a_stranger_and_a_cancelled_shift_are_refused(place, person, on_the_wall, clock, rule):
    rule(walk_ins=True)
    evidence = Evidence(code=on_the_wall("07:10"))
    with pytest.raises(NotAVolunteerHere):
        gates.arrive(volunteer=person("x"), evidence=evidence, now=clock("2024-03-01 07:10"))

    Shift.objects.update(status="cancelled", cancelled_at=timezone.now())
    with pytest.raises(ShiftCancelled):
        gates.arrive(volunteer=place.volunteer, evidence=evidence, now=clock("2024-03-01 07:10"))


# --- where the phone is -----------------------------------------------------------------------
def test_a_phone_far_away_or_silent_checks_in_marked_and_its_position_is_not_kept(
    place, lake, on_the_wall, clock, rule
):
    station = Venue.objects.create(
        community=lake, name="东门站", latitude=28.2, longitude=112.9, coord_type="gcj02"
    )
    rule(venue=station, geofence_metres=100)

    far = presence.check_in(
        attendance=place,
        now=clock("2024-03-01 07:10"),
        evidence=Evidence(
            code=on_the_wall("07:10"),
            position=Position(28.21, 112.9, "gcj02", accuracy_metres=20),
        ),
    )

    assert (far.status, far.proof) == ("checked_in", "venue_code")
    assert (far.position_mark, far.accuracy_metres) == ("outside", 20)
    assert far.distance_metres == pytest.approx(1112, abs=5)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(a)::text FROM volunteers_attendance a")
        assert "28.21" not in str(cursor.fetchall())


# --- modes ------------------------------------------------------------------------------------
def test_where_people_only_check_in_the_minutes_run_to_the_shifts_end_unmarked(place, clock, rule):
    rule(check_in_mode="in_only")
    presence.check_in(attendance=place, now=clock("2024-03-01 07:30"))

    left = presence.close_forgotten(attendance=place)

    assert (left.status, left.worked_minutes) == ("checked_out", 90)
    assert (left.checked_out_at, left.check_out_was_forgotten) == (left.shift.ends_at, False)


def test_a_check_in_told_after_such_a_shift_is_complete_at_once(place, clock, rule):
    rule(check_in_mode="in_only")

    left = presence.check_in(
        attendance=place, at=clock("2024-03-01 07:30"), now=clock("2024-03-01 18:00")
    )

    assert (left.status, left.worked_minutes, left.check_out_was_forgotten) == (
        "checked_out",
        90,
        False,
    )


def test_where_the_leader_marks_nobody_checks_in_by_themselves(place, on_the_wall, clock, rule):
    rule(check_in_mode="leader")

    with pytest.raises(errors.CheckInByLeader):
        presence.check_in(
            attendance=place,
            now=clock("2024-03-01 07:10"),
            evidence=Evidence(code=on_the_wall("07:10")),
        )


@pytest.mark.parametrize(
    ("now", "since", "until", "status", "minutes"),
    [
        ("07:30", None, None, "checked_in", None),
        ("09:30", None, None, "checked_out", 120),
        ("08:30", "07:15", "08:15", "checked_out", 60),
        ("09:30", "06:00", "10:00", "checked_out", 120),
        ("09:30", "08:00", None, "checked_out", 60),
    ],
)
def test_a_leader_marks_the_whole_shift_unless_shortened(
    place, zhao, clock, now, since, until, status, minutes
):
    def when(at):
        return at and clock(f"2024-03-01 {at}")

    for _ in ("once", "again"):
        marked = presence.mark(
            attendance=place, by=zhao, since=when(since), until=when(until), now=when(now)
        )
        assert (marked.status, marked.worked_minutes) == (status, minutes)
        assert (marked.proof, marked.checked_in_by) == ("leader", zhao)

    (entry,) = AuditEntry.objects.filter(action="attendance.mark")
    assert (entry.actor, entry.target_id) == (zhao, str(place.pk))
    closed = presence.close_forgotten(attendance=place)
    assert (closed.status, closed.check_out_was_forgotten) == ("checked_out", False)


@pytest.mark.parametrize(
    ("now", "since", "until", "refusal"),
    [
        ("06:29", None, None, errors.CheckInTooEarly),
        ("08:00", None, "08:30", errors.TimeInTheFuture),
        ("08:30", "08:20", "08:10", errors.CheckedOutBeforeIn),
        ("08:30", "09:20", None, errors.CheckedOutBeforeIn),
    ],
)
def test_a_mark_that_cannot_be_is_refused(place, zhao, clock, now, since, until, refusal):
    def when(at):
        return at and clock(f"2024-03-01 {at}")

    with pytest.raises(refusal):
        presence.mark(
            attendance=place, by=zhao, since=when(since), until=when(until), now=when(now)
        )
    with pytest.raises(errors.CheckInTooLate):
        presence.mark(attendance=place, by=zhao, now=clock("2024-03-04 09:00:01"))
    assert fresh(place).status == "signed_up"


def test_the_database_lets_nobody_verify_whom_they_marked(place, zhao, clock):
    presence.mark(attendance=place, by=zhao, now=clock("2024-03-01 09:30"))

    with pytest.raises(Exception, match="hours_verified_by_another"), transaction.atomic():
        Attendance.objects.update(verified_by=zhao)


# --- limits -----------------------------------------------------------------------------------
def serve(attendance, since, until):
    presence.check_in(attendance=attendance, now=since)
    return presence.check_out(attendance=attendance, now=until)


@pytest.mark.parametrize(
    ("limits", "minutes", "cut_by"),
    [
        ({}, 120, ""),
        ({"longest_minutes": 120}, 120, ""),
        ({"longest_minutes": 90}, 90, "record"),
        ({"most_minutes": 60}, 60, "activity"),
        ({"most_minutes": 60, "longest_minutes": 90}, 60, "activity"),
        ({"longest_minutes": 60, "most_minutes": 90}, 60, "record"),
        ({"longest_minutes": 0}, 0, "record"),
    ],
)
def test_what_is_beyond_a_limit_does_not_count(place, clock, rule, limits, minutes, cut_by):
    rule(**limits)

    left = serve(place, clock(SHIFT[0]), clock(SHIFT[1]))

    assert (left.worked_minutes, left.cut_by) == (minutes, cut_by)
    assert left.checked_out_at == clock(SHIFT[1])
    assert minutes_between(*fresh(left).served) == minutes
    assert left.counts_until == (clock(SHIFT[0]) + timedelta(minutes=minutes) if cut_by else None)


def test_a_days_limit_holds_for_all_records_of_the_local_day_of_their_check_ins(
    lake, wang, signed_up, clock
):
    ServicePolicy.objects.create(community=lake, longest_day_minutes=180)
    counted = []
    for since, until in [
        ("2024-03-01 07:00", "2024-03-01 09:00"),
        ("2024-03-01 10:00", "2024-03-01 12:00"),
        ("2024-03-01 23:30", "2024-03-02 01:30"),  # of 1 March, by the lake's clock
        ("2024-03-02 07:00", "2024-03-02 11:00"),
    ]:
        record = serve(signed_up(wang, since, until), clock(since), clock(until))
        counted.append((record.worked_minutes, record.cut_by))

    assert counted == [(120, ""), (60, "day"), (0, "day"), (180, "day")]


def test_an_activitys_limit_counts_its_other_records_but_not_rejected_ones(
    wang, zhao, signed_up, place, clock, rule
):
    rule(most_minutes=150)
    first = serve(place, clock(SHIFT[0]), clock(SHIFT[1]))
    shift = activities.plan_shift(
        activity=place.shift.activity,
        starts_at=clock("2024-03-02 07:00"),
        ends_at=clock("2024-03-02 09:00"),
    )
    then = clock("2024-03-02 07:00")
    second = sign_ups.sign_up(shift=shift, volunteer=wang, now=then)
    assert serve(second, then, clock("2024-03-02 09:00")).worked_minutes == 30

    hours.reject(attendance=first, verifier=zhao, reason="不在场")
    shift = activities.plan_shift(
        activity=place.shift.activity,
        starts_at=clock("2024-03-03 07:00"),
        ends_at=clock("2024-03-03 10:00"),
    )
    then = clock("2024-03-03 07:00")
    third = sign_ups.sign_up(shift=shift, volunteer=wang, now=then)
    assert serve(third, then, clock("2024-03-03 10:00")).worked_minutes == 120


@pytest.mark.django_db(transaction=True)
def test_two_check_outs_at_once_do_not_share_what_is_left_of_a_day(
    lake, wang, signed_up, clock, at_once
):
    ServicePolicy.objects.create(community=lake, longest_day_minutes=100)
    records = [
        signed_up(wang, f"2024-03-01 {7 + n:02}:00", f"2024-03-01 {8 + n:02}:00") for n in range(4)
    ]
    Attendance.objects.filter(pk__in=[one.pk for one in records]).update(status="checked_in")
    for record in records:
        # Checked in one after the other, and none checked out yet: only the database knows how.
        Attendance.objects.filter(pk=record.pk).update(
            checked_in_at=record.shift.starts_at, checked_out_at=record.shift.ends_at
        )

    at_once(
        4,
        lambda n: presence.check_out(attendance=records[n], now=records[n].shift.ends_at).pk,
    )

    assert sorted(Attendance.objects.values_list("worked_minutes", flat=True)) == [0, 0, 40, 60]


MINUTES = st.integers(0, 60 * 30).map(lambda minutes: timedelta(minutes=minutes))
SECONDS = st.integers(0, 59).map(lambda seconds: timedelta(seconds=seconds))
LIMITS = st.none() | st.integers(0, 2000)
DAY = datetime(2024, 3, 9, 12)  # a day before clocks change in New York


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example is undone
)
@given(
    zone=st.sampled_from(["Asia/Shanghai", "Asia/Urumqi", "America/New_York", "Asia/Kolkata"]),
    starts=MINUTES,
    lasts=st.integers(1, 24 * 60).map(lambda minutes: timedelta(minutes=minutes)),
    came=MINUTES,
    odd=st.tuples(SECONDS, SECONDS),
    stayed=MINUTES,
    before=st.integers(0, 300),
    record=LIMITS,
    most=LIMITS,
    day=LIMITS,
)
def test_minutes_are_those_of_a_plain_model(
    lake, wang, zone, starts, lasts, came, odd, stayed, before, record, most, day
):
    """From arrival or beginning to leaving or end, cut by what the three limits leave."""
    clock = ZoneInfo(zone)
    starts_at = DAY.replace(tzinfo=clock).astimezone(ZoneInfo("UTC")) + starts
    ends_at = starts_at + lasts
    came_at = min(
        max(starts_at - OPENS_BEFORE, starts_at - timedelta(hours=1) + came + odd[0]),
        ends_at - timedelta(seconds=1),
    )
    left_at = came_at + stayed + odd[1]
    with transaction.atomic():
        lake.timezone = zone
        lake.save(update_fields=["timezone"])
        activity = activities.plan_activity(community=lake, title="巡逻", category="邻里服务")
        Activity.objects.filter(pk=activity.pk).update(longest_minutes=record, most_minutes=most)
        ServicePolicy.objects.create(community=lake, longest_day_minutes=day)
        # An earlier record that begins at the local midnight of the check-in, if there is room.
        midnight = datetime.combine(came_at.astimezone(clock).date(), time(), clock)
        earlier = min(before, int((came_at - midnight).total_seconds() // 60))
        if earlier > 0:
            other = Shift.objects.create(
                community=lake,
                activity=activity,
                starts_at=midnight,
                ends_at=midnight + timedelta(days=1),
            )
            Attendance.objects.create(
                community=lake,
                shift=other,
                volunteer=wang,
                status="checked_out",
                checked_in_at=midnight,
                checked_out_at=midnight + timedelta(minutes=earlier),
                worked_minutes=earlier,
            )
        shift = Shift.objects.create(
            community=lake, activity=activity, starts_at=starts_at, ends_at=ends_at
        )
        place = Attendance.objects.create(
            community=lake, shift=shift, volunteer=wang, signed_up_at=starts_at - timedelta(days=1)
        )
        left = serve(place, came_at, left_at)
        transaction.set_rollback(True)

    since, until = max(came_at, starts_at), max(max(came_at, starts_at), min(left_at, ends_at))
    # Count the minutes that begin after the one in which it began, one by one.
    model = sum(1 for _ in minute_marks(since, until))
    for limit, used in ((record, 0), (most, earlier), (day, earlier)):
        if limit is not None:
            model = min(model, max(0, limit - used))
    assert left.worked_minutes == model
    assert minutes_between(*left.served) == model
    assert (left.counts_until is None) == (left.cut_by == "")
    if left.counts_until:
        assert since <= left.counts_until <= until


def minute_marks(since, until):
    """Yield each moment after ``since`` and up to ``until`` at which a minute is full."""
    mark = since.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while mark <= until:
        yield mark
        mark += timedelta(minutes=1)


# --- in one place at a time -------------------------------------------------------------------
@pytest.fixture
def two_places(lake, hill, wang, clock):
    """A shift at the lake and one on the hill, at the same time, with a rider in both."""
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RIDER)
    places = []
    for community in (lake, hill):
        activity = Activity.objects.create(
            community=community, title="错峰服务", category="邻里服务"
        )
        shift = activities.plan_shift(
            activity=activity, starts_at=clock(SHIFT[0]), ends_at=clock(SHIFT[1])
        )
        places.append(sign_ups.sign_up(shift=shift, volunteer=wang, now=clock("2024-02-29 07:00")))
    return places


def test_who_is_here_is_refused_there_until_they_have_left(two_places, clock):
    here, there = two_places
    presence.check_in(attendance=here, now=clock("2024-03-01 07:00"))

    with pytest.raises(errors.AlreadyElsewhere):
        presence.check_in(attendance=there, now=clock("2024-03-01 07:05"))

    presence.check_out(attendance=here, now=clock("2024-03-01 08:00"))
    with pytest.raises(errors.AlreadyElsewhere):
        presence.check_in(
            attendance=there, at=clock("2024-03-01 07:59"), now=clock("2024-03-01 08:30")
        )
    came = presence.check_in(attendance=there, now=clock("2024-03-01 08:30"))
    assert came.status == "checked_in"


@pytest.mark.django_db(transaction=True)
def test_of_twenty_check_ins_in_two_communities_at_once_exactly_one_place_succeeds(
    two_places, clock, at_once
):
    outcomes = at_once(
        20,
        lambda n: str(
            presence.check_in(
                attendance=two_places[n % 2], now=clock("2024-03-01 07:00")
            ).community_id
        ),
    )

    there = Attendance.objects.get(status="checked_in")
    assert sorted(map(str, set(outcomes))) == sorted({"already_elsewhere", str(there.community_id)})


@pytest.mark.django_db(transaction=True)
def test_marks_in_two_communities_at_once_leave_one(two_places, zhao, clock, at_once):
    outcomes = at_once(
        10,
        lambda n: (
            presence.mark(
                attendance=two_places[n % 2], by=zhao, now=clock("2024-03-01 09:30")
            ).status
        ),
    )

    assert set(outcomes) == {"checked_out", "already_elsewhere"}
    assert Attendance.objects.filter(status="checked_out").count() == 1


@pytest.mark.django_db(transaction=True)
def test_checking_in_and_leaving_at_once_wait_for_each_other(lake, wang, place, clock, at_once):
    record = Volunteer.objects.get(community=lake, user=wang)

    def act(number):
        if number % 2:
            return people.leave(volunteer=record) and "left"
        return presence.check_in(attendance=place, now=clock("2024-03-01 07:10")).status

    outcomes = at_once(8, act)

    assert set(outcomes) <= {"left", None, "checked_in", "not_a_volunteer_here", "checked_out"} | {
        "attendance_status_wrong"
    }
    assert Membership.objects.filter(user=wang, role=Role.VOLUNTEER, ended_at=None).count() == 0


def test_a_shift_that_was_cancelled_is_not_checked_in_to(place, zhao, clock):
    Shift.objects.filter(pk=place.shift_id).update(
        starts_at=timezone.now() - timedelta(hours=1), ends_at=timezone.now() + timedelta(hours=1)
    )
    place.shift.refresh_from_db()
    planning.cancel_shift(shift=place.shift, cancelled_by=zhao, reason="下雨")

    with pytest.raises(ShiftCancelled):
        presence.check_in(attendance=place)
    assert fresh(place).status == "cancelled"
