"""Editing by two people at once: a change based on an outdated state is refused."""

import pytest

from backend.communities.models import Role
from backend.communities.services import roles
from tests.backend.test_shown_again import writes
from tests.backend.walks import ask, document
from tests.long import IS_LONG

pytestmark = pytest.mark.django_db

CONTACT = "/api/v1/communities/lake/contact"


@pytest.fixture
def manager(lake, person, logged_in):
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return logged_in(user)


def address_of(lake):
    lake.refresh_from_db()
    return lake.address


def test_who_changes_what_they_read_changes_it_and_is_told_the_next_version(lake, manager):
    read = manager.get(CONTACT)
    first = manager.patch(CONTACT, {"address": "东门"}, headers={"If-Match": read["ETag"]})
    second = manager.patch(CONTACT, {"address": "西门"}, headers={"If-Match": first["ETag"]})

    assert (first.status_code, second.status_code) == (200, 200)
    assert len({read["ETag"], first["ETag"], second["ETag"]}) == 3
    assert manager.get(CONTACT)["ETag"] == second["ETag"]
    assert address_of(lake) == "西门"


def test_who_read_an_older_version_is_refused_and_may_send_it_again(lake, manager):
    old = manager.get(CONTACT)["ETag"]
    manager.patch(CONTACT, {"address": "东门"})
    sent = {"If-Match": old, "Idempotency-Key": "once"}

    stale = manager.patch(CONTACT, {"address": "西门"}, headers=sent)

    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert address_of(lake) == "东门"
    sent["If-Match"] = manager.get(CONTACT)["ETag"]
    assert manager.patch(CONTACT, {"address": "西门"}, headers=sent).status_code == 200
    assert address_of(lake) == "西门"


@pytest.mark.parametrize("asked", ['"other"', "W/{etag}", "nonsense", ""])
def test_what_is_no_version_of_it_is_refused(lake, manager, asked):
    headers = {"If-Match": asked.format(etag=manager.get(CONTACT)["ETag"])}

    for key in (None, "once"):
        answer = manager.patch(
            CONTACT, {"address": "东门"}, headers={**headers, "Idempotency-Key": key}
        )
        assert answer.status_code == 412
    assert address_of(lake) == ""


@pytest.mark.parametrize("asked", ["*", '"other", {etag}', None])
def test_one_of_several_versions_any_or_none_at_all_will_do(lake, manager, asked):
    for key, address in ((None, "东门"), ("once", "西门")):
        match = asked and asked.format(etag=manager.get(CONTACT)["ETag"])
        answer = manager.patch(
            CONTACT, {"address": address}, headers={"If-Match": match, "Idempotency-Key": key}
        )
        assert answer.status_code == 200
        assert address_of(lake) == address


def test_who_knows_what_a_thing_is_like_is_not_told_again(manager):
    etag = manager.get(CONTACT)["ETag"]

    for known in (etag, f'"other", W/{etag}'):
        same = manager.get(CONTACT, headers={"If-None-Match": known})
        assert (same.status_code, same.content, same["ETag"]) == (304, b"", etag)
        assert "Content-Length" not in same  # it would be the body's
    manager.patch(CONTACT, {"address": "东门"})
    assert manager.get(CONTACT, headers={"If-None-Match": etag}).json()["address"] == "东门"


def test_who_may_not_change_it_is_not_told_whether_it_has_been(lake, wang, logged_in):
    answer = logged_in(wang).patch(CONTACT, {"address": "东门"}, headers={"If-Match": '"x"'})

    assert answer.status_code == 404


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_two_who_read_the_same_version_one_changes_it(lake, manager, at_once):
    etag = manager.get(CONTACT)["ETag"]

    def change(number):
        return manager.patch(
            CONTACT, {"address": f"{number}号"}, headers={"If-Match": etag}
        ).status_code

    assert sorted(at_once(8, change)) == [200, *[412] * 7]


# --- every edit -------------------------------------------------------------------------------
def takes_match():
    """By its operationId, of whatever takes ``If-Match``, whether it is read there."""
    return {
        operation["operationId"]: "get" in methods
        for methods in document()["paths"].values()
        for operation in methods.values()
        if any(one.get("name") == "If-Match" for one in operation.get("parameters", []))
    }


@pytest.mark.slow
def test_every_edit_takes_the_version_that_was_read_and_refuses_another(town, subtests):
    edits = takes_match()
    assert len(edits) >= 10
    asked = set()
    for operation_id, (method, address, body, headers) in writes(town):
        if operation_id not in edits:
            continue
        asked.add(operation_id)
        if len(asked) % 3 and not IS_LONG:  # versions are compared in one place for all
            continue
        with subtests.test(operation_id):
            etag = "*"
            if edits[operation_id]:
                etag = ask("GET", address, None, headers)["ETag"]
            stale = ask(method, address, body, {**headers, "If-Match": '"older"'})
            assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
            answer = ask(method, address, body, {**headers, "If-Match": etag})
            assert answer.status_code < 300
            assert answer.status_code == 202 or "ETag" in answer
    assert asked == edits.keys()
