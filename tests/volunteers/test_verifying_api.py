"""The queue of hours to verify, decisions on many, and what is said against them."""

import pytest

from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.events.models import Venue
from backend.ids import new_id
from volunteers.activities.models import ServicePolicy
from volunteers.attendance.services import hours, objections
from volunteers.attendance.services import signals as looking
from volunteers.models import Attendance, Team
from volunteers.people.services import people

SHIFT = ("2024-03-01 07:00", "2024-03-01 09:00")


@pytest.fixture
def sun(lake, person):
    """A second member of staff."""
    user = person("sun", "孙社工")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


@pytest.fixture
def queue(lake, zhao, logged_in):
    """The queue of 赵社工, or another's, by these filters."""

    def ask(user=zhao, **filters):
        response = logged_in(user).get("/api/v1/communities/lake/hours-to-verify", filters)
        assert response.status_code == 200, response.json()
        return response.json()["results"]

    return ask


def ids(rows):
    return [row["id"] for row in rows]


# --- the queue --------------------------------------------------------------------------------
def test_the_queue_holds_what_awaits_a_decision_those_that_ended_first_first(
    lake, wang, li, zhao, served, queue, logged_in
):
    later, first, done = (
        served(wang, f"2024-03-0{day} 07:00", f"2024-03-0{day} 09:00") for day in (3, 1, 2)
    )
    hours.verify(attendance=done, verifier=zhao)
    looking.look(community=lake)

    found = queue()
    opened = logged_in(zhao).get(f"/api/v1/communities/lake/hours-to-verify/{first.pk}")

    assert opened.json() == found[0]
    assert ids(found) == [str(first.pk), str(later.pk)]
    shown = {
        name: found[0][name]
        for name in (
            *("status", "worked_minutes", "signals", "proof", "position_mark", "is_backfilled"),
            *("corrections", "appeal", "evaluation", "distance_metres", "cut_by"),
        )
    }
    assert shown == {
        "status": "checked_out",
        "worked_minutes": 120,
        "signals": [],
        "proof": "own_word",
        "position_mark": None,
        "is_backfilled": False,
        "corrections": [],
        "appeal": None,
        "evaluation": None,
        "distance_metres": None,
        "cut_by": None,
    }


def test_each_filter_finds_its_own(lake, wang, li, zhao, sun, served, queue):
    plain = served(li, *SHIFT)
    odd = served(wang, "2024-03-02 07:00", "2024-03-02 09:00", category="文明交通")
    team = Team.objects.create(community=lake, name="先锋队")
    venue = Venue.objects.create(community=lake, name="北站")
    odd.shift.activity.save_with(team=team, venue=venue)
    Attendance.objects.filter(pk=odd.pk).update(was_offline=True, is_backfilled=True)
    hours.reject(attendance=odd, verifier=zhao, reason="x")
    appeal = objections.appeal(attendance=odd, words="我在")
    objections.decide(objection=appeal, decider=sun, is_upheld=True, reason="x")
    looking.look(community=lake)

    for name, value in {
        "person": wang.pk,
        "team": team.pk,
        "day": "2024-03-02",
        "since": "2024-03-02",
        "shift": odd.shift_id,
        "activity": odd.shift.activity_id,
        "category": "文明交通",
        "venue": venue.pk,
        "signal": "told_late",
        "appealed": "true",
        "backfilled": "true",
        "text": "小明",
    }.items():
        assert ids(queue(**{name: value})) == [str(odd.pk)], name
    for name, value in {
        "until": "2024-03-01",
        "appealed": "false",
        "backfilled": "false",
        "person": li.pk,
    }.items():
        assert ids(queue(**{name: value})) == [str(plain.pk)], name
    assert queue(signal="shared_device") == []


def test_a_filter_that_is_none_is_refused(zhao, logged_in, lake):
    client = logged_in(zhao)
    for query in ("signal=x", "status=verified", "backfilled=perhaps"):
        response = client.get(f"/api/v1/communities/lake/hours-to-verify?{query}")
        assert response.status_code == 400


def test_the_queue_is_that_of_the_callers_reach(lake, hill, wang, person, served, queue, logged_in):
    served(wang, *SHIFT)
    estate = places.estate_named(community=lake, name="一区")
    of_estate, of_hill = person("estate"), person("hill")
    roles.give(user=of_estate, community=estate, role=Role.STAFF)
    roles.give(user=of_hill, community=hill, role=Role.STAFF)

    assert queue(of_estate) == []
    for stranger in (of_hill, wang):
        answer = logged_in(stranger).get("/api/v1/communities/lake/hours-to-verify")
        assert answer.status_code == 404


# --- many at once -----------------------------------------------------------------------------
def decide(client, *records, **body):
    return client.post(
        "/api/v1/communities/lake/hours-to-verify",
        {"attendance_ids": [str(getattr(one, "pk", one)) for one in records], **body},
    )


def test_many_are_verified_with_a_result_each_in_order(
    lake, hill, wang, li, zhao, served, logged_in
):
    people.enrol(user=wang, community=hill, kind="rider")
    good, other = served(wang, *SHIFT), served(li, *SHIFT)
    attested = served(li, "2024-03-02 07:00", "2024-03-02 09:00")
    Attendance.objects.filter(pk=attested.pk).update(checked_in_by=zhao)
    elsewhere = served(wang, "2024-03-02 07:00", "2024-03-02 09:00", community=hill)
    asked = (other, elsewhere, new_id(), attested, good, other)

    for _ in ("once", "twice"):
        response = decide(logged_in(zhao), *asked, outcome="verified")

        assert response.status_code == 200
        results = response.json()["results"]
        assert [one["attendance_id"] for one in results] == [
            str(getattr(one, "pk", one)) for one in asked
        ]
        assert [(one["outcome"], one["points"]) for one in results] == [
            *(("verified", 20), ("not_found", None), ("not_found", None)),
            *(("own_record", None), ("verified", 20), ("verified", 20)),
        ]
        problems = [one["problem"] and one["problem"]["title"] for one in results]
        assert problems == [
            *(None, "没有找到。", "没有找到。"),
            *("须由代为签到或更正的人以外的人审核。", None, None),
        ]
    elsewhere.refresh_from_db()
    assert elsewhere.status == "checked_out"


def test_many_are_rejected_and_those_made_public_say_so(lake, wang, li, zhao, served, logged_in):
    first, second = served(wang, *SHIFT), served(li, *SHIFT)
    client = logged_in(zhao)

    rejected = decide(client, first, outcome="rejected", reason="不在现场").json()["results"]
    ServicePolicy.objects.create(community=lake, publicity_days=3)
    published = decide(client, first, second, outcome="verified").json()["results"]

    assert [one["outcome"] for one in rejected] == ["rejected"]
    assert [one["outcome"] for one in published] == ["attendance_status_wrong", "published"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"outcome": "rejected"}, "reason"),
        ({"outcome": "voided"}, "outcome"),
        ({"outcome": "verified", "attendance_ids": []}, "attendance_ids"),
        ({"outcome": "verified", "attendance_ids": [str(new_id())] * 201}, "attendance_ids"),
        ({"outcome": "verified", "points": 5}, "points"),
    ],
)
def test_a_decision_that_can_not_be_read_is_refused(wang, zhao, served, logged_in, body, field):
    record = served(wang, *SHIFT)

    response = decide(logged_in(zhao), record, **body)

    assert (response.status_code, list(response.json()["errors"])) == (400, [field])


def test_whoever_verifies_nothing_there_finds_no_queue_to_decide_on(
    lake, hill, wang, person, served, logged_in
):
    record = served(wang, *SHIFT)
    of_hill = person("hill")
    roles.give(user=of_hill, community=hill, role=Role.STAFF)

    for user in (wang, of_hill):
        assert decide(logged_in(user), record, outcome="verified").status_code == 404


# --- corrections, appeals, objections, evaluations --------------------------------------------
def test_corrected_times_are_shown_with_those_before(wang, zhao, served, logged_in):
    record = served(wang, *SHIFT)

    response = logged_in(zhao).post(
        f"/api/v1/attendances/{record.pk}/correct",
        {
            "checked_in_at": "2024-03-01T07:30:00+08:00",
            "checked_out_at": "2024-03-01T09:00:00+08:00",
            "reason": "迟到",
        },
    )

    assert (response.status_code, response.json()["worked_minutes"]) == (200, 90)
    mine = logged_in(wang).get(f"/api/v1/attendances/{record.pk}").json()
    (correction,) = mine["corrections"]
    assert correction == {
        "was_in_at": "2024-02-29T23:00:00Z",
        "was_out_at": "2024-03-01T01:00:00Z",
        "checked_in_at": "2024-02-29T23:30:00Z",
        "checked_out_at": "2024-03-01T01:00:00Z",
        "reason": "迟到",
        "corrected_at": correction["corrected_at"],
    }
    assert "signals" not in mine
    verified = decide(logged_in(zhao), record, outcome="verified").json()["results"]
    assert verified[0]["outcome"] == "own_record"


def test_staff_find_objections_by_person_day_and_words(wang, li, zhao, served, logged_in):
    for user, words in ((wang, "我在场"), (li, "不是我")):
        record = hours.reject(attendance=served(user, *SHIFT), verifier=zhao, reason="x")
        objections.appeal(attendance=record, words=words)

    def found(**asked):
        answer = logged_in(zhao).get("/api/v1/objections", asked)
        assert answer.status_code == 200, answer.json()
        return [row["words"] for row in answer.json()["results"]]

    assert found() == ["不是我", "我在场"]
    assert found(person=wang.pk) == found(text="在场") == found(text="小明") == ["我在场"]
    assert found(until="2020-01-01") == []


def test_an_appeal_from_the_volunteer_to_the_decision(wang, zhao, sun, served, logged_in):
    record = hours.reject(attendance=served(wang, *SHIFT), verifier=zhao, reason="不在现场")
    phone, desk = logged_in(wang), logged_in(sun)

    raised = phone.post(f"/api/v1/attendances/{record.pk}/appeal", {"words": "我在场"})
    (found,) = desk.get("/api/v1/objections?status=open&appeal=true").json()["results"]
    own = logged_in(zhao).post(
        f"/api/v1/objections/{found['id']}/decision", {"is_upheld": False, "reason": "x"}
    )
    decided = desk.post(
        f"/api/v1/objections/{found['id']}/decision", {"is_upheld": True, "reason": "有照片"}
    )

    assert raised.status_code == 200
    assert raised.json() == {
        "id": found["id"],
        "attendance_id": str(record.pk),
        "is_appeal": True,
        "words": "我在场",
        "raised_at": found["raised_at"],
        "status": "open",
        "decided_at": None,
        "answer": "",
    }
    assert (found["raised_by"]["name"], found["volunteer"]["name"]) == ("王小明", "王小明")
    assert (own.status_code, own.json()["code"]) == (403, "own_verification")
    assert (decided.status_code, decided.json()["status"]) == (200, "upheld")
    (mine,) = phone.get("/api/v1/me/objections").json()["results"]
    assert (mine["status"], mine["answer"]) == ("upheld", "有照片")
    assert phone.get(f"/api/v1/me/objections/{mine['id']}").json() == mine
    opened = phone.get(f"/api/v1/attendances/{record.pk}").json()
    assert (opened["status"], opened["appeal"]) == ("checked_out", mine)


def test_who_objects_to_published_hours_is_not_shown_to_the_volunteer(
    lake, hill, wang, li, zhao, person, served, logged_in
):
    ServicePolicy.objects.create(community=lake, publicity_days=3)
    record, _ = hours.verify(attendance=served(wang, *SHIFT), verifier=zhao)
    stranger = person("stranger")
    people.enrol(user=stranger, community=hill, kind="rider")

    (shown,) = logged_in(li).get("/api/v1/communities/lake/published-hours").json()["results"]
    address = f"/api/v1/communities/lake/published-hours/{record.pk}"
    assert logged_in(li).get(address).json() == shown
    objected = logged_in(li).post(f"/api/v1/attendances/{record.pk}/object", {"words": "他不在"})

    assert (shown["volunteer"], shown["worked_minutes"]) == ("王**", 120)
    assert (objected.status_code, objected.json()["is_appeal"]) == (200, False)
    opened = logged_in(wang).get(f"/api/v1/attendances/{record.pk}").json()
    assert (opened["appeal"], opened["status"]) == (None, "published")
    assert "他不在" not in str(opened)
    assert logged_in(wang).get("/api/v1/me/objections").json()["results"] == []
    assert logged_in(wang).get("/api/v1/objections").json()["results"] == []
    client = logged_in(stranger)
    assert client.get("/api/v1/communities/lake/published-hours").status_code == 404
    refused = client.post(f"/api/v1/attendances/{record.pk}/object", {"words": "x"})
    assert refused.status_code == 404


def test_the_person_served_finds_the_service_and_says_how_it_was(
    wang, li, zhao, served, logged_in, queue
):
    record = served(wang, *SHIFT)
    record.shift.activity.save_with(serves=li)
    client = logged_in(li)

    (received,) = client.get("/api/v1/me/service-received").json()["results"]
    opened = client.get(f"/api/v1/me/service-received/{record.pk}")
    assert opened.json() == received
    said = client.post(f"/api/v1/attendances/{record.pk}/evaluation", {"stars": 5, "words": "好"})
    another = logged_in(zhao).post(f"/api/v1/attendances/{record.pk}/evaluation", {"stars": 1})

    assert (received["id"], received["volunteer"], received["evaluation"]) == (
        *(str(record.pk), "王**", None),
    )
    assert said.status_code == 200
    assert (another.status_code, another.json()["code"]) == (409, "evaluated_already")
    (waiting,) = queue()
    assert waiting["evaluation"] == said.json()
    assert said.json()["is_relayed"] is False
    for stars in (0, 6):
        wrong = client.post(f"/api/v1/attendances/{record.pk}/evaluation", {"stars": stars})
        assert wrong.status_code == 400
