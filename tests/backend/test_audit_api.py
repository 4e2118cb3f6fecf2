"""An auditor searches who did what, and nobody else does."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from backend.audit.models import AuditEntry
from backend.communities.models import Membership, Role
from backend.communities.services import roles
from backend.documents import api as documents
from backend.documents.models import Document
from backend.ids import new_id
from backend.outbox import services as outbox
from backend.registries.checks import LONGEST_TRANSACTION, first_id_since
from points.seals.services import sealing
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
        ({"text": "Accept"}, ["report.accept"]),  # of the act
        ({"text": '"submitted"'}, ["report.accept"]),  # of what it was before
        ({"text": "nowhere"}, []),
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


def test_the_days_of_the_trail_are_those_of_the_place(lake, zhao, sun, logged_in):
    """The ids narrow it down, with room for the longest transaction and any clock on Earth."""
    evening = datetime(2024, 3, 1, 15, 59, 59, tzinfo=UTC)  # still 1 March at the lake
    for at, made_at in [
        (evening, evening),
        (evening, evening + LONGEST_TRANSACTION),
        (evening + timedelta(seconds=1), evening - LONGEST_TRANSACTION),
    ]:
        made = UUID(int=first_id_since(made_at + LONGEST_TRANSACTION).int + new_id().int % 2**64)
        AuditEntry.objects.create(
            id=made, community=lake, actor=zhao, action="test.act", target_type="test", at=at
        )
    caller = logged_in(sun)

    def found(**asked):
        answer = caller.get(ADDRESS, {"action": "test.act", **asked})
        return len(answer.json()["results"])

    assert found() == 3
    assert found(since="2024-03-01", until="2024-03-01") == 2
    assert found(since="2024-03-02", until="2024-03-02") == 1
    assert found(until="2024-02-29") == found(since="2024-03-03") == 0


def test_the_trail_is_a_file_of_an_auditor(done, sun, zhao, wang, logged_in):
    asked = {"target_type": "report"}

    answer = logged_in(sun).get(f"{ADDRESS}.csv", asked, headers={"Accept-Language": "en"})

    header, line = csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig")))
    entry = AuditEntry.objects.get(action="report.accept")
    clock = done.community.clock
    assert header == [
        *("Time", "Name", "Person", "Action", "What kind of thing", "Id of the thing"),
        *("Before", "After", "Request", "Id"),
    ]
    assert line[:6] == [
        f"{entry.at.astimezone(clock):%Y-%m-%d %H:%M:%S}",
        "赵社工",
        str(zhao.pk),
        "report.accept",
        "report",
        str(done.pk),
    ]
    assert (json.loads(line[6]), json.loads(line[7])) == (entry.before, entry.after)
    for ending in ("csv", "xlsx"):
        for other in (zhao, wang):
            refused = logged_in(other).get(f"{ADDRESS}.{ending}")
            assert (refused.status_code, refused.json()["code"]) == (404, "community_unknown")


def test_a_long_trail_is_made_by_a_task_and_for_auditors_alone(
    lake, done, sun, logged_in, monkeypatch
):
    monkeypatch.setattr(documents, "AT_ONCE", 1)
    client = logged_in(sun)

    waits = client.get(f"{ADDRESS}.xlsx")

    assert waits.status_code == 202
    document = Document.objects.get()
    outbox.attempt("document", community_id=lake.pk, pk=document.pk)
    assert client.get(waits.json()["url"]).status_code == 200
    roles.end(membership=Membership.objects.get(user=sun, role=Role.AUDITOR), ended_by=None)
    gone = client.get(waits.json()["url"])
    assert (gone.status_code, gone.json()["code"]) == (404, "document_unknown")


def test_an_act_is_proved_to_be_sealed(lake, done, sun, zhao, logged_in):
    entry = AuditEntry.objects.get(action="report.accept")
    address = f"{ADDRESS}/{entry.pk}/proof"

    early = logged_in(sun).get(address)
    sealing.seal(community=lake)

    assert (early.status_code, early.json()["code"]) == (409, "not_sealed_yet")
    assert logged_in(sun).get(address).json() == sealing.receipt(entry, "audit")
    assert logged_in(zhao).get(address).status_code == 404
