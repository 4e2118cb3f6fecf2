"""Checking in and out, and what staff make of the hours."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.ids import new_id
from points.ledger.selectors import wallet_of
from points.models import Award, Rule
from volunteers.activities import services as activities
from volunteers.attendance.services import hours, presence, sign_ups
from volunteers.models import Attendance, Shift, Volunteer
from volunteers.people.services import people


@pytest.fixture
def next_door(hill, person):
    """Staff of another community."""
    user = person("sun", "孙社工")
    roles.give(user=user, community=hill, role=Role.STAFF)
    return user


@pytest.fixture
def auditor(lake, person):
    user = person("qian", "钱审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return user


@pytest.fixture
def signed_up(wang, patrol):
    return sign_ups.sign_up(shift=patrol, volunteer=wang, now=patrol.starts_at - timedelta(days=1))


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


def brief(community):
    return {"id": str(community.pk), "code": community.code, "name": community.name}


def shape(attendance, **differences):
    """An attendance as its volunteer reads it, and staff."""
    shift = attendance.shift
    return {
        "id": str(attendance.pk),
        "community": brief(attendance.community),
        "shift": {
            "id": str(shift.pk),
            "starts_at": iso(shift.starts_at),
            "ends_at": iso(shift.ends_at),
            "activity": {
                "id": str(shift.activity_id),
                "title": shift.activity.title,
                "category": shift.activity.category,
                "place": shift.activity.place,
            },
        },
        "volunteer": person_of(attendance.volunteer),
        "status": "signed_up",
        "signed_up_at": iso(attendance.signed_up_at),
        "checked_in_at": None,
        "checked_out_at": None,
        "worked_minutes": None,
        "counts_until": None,
        "cut_by": None,
        "proof": "own_word",
        "is_walk_in": False,
        "position_mark": None,
        "distance_metres": None,
        "accuracy_metres": None,
        "was_offline": False,
        "is_backfilled": False,
        "check_out_was_forgotten": False,
        "check_in_claimed_at": None,
        "refused_claims": [],
        "check_in_mark": "",
        "check_out_claimed_at": None,
        "check_out_mark": "",
        "verified_at": None,
        "published_until": None,
        "voided_at": None,
        "reason": "",
        "points": None,
    } | differences


IN_FULL = {"corrections": [], "appeal": None, "evaluation": None}  # of one that was opened


SERVED = {
    "status": "checked_out",
    "checked_in_at": "2024-02-29T23:00:00Z",
    "checked_out_at": "2024-03-01T01:00:00Z",
    "worked_minutes": 120,
}


def person_of(user):
    return {"id": str(user.pk), "name": user.name, "phone": f"198****{user.phone[-4:]}"}


def with_key(key="k"):
    return {"Idempotency-Key": key}


# --- the volunteer's own ----------------------------------------------------------------------
def test_my_attendances_are_mine_alone_newest_first(wang, li, zhao, signed_up, served, logged_in):
    verified = served(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    verified, _ = hours.verify(attendance=verified, verifier=zhao)
    served(li, "2024-03-01 07:00", "2024-03-01 09:00")

    response = logged_in(wang).get("/api/v1/me/attendances")

    rows = [
        shape(verified)
        | SERVED
        | {"status": "verified", "verified_at": iso(verified.verified_at), "points": 20},
        shape(signed_up),
    ]
    assert response.status_code == 200
    assert response.json() == {"next": None, "previous": None, "results": rows}
    for row in rows:
        one = logged_in(wang).get(f"/api/v1/attendances/{row['id']}")
        assert (one.status_code, one.json()) == (200, row | IN_FULL)


def test_my_attendances_can_be_narrowed_down_to_a_status(wang, signed_up, served, logged_in):
    served(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    client = logged_in(wang)

    found = client.get("/api/v1/me/attendances", {"status": "signed_up"}).json()["results"]
    unknown = client.get("/api/v1/me/attendances", {"status": "asleep"})

    assert [row["id"] for row in found] == [str(signed_up.pk)]
    assert (unknown.status_code, unknown.json()["code"]) == (400, "invalid_input")
    assert list(unknown.json()["errors"]) == ["status"]


def test_hours_that_earned_nothing_say_so(wang, zhao, served, logged_in):
    minute = served(wang, "2024-03-01 07:00", "2024-03-01 07:01")
    hours.verify(attendance=minute, verifier=zhao)

    assert logged_in(wang).get(f"/api/v1/attendances/{minute.pk}").json()["points"] == 0


def test_checking_in_and_out_and_each_again(signed_up, wang, logged_in):
    client = logged_in(wang)
    address = f"/api/v1/attendances/{signed_up.pk}"

    came = client.post(f"{address}/check-in", {"nonce": "tap-1"})
    came_again = client.post(f"{address}/check-in", {"nonce": "tap-1"})
    left = client.post(f"{address}/check-out")
    left_again = client.post(f"{address}/check-out", {})

    record = Attendance.objects.get(pk=signed_up.pk)
    here = {"status": "checked_in", "checked_in_at": iso(record.checked_in_at)}
    gone = {
        "status": "checked_out",
        "checked_out_at": iso(record.checked_out_at),
        "worked_minutes": record.worked_minutes,
    }
    assert [response.status_code for response in (came, came_again, left, left_again)] == [200] * 4
    assert came.json() == came_again.json() == shape(signed_up, **here)
    assert left.json() == left_again.json() == shape(signed_up, **here | gone)


def test_a_phone_that_was_offline_tells_later(signed_up, wang, logged_in):
    client = logged_in(wang)
    address = f"/api/v1/attendances/{signed_up.pk}"
    came_at = signed_up.shift.starts_at
    left_at = came_at + timedelta(minutes=45)

    client.post(f"{address}/check-in", {"nonce": "tap-1", "at": came_at.isoformat()})
    response = client.post(f"{address}/check-out", {"at": left_at.isoformat()})

    assert response.status_code == 200
    assert response.json() == shape(
        signed_up,
        status="checked_out",
        checked_in_at=iso(came_at),
        checked_out_at=iso(left_at),
        check_in_claimed_at=iso(came_at),
        check_out_claimed_at=iso(left_at),
        worked_minutes=45,
        was_offline=True,
    )


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": None}, {"Idempotency-Key": "k"}])
def test_staff_find_what_a_phone_told_too_late(signed_up, wang, zhao, logged_in, headers):
    Attendance.objects.filter(pk=signed_up.pk).update(
        signed_up_at=timezone.now() - timedelta(days=9)
    )
    Shift.objects.update(
        starts_at=timezone.now() - timedelta(hours=80), ends_at=timezone.now() - timedelta(hours=76)
    )
    at = timezone.now() - timedelta(hours=79)
    phone, desk = logged_in(wang), logged_in(zhao)
    for _ in ("told", "told again"):
        refused = phone.post(
            f"/api/v1/attendances/{signed_up.pk}/check-in",
            {"nonce": "tap-1", "at": at.isoformat()},
            headers=headers,
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "check_in_too_late")

    (found,) = desk.get("/api/v1/attendances?marked=true").json()["results"]
    assert desk.get("/api/v1/attendances?marked=false").json()["results"] == []

    (claim,) = found["refused_claims"]
    assert claim == {
        "id": claim["id"],
        "act": "check_in",
        "claimed_at": iso(at),
        "nonce": "tap-1",
        "refused_as": "check_in_too_late",
        "refused_because": "此班次已不能签到。",
        "told_at": claim["told_at"],
    }
    assert (found["status"], found["worked_minutes"]) == ("signed_up", None)
    own = phone.get(f"/api/v1/attendances/{signed_up.pk}").json()
    assert own["refused_claims"] == [claim]


def test_cancelling_gives_the_place_back(signed_up, wang, logged_in):
    client = logged_in(wang)
    address = f"/api/v1/attendances/{signed_up.pk}/cancel"

    first, again = client.post(address), client.post(address)

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json() == shape(signed_up, status="cancelled")


@pytest.mark.parametrize("action", ["check-in", "check-out"])
@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"at": "2030-03-19T09:00:00"}, {"at": "naive"}),
        ({"at": "noon"}, {"at": "invalid"}),
        (["x"], {"non_field_errors": "invalid"}),
    ],
)
def test_a_time_that_can_not_be_read_is_refused(signed_up, wang, logged_in, action, body, errors):
    response = logged_in(wang).post(f"/api/v1/attendances/{signed_up.pk}/{action}", body)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert {name: found[0]["code"] for name, found in response.json()["errors"].items()} == errors


@pytest.mark.parametrize(("nonce", "code"), [("", "blank"), ("x" * 65, "max_length")])
def test_a_nonce_has_1_to_64_characters(signed_up, wang, logged_in, nonce, code):
    client = logged_in(wang)

    response = client.post(f"/api/v1/attendances/{signed_up.pk}/check-in", {"nonce": nonce})

    assert response.status_code == 400
    assert response.json()["errors"]["nonce"][0]["code"] == code


def test_a_check_in_is_refused_for_its_time_its_nonce_or_its_place(
    lake, wang, patrol, signed_up, logged_in
):
    client, now = logged_in(wang), timezone.now()
    later = activities.plan_shift(
        activity=patrol.activity,
        starts_at=now + timedelta(hours=1),
        ends_at=now + timedelta(hours=2),
    )
    early = Attendance.objects.create(community=lake, shift=later, volunteer=wang)
    beside = activities.plan_shift(
        activity=patrol.activity, starts_at=patrol.starts_at, ends_at=patrol.ends_at
    )
    elsewhere = Attendance.objects.create(community=lake, shift=beside, volunteer=wang)

    def refusal(attendance, body):
        response = client.post(f"/api/v1/attendances/{attendance.pk}/check-in", body)
        return response.status_code, response.json()["code"]

    assert refusal(early, {}) == (409, "check_in_too_early")
    over = activities.plan_shift(
        activity=patrol.activity,
        starts_at=now - timedelta(hours=80),
        ends_at=now - timedelta(hours=70),
    )
    missed = sign_ups.sign_up(shift=over, volunteer=wang, now=over.starts_at)
    long_ago = (now - timedelta(hours=73)).isoformat()
    assert refusal(missed, {"at": long_ago}) == (409, "check_in_too_late")
    presence.check_in(attendance=missed, nonce="my tap", now=over.starts_at)
    presence.check_out(attendance=missed, now=over.ends_at)
    assert refusal(signed_up, {"nonce": "my tap"}) == (409, "nonce_reused")
    presence.check_in(attendance=signed_up)
    assert refusal(elsewhere, {}) == (409, "already_elsewhere")


@pytest.mark.parametrize(
    ("claimed", "mark"), [(timedelta(hours=1), "too_late"), (timedelta(days=-9_000), "too_early")]
)
def test_staff_find_hours_told_by_a_clock_that_can_not_be_right(
    wang, li, zhao, patrol, signed_up, logged_in, claimed, mark
):
    presence.check_in(attendance=sign_ups.sign_up(shift=patrol, volunteer=li))
    at = (timezone.now() + claimed).isoformat()

    told = logged_in(wang).post(f"/api/v1/attendances/{signed_up.pk}/check-in", {"at": at})

    assert (told.status_code, told.json()["check_in_mark"]) == (200, mark)
    assert datetime.fromisoformat(told.json()["check_in_claimed_at"]) == datetime.fromisoformat(at)
    found = logged_in(zhao).get("/api/v1/attendances", {"marked": "true"}).json()["results"]
    assert [row["id"] for row in found] == [str(signed_up.pk)]
    rest = logged_in(zhao).get("/api/v1/attendances", {"marked": "false"}).json()["results"]
    assert str(signed_up.pk) not in [row["id"] for row in rest]
    assert len(rest) == 1


def test_what_an_attendance_does_not_allow_now_is_refused_with_its_state(
    signed_up, wang, logged_in
):
    client = logged_in(wang)
    address = f"/api/v1/attendances/{signed_up.pk}"

    def refusal(action, body=None):
        response = client.post(f"{address}/{action}", body)
        return response.status_code, response.json()["code"], response.json().get("current_status")

    assert refusal("check-out") == (409, "attendance_status_wrong", "signed_up")
    presence.check_in(attendance=signed_up)
    assert refusal("cancel") == (409, "attendance_status_wrong", "checked_in")
    before = (signed_up.shift.starts_at - timedelta(hours=1)).isoformat()
    assert refusal("check-out", {"at": before}) == (400, "checked_out_before_in", None)
    presence.check_out(attendance=signed_up)
    assert refusal("check-in", {"nonce": "x"}) == (409, "attendance_status_wrong", "checked_out")


@pytest.mark.parametrize(
    ("method", "action"),
    [("get", ""), ("post", "/check-in"), ("post", "/check-out"), ("post", "/cancel")],
)
def test_somebody_elses_attendance_is_unknown_to_me(li, zhao, signed_up, logged_in, method, action):
    others = [(li, signed_up.pk), (li, new_id())]
    if action:  # staff read it, and do nothing in its volunteer's stead
        others.append((zhao, signed_up.pk))
    for user, attendance_id in others:
        address = f"/api/v1/attendances/{attendance_id}{action}"
        response = getattr(logged_in(user), method)(address)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    signed_up.refresh_from_db()
    assert signed_up.status == "signed_up"


# --- staff ------------------------------------------------------------------------------------
def test_staff_and_auditors_see_who_it_was_with_the_phone_masked(
    wang, li, zhao, auditor, signed_up, served, logged_in
):
    hers = served(li, "2024-03-01 07:00", "2024-03-01 09:00")
    rows = [
        shape(hers) | SERVED,
        shape(signed_up),
    ]

    for reader in (zhao, auditor):
        response = logged_in(reader).get("/api/v1/attendances")
        assert response.status_code == 200
        assert response.json() == {"next": None, "previous": None, "results": rows}
        one = logged_in(reader).get(f"/api/v1/attendances/{hers.pk}")
        assert (one.status_code, one.json()) == (200, rows[0] | IN_FULL)


def test_the_list_can_be_narrowed_down_to_a_status_and_a_community(
    hill, wang, zhao, signed_up, served, logged_in
):
    roles.give(user=zhao, community=hill, role=Role.STAFF)
    waiting = served(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    client = logged_in(zhao)

    def found(**query):
        body = client.get("/api/v1/attendances", query).json()
        return [row["id"] for row in body["results"]]

    assert found(status="checked_out") == [str(waiting.pk)]
    assert found(status="checked_out", community="lake") == [str(waiting.pk)]
    assert found(community="hill") == []
    assert client.get("/api/v1/attendances", {"status": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"person": "wang"}, {"early", "late"}),
        ({"person": "li"}, {"other"}),
        ({"shift": "early"}, {"early"}),
        ({"text": "探访"}, {"early", "other"}),
        # 00:30 in Shanghai is the day before in UTC: the community's own clock counts.
        ({"since": "2024-03-02", "until": "2024-03-02"}, {"late"}),
        ({"until": "2024-03-01"}, {"early", "other"}),
        ({"since": "2024-03-03"}, set()),
        (
            {"person": "wang", "text": "清扫", "since": "2024-03-02", "status": "checked_out"},
            {"late"},
        ),
    ],
)
def test_staff_find_attendances_by_person_day_shift_and_text(
    lake, wang, li, zhao, served, logged_in, asked, found
):
    rows = {
        "early": served(wang, "2024-03-01 07:00", "2024-03-01 09:00", "探访"),
        "late": served(wang, "2024-03-02 00:30", "2024-03-02 02:00", "清扫"),
        "other": served(li, "2024-03-01 07:00", "2024-03-01 09:00", "探访"),
    }
    ids = {"wang": wang.pk, "li": li.pk, "early": rows["early"].shift_id}
    query = {name: str(ids.get(value, value)) for name, value in asked.items()}

    listed = logged_in(zhao).get("/api/v1/attendances", query).json()["results"]

    names = {str(row.pk): name for name, row in rows.items()}
    assert {names[one["id"]] for one in listed} == found


def test_longer_lists_of_attendances_ask_the_database_no_more(
    wang, li, zhao, signed_up, served, logged_in
):
    lists = [
        (logged_in(wang), "/api/v1/me/attendances"),
        (logged_in(zhao), "/api/v1/attendances"),
    ]

    def queries():
        numbers = []
        for client, address in lists:
            with CaptureQueriesContext(connection) as asked:
                assert client.get(address).status_code == 200
            numbers.append(len(asked))
        return numbers

    hours.verify(attendance=served(li, "2024-03-01 10:00", "2024-03-01 11:00"), verifier=zhao)
    hours.verify(attendance=served(wang, "2024-03-01 10:00", "2024-03-01 11:00"), verifier=zhao)
    few = queries()
    for day in range(1, 6):
        for user in (wang, li):
            served_then = served(user, f"2024-03-0{day} 07:00", f"2024-03-0{day} 09:00")
            hours.verify(attendance=served_then, verifier=zhao)

    assert queries() == few


def test_verified_hours_earn_once_and_say_why(lake, wang, zhao, served, logged_in):
    attendance = served(wang, "2024-03-01 07:00", "2024-03-01 09:00", "交通劝导")
    client = logged_in(zhao)
    address = f"/api/v1/attendances/{attendance.pk}/verify"

    first = client.post(address, headers=with_key("k1"))
    same_request = client.post(address, headers=with_key("k1"))
    another_request = client.post(address, headers=with_key("k2"))

    attendance.refresh_from_db()
    assert first.status_code == 200
    assert first.json() == shape(attendance) | SERVED | {
        "status": "verified",
        "verified_at": iso(attendance.verified_at),
        "points": 30,
        "volunteer": person_of(wang),
        "award": {
            "unit": "points",
            "amount": 30,
            "explanation": {
                "kind": {"name": "hours", "inputs": 1},
                "rule": {
                    "id": str(Rule.objects.get(category="交通劝导").pk),
                    "subject": "hours",
                    "category": "交通劝导",
                    "version": 1,
                },
                "inputs": {
                    "category": "交通劝导",
                    "checked_in_at": "2024-02-29T23:00:00+00:00",
                    "checked_out_at": "2024-03-01T01:00:00+00:00",
                    "timezone": "Asia/Shanghai",
                },
                "arithmetic": {
                    "minutes": 120,
                    "peak_minutes": 120,
                    "peak_multiplier_bp": 15000,
                    "weighted_minutes_bp": 120 * 15000,
                    "points_per_hour": 10,
                    "points_before_cap": 30,
                    "daily_cap_points": 90,
                    "awarded_that_day": 0,
                    "points": 30,
                },
                "expiry": {
                    "served_on": "2024-03-01",
                    "policy": "end_of_next_year",
                    "months": None,
                    "posted_on": lake.today.isoformat(),
                    "at_least_days": 90,
                    "expires_on": (lake.today + timedelta(days=90)).isoformat(),
                },
            },
        },
    }
    assert same_request.json() == first.json()
    assert same_request["Idempotency-Replayed"] == "true"
    assert another_request.json() == first.json()
    assert wallet_of(lake.pk, wang.pk).available == 30


def test_rejected_hours_earn_nothing_and_say_why(wang, zhao, served, logged_in):
    attendance = served(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    client = logged_in(zhao)
    address = f"/api/v1/attendances/{attendance.pk}/reject"

    first = client.post(address, {"reason": "不在现场"})
    again = client.post(address, {"reason": "又一次"})

    attendance.refresh_from_db()
    assert first.status_code == 200
    assert first.json() == shape(attendance) | SERVED | {
        "status": "rejected",
        "verified_at": iso(attendance.verified_at),
        "reason": "不在现场",
        "volunteer": person_of(wang),
    }
    assert again.json() == first.json()
    assert not Award.objects.exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [({}, "required"), ({"reason": ""}, "blank"), ({"reason": "x" * 201}, "max_length")],
)
def test_a_rejection_gives_a_reason(wang, zhao, served, logged_in, body, code):
    attendance = served(wang, "2024-03-01 07:00", "2024-03-01 09:00")

    response = logged_in(zhao).post(f"/api/v1/attendances/{attendance.pk}/reject", body)

    assert response.status_code == 400
    assert response.json()["errors"]["reason"][0]["code"] == code


@pytest.mark.parametrize(("action", "body"), [("verify", None), ("reject", {"reason": "x"})])
def test_nobody_judges_hours_of_their_own(lake, zhao, served, logged_in, action, body):
    people.enrol(user=zhao, community=lake, kind=Volunteer.Kind.RESIDENT)
    own = served(zhao, "2024-03-01 07:00", "2024-03-01 09:00")

    response = logged_in(zhao).post(
        f"/api/v1/attendances/{own.pk}/{action}", body, headers=with_key()
    )

    assert (response.status_code, response.json()["code"]) == (403, "own_hours")


@pytest.mark.parametrize(("action", "body"), [("verify", None), ("reject", {"reason": "x"})])
def test_hours_that_are_not_complete_can_not_be_judged(zhao, signed_up, logged_in, action, body):
    response = logged_in(zhao).post(
        f"/api/v1/attendances/{signed_up.pk}/{action}", body, headers=with_key()
    )

    assert (response.status_code, response.json()["code"]) == (409, "attendance_status_wrong")
    assert response.json()["current_status"] == "signed_up"


def test_hours_that_no_rule_covers_stay_as_they_were(lake, wang, zhao, served, logged_in):
    before_any_rule = served(wang, "2019-03-01 07:00", "2019-03-01 09:00")

    response = logged_in(zhao).post(
        f"/api/v1/attendances/{before_any_rule.pk}/verify", headers=with_key()
    )

    assert (response.status_code, response.json()["code"]) == (409, "rule_missing")
    assert (response.json()["category"], response.json()["day"]) == ("邻里服务", "2019-03-01")
    before_any_rule.refresh_from_db()
    assert before_any_rule.status == "checked_out"


def test_verifying_asks_for_an_idempotency_key(wang, zhao, served, logged_in):
    attendance = served(wang, "2024-03-01 07:00", "2024-03-01 09:00")

    response = logged_in(zhao).post(
        f"/api/v1/attendances/{attendance.pk}/verify", headers=with_key(None)
    )

    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_missing")
    assert not Award.objects.exists()


def test_an_auditor_reads_and_changes_nothing(wang, auditor, served, logged_in):
    attendance = served(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    client = logged_in(auditor)

    for action, body in [("verify", None), ("reject", {"reason": "x"})]:
        response = client.post(
            f"/api/v1/attendances/{attendance.pk}/{action}", body, headers=with_key(action)
        )
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    attendance.refresh_from_db()
    assert attendance.status == "checked_out"


def test_volunteers_and_the_staff_next_door_handle_nothing(wang, li, next_door, served, logged_in):
    attendance = served(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    address = f"/api/v1/attendances/{attendance.pk}"

    for user in (wang, li, next_door):
        client = logged_in(user)
        answers = [
            client.post(f"{address}/verify", headers=with_key("v")),
            client.post(f"{address}/reject", {"reason": "x"}),
        ]
        if user != wang:  # whose own it is
            answers.append(client.get(address))
        assert {answer.status_code for answer in answers} == {404}
        assert {answer.json()["code"] for answer in answers} == {"not_found"}
        assert client.get("/api/v1/attendances").json()["results"] == []


def test_staff_of_the_street_above_handle_it_too(lake, wang, person, served, logged_in):
    street = places.found(code="street", name="街道", kind="street")
    lake.parent = street
    lake.save(update_fields=["parent"])
    zhou = person("zhou", "周")
    roles.give(user=zhou, community=street, role=Role.MANAGER)
    attendance = served(wang, "2024-03-01 07:00", "2024-03-01 09:00")

    response = logged_in(zhou).post(
        f"/api/v1/attendances/{attendance.pk}/verify", headers=with_key()
    )

    assert (response.status_code, response.json()["award"]["amount"]) == (200, 20)


ID = UUID("01900000-0000-7000-8000-000000000000")  # nobody's; the same in every worker


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "me/attendances"),
        ("get", f"attendances/{ID}"),
        ("post", f"attendances/{ID}/check-in"),
        ("post", f"attendances/{ID}/check-out"),
        ("post", f"attendances/{ID}/cancel"),
        ("get", "attendances"),
        ("post", f"attendances/{ID}/verify"),
        ("post", f"attendances/{ID}/reject"),
    ],
)
def test_every_address_of_attendances_asks_for_a_log_in(db, method, address):
    response = getattr(APIClient(), method)(f"/api/v1/{address}")

    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
