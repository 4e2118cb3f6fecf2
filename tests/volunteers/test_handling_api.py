"""The addresses at which reports are handled: who may, what is refused, and what each reads."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from backend.communities.models import Role
from backend.communities.services import places, roles
from tests.volunteers.test_reports import SIGHT
from volunteers.models import CellMember, Report, Volunteer
from volunteers.people.services import cells, people
from volunteers.reports.services import deadlines, handling, routing, submitting, wording


@pytest.fixture
def estate(lake):
    return places.estate_named(community=lake, name="一区")


@pytest.fixture
def submitted(lake, wang):
    def submit(reporter=wang, **facts):
        return submitting.submit(community=lake, reporter=reporter, **SIGHT | facts)

    return submit


@pytest.fixture
def worker(lake, estate, person):
    user = person("worker", "网格员")
    people.enrol(user=user, community=lake, kind=Volunteer.Kind.RESIDENT)
    cells.name_member(
        community=lake, estate=estate, user_id=user.pk, function="worker", named_by=None
    )
    return user


@pytest.fixture
def manager(lake, person):
    user = person("manager", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


def at(report, what=""):
    return f"/api/v1/reports/{report.pk}{what}"


# --- statuses -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "more"),
    [
        ("accepted", {}),
        ("made_safe", {"answer": "已围挡"}),
        ("fixed", {}),
        ("closed", {"answer": "已修好"}),
        ("rejected", {"answer": "不属实"}),
        ("not_ours", {"answer": "请找电力公司"}),
    ],
)
def test_staff_move_a_report_on_at_one_address(submitted, zhao, logged_in, status, more):
    report, client = submitted(), logged_in(zhao)

    for _ in range(2):
        answer = client.post(at(report, "/status"), {"status": status, **more})
        assert answer.status_code == 200
        told = answer.json()
        assert (told["status"], told["answer"]) == (status, more.get("answer", ""))
        assert (told["award"] is not None) == (status == "closed")


def test_a_duplicate_names_the_other_report(submitted, li, zhao, logged_in):
    report, original, client = submitted(), submitted(li), logged_in(zhao)
    body = {"status": "duplicate", "duplicate_of_id": str(original.pk)}

    answer = client.post(at(report, "/status"), body)

    assert answer.json()["duplicate_of_id"] == str(original.pk)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": "rejected"}, "answer"),
        ({"status": "not_ours", "answer": ""}, "answer"),
        ({"status": "duplicate"}, "duplicate_of_id"),
        ({"status": "closed", "duplicate_of_id": str(UUID(int=1))}, "duplicate_of_id"),
        ({"status": "withdrawn"}, "status"),
        ({"status": "voided"}, "status"),
        ({}, "status"),
    ],
)
def test_what_a_move_needs_is_asked_for(submitted, zhao, logged_in, body, field):
    answer = logged_in(zhao).post(at(submitted(), "/status"), body)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_staff_of_elsewhere_and_the_reporter_find_nothing_to_move(
    submitted, wang, li, hill, person, logged_in
):
    report, other = submitted(), person("other")
    roles.give(user=other, community=hill, role=Role.STAFF)

    for user in (wang, li, other):
        answer = logged_in(user).post(at(report, "/status"), {"status": "accepted"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_cells_worker_does_the_steps_and_no_decision(submitted, estate, worker, logged_in):
    report, client = submitted(estate=estate), logged_in(worker)

    for status in ("closed", "rejected", "not_ours"):
        refused = client.post(at(report, "/status"), {"status": status, "answer": "x"})
        assert (refused.status_code, refused.json()["code"]) == (403, "staff_only")
    for status in ("accepted", "made_safe", "fixed"):
        assert client.post(at(report, "/status"), {"status": status}).json()["status"] == status
    for what, body in (
        ("/void", {"reason": "x"}),
        ("/reopen", {"reason": "x"}),
        ("/colour", {"reason": "x", "colour": "blue"}),
        ("/assign", {"assignee_id": None}),
        ("/redactions", {"words": "井盖"}),
        ("/referrals", {"party": "x"}),
    ):
        assert client.post(at(report, what), body).status_code == 404


def test_the_reporter_or_staff_open_a_report_again(submitted, wang, li, zhao, logged_in):
    report, _ = handling.close(report=submitted(), handler=zhao)

    assert logged_in(li).post(at(report, "/reopen"), {"reason": "又坏了"}).status_code == 404
    answer = logged_in(wang).post(at(report, "/reopen"), {"reason": "又坏了"})

    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")


@pytest.mark.parametrize(
    ("what", "body", "code"),
    [
        ("/status", {"status": "accepted"}, "report_status_wrong"),
        ("/colour", {"colour": "blue", "reason": "x"}, "report_status_wrong"),
        ("/assign", {"assignee_id": None}, "report_status_wrong"),
        ("/pause", {"reason": "x"}, "report_status_wrong"),
        ("/resume", None, "report_status_wrong"),
        ("/referrals", {"party": "x"}, "report_status_wrong"),
        ("/redactions", {"words": "没有的话"}, "words_not_found"),
        ("/void", {"reason": "x"}, "own_verification"),
    ],
)
def test_what_is_refused_of_a_closed_report(submitted, zhao, logged_in, what, body, code):
    report, _ = handling.close(report=submitted(), handler=zhao)

    answer = logged_in(zhao).post(at(report, what), body)

    assert answer.json()["code"] == code


def test_a_report_is_given_to_staff_or_to_people_of_cells_but_its_reporter(
    submitted, lake, estate, worker, wang, zhao, manager, person, logged_in
):
    of_estate = person("of_estate", "周社工")
    roles.give(user=of_estate, community=estate, role=Role.STAFF)

    def names(report, user=zhao):
        answer = logged_in(user).get(at(report, "/assignees"))
        assert answer.status_code == 200
        return [(one["name"], one["function"]) for one in answer.json()]

    everybody = [("赵社工", None), ("钱书记", None), ("网格员", "worker")]
    assert names(submitted()) == everybody
    assert names(submitted(estate=estate)) == [("周社工", None), *everybody]
    assert names(submitted(reporter=worker)) == everybody[:2]
    told = logged_in(zhao).get(at(submitted(), "/assignees")).json()[-1]
    assert (told["id"], told["estate"]["name"]) == (str(worker.pk), "一区")
    for user in (wang, worker):
        assert logged_in(user).get(at(submitted(), "/assignees")).status_code == 404


# --- lists --------------------------------------------------------------------------------
FILTERS = {
    "status=made_safe": "safe",
    "colour=yellow": "facility",
    "source=relayed": "",
    "is_overdue=true": "late",
    "is_overdue=false": "facility safe estate ended",
    "open=true": "late facility safe estate",
    "open=false": "ended",
    "is_screened=false": "facility",
    "due_before=2026-01-01": "late",
    "assigned_to={worker}": "estate",
    "category=facility": "facility",
    "estate={estate}": "estate",
}


def test_staff_filter_what_waits_for_them(submitted, lake, estate, worker, zhao, logged_in):
    made = {
        "late": submitted(),
        "facility": submitted(category="facility"),
        "safe": handling.make_safe(report=submitted(), handler=zhao),
        "estate": submitted(estate=estate),
        "ended": handling.reject(report=submitted(), handler=zhao, answer="不属实"),
    }
    Report.objects.filter(pk=made["facility"].pk).update(is_screened=False)
    Report.objects.filter(pk=made["late"].pk).update(due_at=timezone.now() - timedelta(days=3_650))
    names = {str(report.pk): name for name, report in made.items()}

    for asked, found in FILTERS.items():
        asked = asked.format(worker=worker.pk, estate=estate.code)
        answer = logged_in(zhao).get(f"/api/v1/reports?{asked}").json()

        assert {names[one["id"]] for one in answer["results"]} == set(found.split()), asked


def test_what_is_due_first_comes_first_without_what_has_no_clock(
    submitted, lake, wang, zhao, logged_in
):
    slow = submitted(category="facility")
    soon, paused = submitted(), submitted()
    handling.reject(report=submitted(), handler=zhao, answer="不属实")
    deadlines.pause(report=paused, handler=zhao, reason="等配件")

    def found(user, query=""):
        return logged_in(user).get(f"/api/v1/reports/due{query}").json()["results"]

    assert [one["id"] for one in found(zhao)] == [str(soon.pk), str(slow.pk)]
    assert [one["id"] for one in found(zhao, "?colour=yellow")] == [str(slow.pk)]
    assert found(wang) == []


# --- words and the timeline ---------------------------------------------------------------
def test_each_reads_of_the_timeline_what_is_theirs(
    submitted, lake, estate, worker, wang, li, zhao, logged_in
):
    report = submitted(estate=estate)
    logged_in(zhao).post(at(report, "/comments"), {"text": "内部意见", "is_internal": True})
    logged_in(zhao).post(at(report, "/comments"), {"text": "已联系物业"})
    logged_in(wang).post(at(report, "/comments"), {"text": "在西侧"})
    public = f"/api/v1/communities/lake/reports/{report.pk}/timeline"

    def texts(client, address):
        return [one["text"] for one in client.get(address).json()["entries"] if one["text"]]

    assert texts(APIClient(), public) == ["已联系物业"]
    assert texts(logged_in(wang), at(report, "/timeline")) == ["已联系物业", "在西侧"]
    for user in (zhao, worker):
        assert texts(logged_in(user), at(report, "/timeline")) == [
            "内部意见",
            "已联系物业",
            "在西侧",
        ]
    told = APIClient().get(public).json()["entries"]
    assert not any(one["by"] or one["facts"] for one in told)
    assert logged_in(li).get(at(report, "/timeline")).status_code == 404
    refused = logged_in(wang).post(at(report, "/comments"), {"text": "x", "is_internal": True})
    assert (refused.status_code, refused.json()["code"]) == (403, "staff_only")


def test_what_stood_there_is_read_by_managers_and_auditors_alone(
    submitted, lake, wang, zhao, manager, person, logged_in
):
    auditor = person("auditor")
    roles.give(user=auditor, community=lake, role=Role.AUDITOR)
    report = submitted(text="李四家井盖松动")

    answer = logged_in(wang).post(at(report, "/redactions"), {"words": "李四"})

    assert answer.json()["text"] == "██家井盖松动"
    for user in (manager, auditor):
        (former,) = logged_in(user).get(at(report, "/redactions")).json()["results"]
        assert (former["stood_in"], former["words"]) == ("text", "李四家井盖松动")
        opened = logged_in(user).get(at(report, f"/redactions/{former['id']}"))
        assert opened.json() == former
    for user in (wang, zhao):
        assert logged_in(user).get(at(report, "/redactions")).status_code == 404


def test_referrals_are_listed_opened_and_answered(submitted, zhao, logged_in):
    report, client = submitted(), logged_in(zhao)
    made = client.post(at(report, "/referrals"), {"party": "水务", "due_on": "2031-05-01"})
    assert (made.status_code, made.json()["is_up"]) == (201, False)
    one = at(report, f"/referrals/{made.json()['id']}")

    assert client.get(at(report, "/referrals")).json()["results"] == [made.json()]
    assert client.get(one).json() == made.json()
    assert client.post(f"{one}/answer", {"answer": "明天来"}).json()["answer"] == "明天来"
    again = client.post(f"{one}/answer", {"answer": "不来"})
    assert (again.status_code, again.json()["code"]) == (409, "referral_answered")
    up = client.post(at(report, "/referrals"), {})
    assert (up.status_code, up.json()["code"]) == (409, "no_street")


# --- what a community decides -------------------------------------------------------------
def test_managers_decide_on_clocks_and_office_hours(lake, zhao, wang, manager, logged_in):
    address = "/api/v1/communities/lake/report-policy"
    assert logged_in(wang).get(address).status_code == 404
    read = logged_in(zhao).get(address).json()
    assert (read["reopen_days"], read["office_from"], read["clocks"]["red"]) == (
        7,
        "09:00",
        {"acknowledge": 30, "make_safe": 120, "fix": 1_440},
    )
    assert logged_in(zhao).patch(address, {"reopen_days": 3}).status_code == 404

    told = logged_in(manager).patch(
        address, {"office_from": "08:30", "clocks": {"red": {"fix": 600}}}
    )

    assert told.json() == read | {
        "office_from": "08:30",
        "clocks": read["clocks"] | {"red": {"acknowledge": 30, "make_safe": 120, "fix": 600}},
    }
    for change, code in (
        ({"office_until": "08:00"}, "office_hours_invalid"),
        ({"office_days": []}, "invalid_input"),
        ({"office_days": [8]}, "invalid_input"),
        ({"clocks": {"red": {"fix": 0}}}, "invalid_input"),
    ):
        refused = logged_in(manager).patch(address, change)
        assert (refused.status_code, refused.json()["code"]) == (400, code)


def test_managers_name_who_works_in_a_cell(lake, estate, worker, li, zhao, manager, logged_in):
    address = "/api/v1/communities/lake/cell-members"
    body = {"estate_id": str(estate.pk), "user_id": str(li.pk), "function": "leader"}
    assert logged_in(zhao).post(address, body).status_code == 404

    made = logged_in(manager).post(address, body)

    assert (made.status_code, made.json()["function"]) == (201, "leader")
    one = f"/api/v1/cell-members/{made.json()['id']}"
    for user in (manager, zhao, li):
        assert logged_in(user).get(one).json() == made.json()
    assert logged_in(worker).get(one).status_code == 404
    listed = logged_in(zhao).get(f"{address}?function=leader&has_ended=false").json()["results"]
    assert listed == [made.json()]
    taken = logged_in(manager).post(address, body | {"user_id": str(worker.pk)})
    assert (taken.status_code, taken.json()["code"]) == (409, "cell_member_already")
    taken = logged_in(manager).post(address, body | {"user_id": str(li.pk), "function": "worker"})
    assert (taken.status_code, taken.json()["code"]) == (409, "cell_member_already")
    ended = logged_in(manager).post(f"{one}/end")
    assert ended.json()["ended_at"] is not None
    assert logged_in(zhao).post(f"{one}/end").status_code == 404
    assert CellMember.objects.filter(ended_at__isnull=True).count() == 1


# --- confidential ones --------------------------------------------------------------------
def test_a_confidential_report_is_reached_at_none_of_these_addresses_by_others(
    submitted, lake, hill, estate, worker, li, zhao, person, logged_in
):
    report = submitted(category="dispute", estate=estate)
    other = person("other")
    roles.give(user=other, community=hill, role=Role.STAFF)
    referral = routing.forward(report=report, handler=zhao, party="司法所")
    wording.comment(report=report, author=zhao, text="双方已约谈")
    (former,) = wording.take_out(report=report, by=zhao, words="井盖")
    deadlines.pause(report=report, handler=zhao, reason="当事人外出")
    reads = (
        *("", "/timeline", "/referrals", f"/referrals/{referral.pk}"),
        *("/redactions", f"/redactions/{former.pk}"),
    )
    acts = {
        "/status": {"status": "accepted"},
        "/reopen": {"reason": "x"},
        "/void": {"reason": "x"},
        "/colour": {"colour": "red", "reason": "x"},
        "/assign": {"assignee_id": None},
        "/pause": {"reason": "x"},
        "/resume": {},
        "/comments": {"text": "x"},
        "/redactions": {"words": "松动"},
        "/referrals": {"party": "x"},
        f"/referrals/{referral.pk}/answer": {"answer": "x"},
    }

    for user in (worker, li, other):
        client = logged_in(user)
        assert {client.get(at(report, what)).status_code for what in reads} == {404}
        assert {client.post(at(report, what), acts[what]).status_code for what in acts} == {404}
        assert client.get("/api/v1/reports").json()["results"] == []
    public = f"/api/v1/communities/lake/reports/{report.pk}/timeline"
    assert APIClient().get(public).status_code == 404
