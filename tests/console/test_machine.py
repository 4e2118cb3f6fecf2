"""The console's machine: pages are the API's answers, forms are what its operations read."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.admin import site as admin_site
from django.utils import timezone

from backend.api.policies import Need, content_security_policy
from backend.communities.models import Community, Role
from backend.communities.services import roles
from backend.top.console.pages import Page, add, all_pages
from backend.top.console.site import site
from points.funds import services as funds
from volunteers.models import Attendance

pytestmark = pytest.mark.django_db

QUEUE = "/console/communities/lake/hours-to-verify"
HOUR = ("2024-03-01 08:00", "2024-03-01 09:00")
HOUR_AND_A_HALF = ("2024-03-01 08:00", "2024-03-01 09:30")
KEY = re.compile(r'name="key" value="([^"]+)"')


def choose(client, ids, action, **more):
    return client.post(f"{QUEUE}?do=batch", {"ids": ids, "action": action, **more})


# --- reading ----------------------------------------------------------------------------------
def test_a_page_shows_what_the_api_answers_in_the_readers_language(desk, zhao, served, wang):
    served(wang, *HOUR_AND_A_HALF)

    page = desk(zhao).get(QUEUE)

    assert page.status_code == 200
    assert "王小明" in page.text
    assert ">90<" in page.text
    assert "Minutes worked" in desk(zhao, "en").get(QUEUE).text


def test_somebody_elses_place_is_not_found(desk, zhao, hill):
    page = desk(zhao).get("/console/communities/hill/hours-to-verify")

    assert page.status_code == 404
    assert "hill" not in page.text


def test_an_address_that_the_api_does_not_have_is_not_found(desk, zhao):
    assert desk(zhao).get("/console/nowhere").status_code == 404


def test_whoever_is_not_logged_in_is_sent_to_the_log_in(client, lake):
    page = client.get(QUEUE)

    assert page.status_code == 302
    assert page["Location"].startswith("/console/account/login")


def test_a_filter_that_names_an_estate_is_a_choice_of_them(desk, zhao, lake):
    Community.objects.create(name="东苑", code="east", kind="estate", parent=lake)

    page = desk(zhao).get(QUEUE)

    assert '<option value="east">东苑</option>' in page.text


def test_a_form_marks_what_has_to_be_told(desk, zhao):
    page = desk(zhao).get("/console/communities/lake/venues?do=post")

    name, hours = page.context["form"]["name"], page.context["form"]["address"]
    assert (name.field.required, hours.field.required) == (True, False)


def test_a_filter_that_the_api_refuses_is_told_of(desk, zhao):
    page = desk(zhao).get(QUEUE, {"day": "yesterday"})

    assert page.status_code == 400
    assert 'role="alert"' in page.text


def test_the_navigation_has_what_one_may_read(desk, zhao, lake, person):
    auditor = person("auditor")
    roles.give(user=auditor, community=lake, role=Role.AUDITOR)

    assert f'href="{QUEUE}' in desk(zhao).get("/console/communities/lake/activities").text
    assert f'href="{QUEUE}' not in desk(person("nobody")).get("/console/").text


def test_the_navigation_shows_the_list_that_opened_a_page(desk, zhao, served, wang):
    record = served(wang, *HOUR)
    client = desk(zhao)

    for address in (QUEUE, f"/console/attendances/{record.pk}"):
        groups = client.get(address).context["sidebar_navigation"]
        active = [item["link"] for group in groups for item in group["items"] if item["active"]]
        assert [link.partition("?")[0] for link in active] == [QUEUE]


def test_a_person_with_several_places_chooses_one(desk, zhao, hill):
    roles.give(user=zhao, community=hill, role=Role.STAFF)

    page = desk(zhao).get("/console/")

    assert "/console/communities/lake" in page.text
    assert "/console/communities/hill" in page.text


# --- writing ----------------------------------------------------------------------------------
def test_a_form_sends_the_operation_once_however_often_it_is_sent(desk, zhao, served, wang):
    record = served(wang, *HOUR)
    client = desk(zhao)
    address = f"/console/attendances/{record.pk}/verify?do=post"
    key = KEY.search(client.get(address).text)[1]

    first = client.post(address, {"key": key, "send": "1"})
    second = client.post(address, {"key": key, "send": "1"})

    assert first.status_code == second.status_code == 302
    record.refresh_from_db()
    assert record.status == Attendance.Status.VERIFIED


def test_a_refusal_stands_in_the_form_and_what_was_typed_stays(desk, zhao, served, wang):
    record = served(wang, *HOUR)
    address = f"/console/attendances/{record.pk}/correct?do=post"
    now = timezone.now()
    typed = {
        "checked_in_at": f"{now:%Y-%m-%dT%H:%M}",
        "checked_out_at": f"{now - timedelta(days=1):%Y-%m-%dT%H:%M}",
        "reason": "写错了",
    }

    page = desk(zhao).post(address, {"key": str(uuid4()), "send": "1", **typed})

    assert page.status_code == 422
    assert "写错了" in page.text
    record.refresh_from_db()
    assert record.worked_minutes == 60


def test_a_field_that_is_missing_is_marked_at_the_field(desk, zhao, served, wang):
    record = served(wang, *HOUR)

    page = desk(zhao).post(
        f"/console/attendances/{record.pk}/reject?do=post", {"key": str(uuid4()), "reason": ""}
    )

    assert page.status_code == 422
    assert "errors" in page.text


def test_an_operation_that_one_may_not_call_has_no_form(desk, person, lake, served, wang):
    record = served(wang, *HOUR)
    auditor = person("auditor")
    roles.give(user=auditor, community=lake, role=Role.AUDITOR)
    client = desk(auditor)

    assert client.get(f"/console/attendances/{record.pk}/verify?do=post").status_code == 404
    assert client.post(f"/console/attendances/{record.pk}/verify?do=post").status_code == 404
    assert "do=post" not in client.get(f"/console/attendances/{record.pk}").text


def test_a_form_needs_its_token_against_forgery(desk, zhao, served, wang):
    record = served(wang, *HOUR)
    client = desk(zhao)
    client.handler.enforce_csrf_checks = True

    page = client.post(f"/console/attendances/{record.pk}/verify?do=post", {"key": str(uuid4())})

    assert page.status_code == 403
    record.refresh_from_db()
    assert record.status == Attendance.Status.CHECKED_OUT


# --- batches ----------------------------------------------------------------------------------
def test_a_batch_tells_of_each_row_that_was_refused_and_why(desk, zhao, served, wang, li):
    good, gone = served(wang, *HOUR), served(li, *HOUR)
    Attendance.objects.filter(pk=gone.pk).update(checked_in_by=zhao)

    page = choose(desk(zhao), [good.pk, gone.pk], "post-hours-to-verify-verified")

    assert page.status_code == 200
    good.refresh_from_db()
    gone.refresh_from_db()
    assert (good.status, gone.status) == ("verified", "checked_out")
    assert "李阿姨" in page.text
    assert "王小明" not in page.text


def test_a_batch_asks_for_what_the_action_needs_before_it_is_done(desk, zhao, served, wang):
    record = served(wang, *HOUR)
    client = desk(zhao)

    asked = choose(client, [record.pk], "post-hours-to-verify-rejected")
    assert 'name="reason"' in asked.text
    done = choose(
        client,
        [record.pk],
        "post-hours-to-verify-rejected",
        reason="没有到场",
        send="1",
        key=KEY.search(asked.text)[1],
    )

    assert done.status_code == 200
    record.refresh_from_db()
    assert (record.status, record.reason) == ("rejected", "没有到场")


def test_a_batch_of_nothing_is_asked_for_a_choice(desk, zhao, served, wang):
    page = choose(desk(zhao), [], "post-hours-to-verify-verified")

    assert page.status_code == 302


def test_a_batch_of_an_unknown_action_is_not_found(desk, zhao, served, wang):
    record = served(wang, *HOUR)

    assert choose(desk(zhao), [record.pk], "post-anything").status_code == 404


# --- the site ---------------------------------------------------------------------------------
def test_no_model_is_registered_with_django_admin():
    assert not site._registry
    assert not admin_site._registry


def test_an_address_has_one_page():
    route = next(iter(all_pages()))

    with pytest.raises(ValueError, match="has a page"):
        add(Page(route=route, title="twice"))


def test_only_the_console_may_evaluate_and_style_in_the_page(desk, zhao, client):
    assert desk(zhao).get(QUEUE)["Content-Security-Policy"] == content_security_policy(
        frozenset({Need.EVAL})
    )
    assert client.get("/")["Content-Security-Policy"] == content_security_policy()
    assert "unsafe" not in content_security_policy()


def test_a_year_is_no_amount_and_a_policy_is_told_whole(desk, lake, zhao):
    fund = funds.open_fund(community=lake, name="红包", unit="fen", year=2026, opened_by=zhao)

    page = desk(zhao).get(f"/console/communities/lake/funds/{fund.pk}").text
    expiry = desk(zhao).get("/console/communities/lake/expiry").text

    assert "2,026" not in page
    assert ">2026<" in page
    assert "可用天数" in expiry
