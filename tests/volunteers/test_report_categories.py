"""Categories of reports: read by everybody; made, changed and retired by managers."""

from collections import Counter

import pytest
from rest_framework.test import APIClient

from backend.audit.models import AuditEntry
from backend.communities.models import Role
from backend.communities.services import roles
from tests.volunteers.test_reporting import ADDRESS, HAZARD, QUESTIONS, with_key
from volunteers.models import Report, ReportCategory
from volunteers.reports import errors, selectors
from volunteers.reports.services import categorising, submitting

CATEGORIES = "/api/v1/communities/lake/report-categories"
DEFAULTS = [
    *("hazard", "environment", "facility", "dispute", "hotline", "assistance", "suggestion")
]


@pytest.fixture
def manager(lake, person, logged_in):
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return logged_in(user)


def codes():
    return [row["code"] for row in APIClient().get(CATEGORIES).json()]


def test_everybody_reads_the_default_ones(lake):
    listed = APIClient().get(CATEGORIES, headers={"Accept-Language": "en"}).json()

    assert [row["code"] for row in listed] == DEFAULTS
    assert listed[0] == {
        "code": "hazard",
        "parent": "",
        "name": "Hazard",
        "description": "",
        "is_confidential": False,
        "colour": "red",
        "questions": [],
        "is_retired": False,
    }
    opened = APIClient().get(f"{CATEGORIES}/hazard", headers={"Accept-Language": "en"})
    assert opened.json() == listed[0]
    assert APIClient().get(f"{CATEGORIES}/weather").status_code == 404


def test_a_manager_makes_one_with_questions_below_another(lake, wang, manager, logged_in):
    body = {"code": "lift", "name": "电梯", "parent": "facility", "questions": QUESTIONS}

    first, again = (manager.post(CATEGORIES, body, headers=with_key()) for _ in range(2))

    assert (first.status_code, again.json()) == (201, first.json())
    assert first.json()["questions"] == QUESTIONS
    assert codes() == [*DEFAULTS, "lift"]
    told = HAZARD | {"category": "lift", "answers": {"floor": "一层"}}
    assert logged_in(wang).post(ADDRESS, told, headers=with_key()).status_code == 201
    assert AuditEntry.objects.get(action="report_category.create").after["code"] == "lift"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"code": "hazard"}, 409, "report_category_known"),
        ({"parent": "weather"}, 400, "report_category_unknown"),
        ({"parent": "lift"}, 400, "category_in_itself"),
        ({"questions": [QUESTIONS[0] | {"choices": []}]}, 400, "invalid_input"),
        ({"questions": [QUESTIONS[1] | {"choices": ["x"]}]}, 400, "invalid_input"),
        ({"questions": [QUESTIONS[1], QUESTIONS[1]]}, 400, "invalid_input"),
        ({"questions": [QUESTIONS[1] | {"kind": "date"}]}, 400, "invalid_input"),
        ({"colour": "green"}, 400, "invalid_input"),
        ({"code": "电梯"}, 400, "invalid_input"),
    ],
)
def test_what_can_not_be_a_category_is_refused(lake, manager, change, status, code):
    body = {"code": "lift", "name": "电梯"} | change

    answer = manager.post(CATEGORIES, body, headers=with_key())

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert codes() == DEFAULTS


def test_a_tree_has_no_circle(lake, manager):
    manager.post(
        CATEGORIES, {"code": "lift", "name": "电梯", "parent": "facility"}, headers=with_key()
    )

    answer = manager.patch(f"{CATEGORIES}/facility", {"parent": "lift"})

    assert (answer.status_code, answer.json()["code"]) == (400, "category_in_itself")


def test_a_change_of_a_default_one_is_the_communitys_own(lake, hill, manager):
    read = manager.get(f"{CATEGORIES}/hazard")

    first = manager.patch(
        f"{CATEGORIES}/hazard", {"colour": "yellow"}, headers={"If-Match": read["ETag"]}
    )
    stale = manager.patch(
        f"{CATEGORIES}/hazard", {"name": "隐患"}, headers={"If-Match": read["ETag"]}
    )

    assert (first.status_code, first.json()) == (200, read.json() | {"colour": "yellow"})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert codes() == DEFAULTS
    elsewhere = APIClient().get("/api/v1/communities/hill/report-categories/hazard").json()
    assert elsewhere["colour"] == "red"
    entry = AuditEntry.objects.get(action="report_category.change")
    assert (entry.before, entry.after) == ({"colour": "red"}, {"colour": "yellow"})


def test_a_retired_one_takes_no_more_reports_and_keeps_its_name(lake, wang, manager, logged_in):
    old = submitting.submit(community=lake, reporter=wang, **HAZARD)

    assert manager.patch(f"{CATEGORIES}/hazard", {"is_retired": True}).json()["is_retired"]

    answer = logged_in(wang).post(ADDRESS, HAZARD, headers=with_key())
    assert (answer.status_code, answer.json()["code"]) == (400, "report_category_unknown")
    assert APIClient().get(f"{ADDRESS}/{old.pk}").status_code == 200
    assert APIClient().get("/c/lake/").status_code == 200


def test_what_becomes_confidential_covers_open_reports_and_nothing_told_so_becomes_public(
    lake, wang, manager
):
    told = submitting.submit(community=lake, reporter=wang, **HAZARD)
    dispute = submitting.submit(community=lake, reporter=wang, **HAZARD | {"category": "dispute"})
    assert list(selectors.public_reports(lake)) == [told]

    manager.patch(f"{CATEGORIES}/hazard", {"is_confidential": True})
    manager.patch(f"{CATEGORIES}/dispute", {"is_confidential": False})

    assert not selectors.public_reports(lake).exists()
    assert APIClient().get(f"{ADDRESS}/{told.pk}").status_code == 404
    assert Report.objects.get(pk=dispute.pk).is_confidential


def test_others_than_managers_change_nothing(lake, wang, zhao, logged_in):
    for user in (wang, zhao):
        made = logged_in(user).post(
            CATEGORIES, {"code": "lift", "name": "电梯"}, headers=with_key()
        )
        changed = logged_in(user).patch(f"{CATEGORIES}/hazard", {"colour": "blue"})
        assert (made.status_code, changed.status_code) == (404, 404)
    assert not ReportCategory.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_ten_at_once_make_one_category(lake, zhao, at_once):
    def make(_):
        try:
            return categorising.create(community=lake, by=zhao, code="lift", name="电梯").code
        except errors.CategoryKnown as refused:
            return refused.code

    made = at_once(10, make)

    assert Counter(made) == {"report_category_known": 9, "lift": 1}
