"""An auditor searches who did what, and nobody else does."""

from datetime import UTC

import pytest

from backend.audit.models import AuditEntry
from backend.communities.models import Role
from backend.communities.services import roles
from volunteers.attendance.services import hours
from volunteers.reports.services import handling, submitting

ADDRESS = "/api/v1/communities/lake/audit-entries"


@pytest.fixture
def sun(lake, person):
    """孙审计, who audits the lake."""
    user = person("sun", "孙审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return user


@pytest.fixture
def done(lake, wang, zhao, served):
    """Two acts of 赵社工; the lake's three rules were published by nobody."""
    hours.verify(attendance=served(wang, "2024-03-01 07:00", "2024-03-01 09:00"), verifier=zhao)
    report = submitting.submit(community=lake, reporter=wang, category="hazard", text="井盖松动")
    return handling.accept(report=report, handler=zhao)


def test_an_entry_tells_who_what_before_and_after(done, sun, zhao, logged_in):
    answer = logged_in(sun).get(ADDRESS, {"action": "report.accept"})

    entry = AuditEntry.objects.get(action="report.accept")
    assert answer.json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "id": str(entry.pk),
                "at": entry.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                "actor": {"id": str(zhao.pk), "name": "赵社工", "phone": "198****0003"},
                "action": "report.accept",
                "target_type": "report",
                "target_id": str(done.pk),
                "before": {"status": "submitted"},
                "after": {"status": "accepted", "at": done.accepted_at.isoformat()},
                "request_id": entry.request_id,
            }
        ],
    }


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["report.accept", "attendance.verify"]),
        ({"action": "attendance.verify"}, ["attendance.verify"]),
        ({"target_type": "report"}, ["report.accept"]),
        ({"request_id": "none"}, []),
        ({"until": "2000-01-01"}, []),
        ({"since": "2000-01-01"}, ["report.accept", "attendance.verify"]),
    ],
)
def test_the_trail_is_narrowed_down(done, sun, logged_in, asked, found):
    answer = logged_in(sun).get(ADDRESS, asked)

    assert [entry["action"] for entry in answer.json()["results"]] == found


def test_an_entry_is_opened_as_it_is_listed(done, sun, zhao, hill, logged_in):
    listed = logged_in(sun).get(ADDRESS).json()["results"]

    opened = [logged_in(sun).get(f"{ADDRESS}/{entry['id']}") for entry in listed]
    assert [answer.json() for answer in opened] == listed
    roles.give(user=sun, community=hill, role=Role.AUDITOR)
    for caller, place, code in (
        (zhao, "lake", "community_unknown"),
        (sun, "hill", "not_found"),
    ):
        address = f"/api/v1/communities/{place}/audit-entries/{listed[0]['id']}"
        answer = logged_in(caller).get(address)
        assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_by_whom_and_to_what(done, sun, zhao, logged_in):
    caller = logged_in(sun)

    def actions(**asked):
        return [entry["action"] for entry in caller.get(ADDRESS, asked).json()["results"]]

    assert actions(actor=str(zhao.pk)) == ["report.accept", "attendance.verify"]
    assert actions(target_id=str(done.pk)) == ["report.accept"]


def test_to_all_others_there_is_no_such_trail(done, wang, zhao, hill, person, logged_in):
    elsewhere = person("qian", "钱审计")
    roles.give(user=elsewhere, community=hill, role=Role.AUDITOR)

    for caller in (wang, zhao, elsewhere):
        answer = logged_in(caller).get(ADDRESS)
        assert (answer.status_code, answer.json()["code"]) == (404, "community_unknown")
