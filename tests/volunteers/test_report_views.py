"""Views of a neighbour's dispute or call for help are recorded before it is shown."""

import io

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from backend.audit.models import AuditEntry
from backend.communities.models import Membership, Role
from backend.communities.services import roles
from backend.request_id import HEADER
from volunteers.models import ReportPhoto, Volunteer
from volunteers.people.services import people
from volunteers.reports.services import submitting


@pytest.fixture
def qian(lake, person):
    """钱审计, who audits the lake."""
    user = person("qian", "钱审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return user


@pytest.fixture
def told(lake, wang, li, zhao, kept):
    found = kept(reports_of_each_kind, lake, wang, li, zhao)
    for photo in ReportPhoto.objects.filter(community=lake):  # files are not among what is kept
        if not default_storage.exists(photo.image.name):
            default_storage.save(photo.image.name, picture())
    return found


def picture():
    content = io.BytesIO()
    Image.new("RGB", (4, 3)).save(content, "JPEG")
    return ContentFile(content.getvalue(), "photo.jpg")


def reports_of_each_kind(lake, wang, li, zhao):
    """Reports of each kind: a neighbour's two confidential ones, a hazard, the staff's own."""
    people.enrol(user=zhao, community=lake, kind=Volunteer.Kind.RESIDENT)
    return {
        name: submitting.submit(
            community=lake,
            reporter=reporter,
            category=category,
            text="有事",
            photos=[picture()],
        )
        for name, reporter, category in [
            ("dispute", wang, "dispute"),
            ("need", li, "assistance"),
            ("hazard", wang, "hazard"),
            ("own", zhao, "dispute"),
        ]
    }


def written():
    entries = AuditEntry.objects.filter(action="report.view").order_by("pk")
    return [(entry.actor_id, entry.community.code, entry.target_id) for entry in entries]


@pytest.mark.parametrize("role", ["zhao", "qian"])
@pytest.mark.parametrize("address", ["reports/{0}", "reports/{0}/photos/{1}"])
@pytest.mark.parametrize(
    ("name", "is_written"), [("dispute", True), ("need", True), ("hazard", False)]
)
def test_a_look_at_one_is_written_down_if_it_is_confidential(
    told, logged_in, request, role, address, name, is_written
):
    viewer, report = request.getfixturevalue(role), told[name]

    answer = logged_in(viewer).get(f"/api/v1/{address.format(report.pk, report.photos.get().pk)}")

    assert answer.status_code == 200
    assert written() == ([(viewer.pk, "lake", str(report.pk))] if is_written else [])
    if is_written:
        entry = AuditEntry.objects.get(action="report.view")
        assert (entry.before, entry.after, entry.request_id) == ({}, {}, answer[HEADER])


def test_a_dispute_is_told_again_to_who_may_read_it_and_each_look_is_written_down(
    told, zhao, lake, logged_in
):
    report, desk = told["dispute"], logged_in(zhao)
    address = f"/api/v1/reports/{report.pk}/status"
    request = (address, {"status": "rejected", "answer": "已劝和"})
    key = {"Idempotency-Key": "k"}
    first, again = (desk.post(*request, headers=key) for _ in range(2))
    assert again.json() == first.json()
    assert written() == [(zhao.pk, "lake", str(report.pk))] * 2

    Membership.objects.filter(user=zhao).update(ended_at=timezone.now())

    refused = desk.post(*request, headers=key)
    assert refused.status_code == 404
    assert "有事" not in refused.text
    assert len(written()) == 2


def test_of_a_page_those_that_are_shown_are_written_down(told, zhao, logged_in):
    caller = logged_in(zhao)
    addresses = ("reports", "reports?page_size=2")
    need, dispute = ((zhao.pk, "lake", str(told[name].pk)) for name in ("need", "dispute"))

    seen = []
    for address in addresses:
        before = len(written())
        assert caller.get(f"/api/v1/{address}").status_code == 200
        seen.append(written()[before:])

    # Newest first; two to a page are the hazard and one's own.
    assert seen == [[need, dispute], []]


def test_a_page_costs_one_statement_more_however_many_are_on_it(told, wang, lake, zhao, logged_in):
    caller = logged_in(zhao)

    def statements(asked):
        with CaptureQueriesContext(connection) as captured:
            assert caller.get("/api/v1/reports", asked).status_code == 200
        return len(captured)

    statements({})  # the first request of a log-in may cost more
    plain, few = statements({"page_size": 2}), statements({})
    for _ in range(5):
        submitting.submit(community=lake, reporter=wang, category="dispute", text="有事")

    assert statements({}) == few == plain + 1


def test_ones_own_and_what_one_may_not_see_leave_nothing(told, zhao, wang, logged_in):
    own = logged_in(zhao).get(f"/api/v1/reports/{told['own'].pk}")
    mine = logged_in(wang).get(f"/api/v1/reports/{told['dispute'].pk}")
    photo = told["dispute"].photos.get()
    photo = logged_in(wang).get(f"/api/v1/reports/{photo.report_id}/photos/{photo.pk}")
    others = logged_in(wang).get(f"/api/v1/reports/{told['need'].pk}")
    listed = logged_in(wang).get("/api/v1/me/reports")

    assert [answer.status_code for answer in (own, mine, photo, others, listed)] == [
        200,
        200,
        200,
        404,
        200,
    ]
    assert written() == []


@pytest.mark.parametrize(
    "body", [{"status": "accepted"}, {"status": "rejected", "answer": "不属实"}]
)
def test_an_act_shows_it_as_well(told, zhao, logged_in, body):
    report = told["dispute"]

    answer = logged_in(zhao).post(
        f"/api/v1/reports/{report.pk}/status", body, headers={"Idempotency-Key": "once"}
    )

    assert answer.status_code == 200
    assert written() == [(zhao.pk, "lake", str(report.pk))]
