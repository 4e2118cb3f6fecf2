"""The offline station: what phones noted without signal, and sent when there was some again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from backend.audit.models import AuditEntry
from volunteers.activities import services as activities
from volunteers.attendance import codes
from volunteers.attendance.services import offline, planning, presence, sign_ups
from volunteers.attendance.services.presence import Evidence
from volunteers.models import Activity, Attendance, RefusedClaim, Shift, Volunteer
from volunteers.people.services import people

MINE = "/api/v1/me/attendance/sync"
STEP = timedelta(minutes=1)


@pytest.fixture
def station(patrol):
    """The shift, open to walk-ins, without a limit of places."""
    Activity.objects.filter(pk=patrol.activity_id).update(walk_ins=True)
    Shift.objects.filter(pk=patrol.pk).update(capacity=None)
    return Shift.objects.select_related("activity", "community").get(pk=patrol.pk)


@pytest.fixture
def place(station, wang):
    """Wang's place, taken yesterday."""
    the_day_before = station.starts_at - timedelta(days=1)
    return sign_ups.sign_up(shift=station, volunteer=wang, now=the_day_before)


@pytest.fixture
def crowd(lake, person, station):
    """39 volunteers who signed up yesterday, with their records."""
    found = []
    for number in range(39):
        user = person(f"p{number}", f"志愿者{number}")
        people.enrol(user=user, community=lake, kind=Volunteer.Kind.RIDER)
        sign_ups.sign_up(shift=station, volunteer=user, now=station.starts_at - timedelta(days=1))
        found.append(Volunteer.objects.get(community=lake, user=user))
    return found


@pytest.fixture
def over(lake, station, crowd, zhao):
    """A shift of another activity that was cancelled."""
    activity = activities.plan_activity(community=lake, title="清扫", category="邻里服务")
    shift = activities.plan_shift(
        activity=activity, starts_at=station.starts_at, ends_at=station.ends_at
    )
    # Somebody who has a place at that time gets no other, but may have had one already.
    Attendance.objects.create(community=lake, shift=shift, volunteer=crowd[0].user)
    return planning.cancel_shift(shift=shift, cancelled_by=zhao, reason="下雨")


def item(nonce, at, *, act="check_in", **more):
    return {"nonce": nonce, "act": act, "at": at.isoformat(), **more}


def own(volunteer, at):
    return codes.code_of(codes.Kind.OWN, volunteer, at=at)


def wall(shift, at):
    return codes.code_of(codes.Kind.VENUE, shift, at=at)


def outcomes(answer):
    assert answer.status_code == 200, answer.json()
    return [one["outcome"] for one in answer.json()["results"]]


def test_forty_stored_check_ins_one_sent_three_times_and_one_for_a_cancelled_shift(
    station, crowd, over, zhao, logged_in
):
    noted = [station.starts_at + n * STEP for n in range(39)]
    scans = [item(f"tap-{n}", at, code=own(crowd[n], at)) for n, at in enumerate(noted)]
    # As they were stored, the last first, and the network was lost twice after it was sent.
    scans.reverse()
    leader = logged_in(zhao)
    address = f"/api/v1/shifts/{station.pk}/attendance/sync"

    first = leader.post(address, {"items": [*scans, scans[3], scans[3]]})
    again = leader.post(address, {"items": scans})
    cancelled = {"items": [item("tap-40", noted[0], code=own(crowd[0], noted[0]))]}
    refused = [
        leader.post(f"/api/v1/shifts/{over.pk}/attendance/sync", cancelled) for _ in range(2)
    ]

    assert outcomes(first) == ["accepted"] * 41
    assert again.json()["results"] == first.json()["results"][:39]
    records = Attendance.objects.filter(status="checked_in").order_by("checked_in_at")
    assert list(records.values_list("checked_in_at", "volunteer_id")) == [
        (at, crowd[n].user_id) for n, at in enumerate(noted)
    ]
    assert set(records.values_list("proof", "checked_in_by", "was_offline")) == {
        ("own_code", zhao.pk, True)
    }
    assert AuditEntry.objects.filter(action="attendance.check_in", actor=zhao).count() == 39
    assert [outcomes(one) for one in refused] == [["shift_cancelled"]] * 2
    assert refused[0].json() == refused[1].json()
    (claim,) = leader.get("/api/v1/refused-claims").json()["results"]
    assert (claim["refused_as"], claim["nonce"]) == ("shift_cancelled", "tap-40")
    assert claim["shift"]["id"] == str(over.pk)
    assert claim["volunteer"]["id"] == str(crowd[0].user_id)
    assert claim["told_by"]["id"] == str(zhao.pk)
    assert claim["id"] == refused[0].json()["results"][0]["refused_claim_id"]


@pytest.mark.usefixtures("place")
def test_a_days_work_of_ones_own_comes_in_its_order(station, wang, logged_in):
    since, until = station.starts_at + STEP, station.starts_at + 40 * STEP
    where = {"latitude": 28.2, "longitude": 112.9, "device": "phone"}
    items = [
        item("in", since, code=wall(station, since), **where),
        item("out", until, act="check_out", code=wall(station, until)),
    ]

    answers = [logged_in(wang).post(MINE, {"items": items}) for _ in range(2)]

    assert outcomes(answers[0]) == ["accepted", "accepted"]
    # The attendance is told as it is now, the outcome as it was.
    assert [one["status"] for one in answers[0].json()["results"]] == ["checked_in", "checked_out"]
    assert outcomes(answers[1]) == ["accepted", "accepted"]
    record = Attendance.objects.get(volunteer=wang)
    assert (record.is_walk_in, record.proof, record.was_offline) == (False, "venue_code", True)
    assert record.worked_minutes == 39


def test_a_walk_in_is_told_later_too(station, wang, logged_in):
    at = timezone.now()

    answer = logged_in(wang).post(MINE, {"items": [item("in", at, code=wall(station, at))]})

    assert outcomes(answer) == ["accepted"]
    record = Attendance.objects.get(volunteer=wang)
    assert (record.is_walk_in, record.was_offline, record.signed_up_at) == (True, True, at)


def test_a_nonce_keeps_its_answer_though_the_record_moved_on(station, wang, zhao):
    at = station.starts_at + STEP
    place = sign_ups.sign_up(shift=station, volunteer=wang, now=station.starts_at - STEP)
    out = offline.Item("out", "check_out", Evidence(), at=at, attendance_id=place.pk)
    first = offline.sync_own(volunteer=wang, items=[out])
    came = offline.Item("in", "check_in", Evidence(), at=at, attendance_id=place.pk)

    then = offline.sync_own(volunteer=wang, items=[came, out, came])

    assert [one.outcome for one in [*first, *then]] == [
        "attendance_status_wrong",
        "accepted",
        "attendance_status_wrong",
        "accepted",
    ]
    assert first[0].refused_claim == then[1].refused_claim
    assert RefusedClaim.objects.count() == 1


def test_an_item_without_a_time_happens_now_and_its_refusal_is_not_kept(
    station, place, wang, zhao, logged_in
):
    now = {"act": "check_in", "at": None}
    items = [
        now | {"nonce": "1", "code": "no code of ours"},
        now | {"nonce": "2", "code": wall(station, timezone.now())},
    ]

    answer = logged_in(wang).post(MINE, {"items": items})

    assert answer.json()["results"] == [
        {
            "nonce": "1",
            "outcome": "code_forged",
            "refused_because": "这不是我们的签到码。",
            "attendance_id": None,
            "status": None,
            "refused_claim_id": None,
        },
        {
            "nonce": "2",
            "outcome": "accepted",
            "refused_because": None,
            "attendance_id": str(place.pk),
            "status": "checked_in",
            "refused_claim_id": None,
        },
    ]
    record = Attendance.objects.get(volunteer=wang)
    assert (record.was_offline, record.check_in_claimed_at) == (False, None)
    assert not RefusedClaim.objects.exists()


def refused_item(case, station, wang, lake):
    """An item that cannot be accepted, as ``case`` says, and the code of its refusal."""
    at = station.starts_at + STEP
    if case == "forged":
        return item(case, at, code="no code of ours"), "code_forged"
    if case == "unknown":
        return item(case, at, attendance_id=str(lake.pk)), "attendance_unknown"
    if case == "photographed":
        late = at + timedelta(minutes=20)
        return item(case, late, code=wall(station, at)), "presence_code_expired"
    if case == "too old":
        old = timezone.now() - timedelta(hours=73)
        return item(case, old, code=wall(station, old)), "check_in_too_late"
    assert case == "mark"
    return item(case, at, act="mark", code=wall(station, at)), "check_in_by_leader"


@pytest.mark.parametrize("case", ["forged", "unknown", "photographed", "too old", "mark"])
def test_what_cannot_be_accepted_is_kept_with_its_reason_and_affects_no_other(
    station, place, wang, zhao, lake, logged_in, case
):
    if case == "too old":
        Shift.objects.filter(pk=station.pk).update(
            starts_at=timezone.now() - timedelta(hours=74),
            ends_at=timezone.now() - timedelta(hours=70),
        )
        Attendance.objects.filter(pk=place.pk).update(
            signed_up_at=timezone.now() - timedelta(hours=75)
        )
        other = []
    else:
        other = [
            item(
                "fine",
                station.starts_at + 2 * STEP,
                code=wall(station, station.starts_at + 2 * STEP),
            )
        ]
    bad, code = refused_item(case, station, wang, lake)

    for _ in ("told", "told again"):
        answer = logged_in(wang).post(MINE, {"items": [bad, *other]})
        assert outcomes(answer) == [code, *["accepted" for _ in other]]

    (claim,) = logged_in(zhao).get("/api/v1/refused-claims").json()["results"]
    assert (claim["refused_as"], claim["nonce"], claim["act"]) == (code, case, bad["act"])
    assert claim["told_by"]["id"] == str(wang.pk)
    assert Attendance.objects.filter(status="checked_in").count() == len(other)


def test_a_scan_from_before_they_joined_is_kept(station, lake, person, zhao, logged_in):
    late = person("late", "新来的")
    at = timezone.now() - timedelta(minutes=20)
    people.enrol(user=late, community=lake, kind=Volunteer.Kind.RIDER)

    answer = logged_in(late).post(MINE, {"items": [item("n", at, code=wall(station, at))]})

    assert outcomes(answer) == ["not_a_volunteer_here"]
    assert RefusedClaim.objects.get().volunteer == late
    assert not Attendance.objects.filter(volunteer=late).exists()


def test_a_strangers_forged_code_is_answered_and_kept_nowhere(person, db, logged_in):
    answer = logged_in(person("x")).post(
        MINE, {"items": [item("n", timezone.now(), code="nothing")]}
    )

    assert outcomes(answer) == ["code_forged"]
    assert not RefusedClaim.objects.exists()


@pytest.mark.parametrize(
    ("claimed", "counts", "mark"),
    [
        (timedelta(), timedelta(), ""),
        (timedelta(seconds=50), timedelta(seconds=50), ""),
        (timedelta(minutes=5), timedelta(minutes=1), ""),  # clocks differ so much
        (-timedelta(minutes=4), timedelta(), ""),
        (-timedelta(minutes=6), timedelta(), "too_early"),
        (-timedelta(days=400), timedelta(), "too_early"),
    ],
)
def test_when_a_code_was_made_bounds_the_phones_clock(station, wang, claimed, counts, mark):
    sign_ups.sign_up(shift=station, volunteer=wang, now=station.starts_at - timedelta(days=1))
    made = station.starts_at + 10 * STEP
    evidence = Evidence(code=wall(station, made))

    (result,) = offline.sync_own(
        volunteer=wang,
        items=[offline.Item("n", "check_in", evidence, at=made + claimed)],
    )

    record = result.attendance
    assert (record.checked_in_at, record.check_in_mark) == (made + counts, mark)
    assert record.check_in_claimed_at == made + claimed


def test_a_leader_marks_now_whoever_is_on_the_roster_and_nobody_else(
    station, wang, li, zhao, hill, person, logged_in
):
    sign_ups.sign_up(shift=station, volunteer=wang, now=station.starts_at - STEP)
    Activity.objects.update(walk_ins=False)
    leader, address = logged_in(zhao), f"/api/v1/shifts/{station.pk}/attendance/sync"
    stranger = person("x")
    until = station.starts_at + 30 * STEP

    answer = leader.post(
        address,
        {
            "items": [
                {
                    "nonce": "1",
                    "act": "mark",
                    "person_id": str(wang.pk),
                    "until": until.isoformat(),
                },
                {"nonce": "2", "act": "mark", "person_id": str(li.pk)},
                {"nonce": "3", "act": "mark", "person_id": str(stranger.pk)},
            ]
        },
    )

    assert outcomes(answer) == ["accepted", "not_signed_up", "not_a_volunteer_here"]
    record = Attendance.objects.get(volunteer=wang)
    assert (record.worked_minutes, record.proof, record.was_offline) == (30, "leader", False)
    assert record.checked_in_by == record.checked_out_by == zhao
    for user in (wang, li):
        assert logged_in(user).post(address, {"items": []}).status_code == 404


def test_who_was_taken_for_absent_is_there_after_all(station, wang, zhao):
    place = sign_ups.sign_up(shift=station, volunteer=wang, now=station.starts_at - STEP)
    Attendance.objects.filter(pk=place.pk).update(status="no_show")

    there = presence.check_in(attendance=place, at=station.starts_at + STEP)

    assert there.status == "checked_in"


@pytest.mark.parametrize(
    ("items", "where"),
    [
        ([], "items"),
        ([{"nonce": "1", "act": "check_in", "at": "2024-03-01T07:00:00Z"}], "items"),
        ([{"nonce": str(n), "act": "check_in", "code": "x"} for n in range(201)], "items"),
    ],
)
def test_a_batch_that_says_too_little_or_too_much_is_refused(wang, logged_in, items, where):
    answer = logged_in(wang).post(MINE, {"items": items})

    assert answer.status_code == 400
    assert where in str(answer.json())


@pytest.mark.django_db(transaction=True)
def test_a_batch_sent_five_times_at_once_is_done_once(station, crowd, zhao, at_once):
    noted = [station.starts_at + n * STEP for n in range(10)]
    items = [
        offline.Item(f"tap-{n}", "check_in", Evidence(code=own(crowd[n], at), by=zhao), at=at)
        for n, at in enumerate(noted)
    ]

    answers = at_once(
        5,
        lambda _: [
            one.outcome for one in offline.sync_shift(shift=station, leader=zhao, items=items)
        ],
    )

    assert answers == [["accepted"] * 10] * 5
    assert Attendance.objects.filter(status="checked_in").count() == 10
    assert AuditEntry.objects.filter(action="attendance.check_in").count() == 10
