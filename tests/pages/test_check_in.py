"""Checking in and out on a volunteer's phone, with signal and without, and what becomes of it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from backend import codes as drawn
from tests.browser import needs_chromium
from volunteers.attendance import codes
from volunteers.attendance.services import hours, presence, sign_ups
from volunteers.models import (
    Activity,
    Attendance,
    Objection,
    RefusedClaim,
    Report,
    ServicePolicy,
    Survey,
)
from volunteers.reports.services import surveying

# A page does not hear that there is signal before it has heard that an answer is lost.
SENT = """() => {
  dispatchEvent(new Event("online"));
  return document.querySelector("[data-noted] .good");
}"""
SYNC = "**/api/v1/me/attendance/sync"


@pytest.fixture
def place(patrol, wang):
    """Wang's place in the shift that is on."""
    signed_up_at = patrol.starts_at - timedelta(days=1)
    return sign_ups.sign_up(shift=patrol, volunteer=wang, now=signed_up_at)


def wall(shift):
    return codes.code_of(codes.Kind.VENUE, shift, at=timezone.now())


def type_code(page, code):
    if not page.locator("[data-typed]").is_visible():
        page.locator("[data-reader] summary").click()
    page.locator("[data-typed] input").fill(code)
    page.locator("[data-typed] button").click()


def test_what_is_on_is_first_at_home_and_on_the_page_for_checking_in(pocket, wang, place, patrol):
    mine = pocket(wang)

    home = mine.get("/me/").content.decode()
    page = mine.get("/me/check-in").content.decode()

    assert home.index('href="/me/check-in" data-keep>签到') < home.index("离我近的")
    assert f'data-attendance="{place.pk}"' in page
    presence.check_in(attendance=place)
    assert 'href="/me/check-in" data-keep>签退' in mine.get("/me/").content.decode()


def test_home_asks_how_a_report_was_dealt_with(pocket, lake, wang, zhao):
    closed_at = timezone.now() - timedelta(days=30)
    Report.objects.create(
        community=lake,
        reporter=wang,
        category="hazard",
        is_confidential=False,
        colour="red",
        status="closed",
        closed_at=closed_at,
        closed_by=zhao,
        earned_at=closed_at,
    )
    surveying.ask(community=lake)

    survey = Survey.objects.get()
    assert f'href="/me/surveys/{survey.pk}"' in pocket(wang).get("/me/").content.decode()


def test_where_a_leader_marks_people_nobody_checks_in_themselves(pocket, wang, place, patrol):
    Activity.objects.filter(pk=patrol.activity_id).update(check_in_mode="leader")

    page = pocket(wang).get("/me/check-in").content.decode()

    assert "由带队人登记到场" in page
    assert f'data-attendance="{place.pk}"' not in page


def test_my_code_is_shown_and_renewed_to_me_alone(pocket, wang, person):
    mine, stranger = pocket(wang), pocket(person("new"))

    assert "/me/code/lake.svg" in mine.get("/me/code").content.decode()
    picture = mine.get("/me/code/lake.svg")
    assert picture["Content-Type"] == "image/svg+xml"
    assert picture["Cache-Control"] == "no-store"
    assert stranger.get("/me/code/lake.svg").status_code == 404
    assert "还没有加入任何社区" in stranger.get("/me/code").content.decode()


def test_hours_are_told_with_their_minutes_points_and_state(pocket, wang, zhao, place, patrol):
    presence.check_in(attendance=place, now=patrol.starts_at)
    presence.check_out(attendance=place, now=patrol.starts_at + timedelta(minutes=60))
    mine = pocket(wang)
    assert "等待核实" in mine.get(f"/me/attendances/{place.pk}").content.decode()

    hours.verify(attendance=Attendance.objects.get(), verifier=zhao)

    page = mine.get("/me/attendances").content.decode()
    assert "60 分钟" in page
    assert "已核实" in page
    assert 'href="/me/wallet"' in mine.get(f"/me/attendances/{place.pk}").content.decode()


def test_a_rejection_is_appealed_once(pocket, wang, zhao, place, patrol):
    presence.check_in(attendance=place, now=patrol.starts_at)
    presence.check_out(attendance=place, now=patrol.starts_at + timedelta(minutes=60))
    hours.reject(attendance=Attendance.objects.get(), verifier=zhao, reason="没有见到人")
    mine, address = pocket(wang), f"/me/attendances/{place.pk}"
    assert "没有见到人" in mine.get(address).content.decode()

    form = {"act": "appeal", "key": str(uuid4()), "words": "我在东门"}
    page = mine.post(address, form, follow=True).content.decode()

    assert "申诉已提交" in page
    assert 'value="appeal"' not in page
    assert Objection.objects.get().words == "我在东门"


def test_others_object_to_hours_on_view(pocket, wang, li, zhao, lake, place, patrol):
    ServicePolicy.objects.create(community=lake, publicity_days=3)
    presence.check_in(attendance=place, now=patrol.starts_at)
    presence.check_out(attendance=place, now=patrol.starts_at + timedelta(minutes=60))
    hours.verify(attendance=Attendance.objects.get(), verifier=zhao)
    neighbour, address = pocket(li), "/me/published-hours/lake"
    assert "王**" in neighbour.get(address).content.decode()

    form = {"act": "object", "key": str(uuid4()), "attendance_id": str(place.pk), "words": "没来"}
    neighbour.post(address, form, follow=True)

    assert (Objection.objects.get().raised_by, Objection.objects.get().is_appeal) == (li, False)


def test_anothers_hours_are_not_there(pocket, li, zhao, place, lake):
    for user in (li, zhao):
        assert pocket(user).get(f"/me/attendances/{place.pk}").status_code == 404
    assert pocket(li).get("/me/published-hours/hill").status_code == 404
    for path in ("check-in", "code", "attendances", f"attendances/{place.pk}"):
        assert Client().get(f"/me/{path}").status_code == 302


@needs_chromium
@pytest.mark.slow
def test_a_shift_from_sign_up_by_the_camera_to_check_out(at_camera, wang, patrol, tmp_path):
    picture = tmp_path / "code.png"
    picture.write_bytes(drawn.picture(wall(patrol), "png"))
    window = at_camera(wang, picture)
    page = window.page
    window.goto(f"/me/shifts/{patrol.pk}")
    page.get_by_role("button", name="报名").click()
    page.get_by_role("link", name="签到").first.click()

    page.locator("[data-start]").click()
    page.locator("[data-noted] .good").wait_for()

    record = Attendance.objects.get(volunteer=wang)
    assert (record.status, record.proof, record.was_offline) == ("checked_in", "venue_code", False)
    assert page.locator("[value=check_out]").first.is_checked()
    window.goto("/me/check-in")
    page.locator(".card summary").click()
    page.locator("button[value=check_out]").click()
    page.locator("[data-noted] .good").nth(1).wait_for()
    record.refresh_from_db()
    assert record.status == "checked_out"


@needs_chromium
@pytest.mark.slow
def test_a_check_in_without_signal_is_noted_and_told_once(phone, wang, place, patrol):
    window = phone(wang, works_offline=True)
    page = window.page
    window.goto("/me/")
    assert window.keeps("/me/check-in")  # though it was never opened

    page.context.set_offline(True)
    window.goto("/me/check-in")
    type_code(page, wall(patrol))
    page.locator("[data-noted] .wait").wait_for()
    page.reload()
    page.locator("[data-noted] .wait", has_text="已记在本机").wait_for()
    assert Attendance.objects.get().status == "signed_up"

    def lose(route):  # the server has done it, and the answer is lost
        route.fetch()
        route.abort()

    page.route(SYNC, lose, times=1)
    with page.expect_event("requestfailed", lambda one: one.url.endswith("sync")):
        page.context.set_offline(False)
    page.wait_for_function(SENT, polling=50)

    record = Attendance.objects.get()
    assert (record.status, record.proof) == ("checked_in", "venue_code")
    assert len(record.nonces) == 1
    assert not RefusedClaim.objects.exists()
    page.context.clear_cookies()
    window.goto("/me/check-in")
    assert not window.keeps("/me/check-in", tries=1)  # whoever logs out leaves no page behind
    window.wrong = [one for one in window.wrong if "net::ERR" not in one]


@needs_chromium
@pytest.mark.slow
def test_a_refusal_says_why_and_pages_keep_nobody_out(phone, wang, place, patrol):
    window = phone(wang, language="en")
    page = window.page
    window.goto("/me/check-in")

    type_code(page, "no code of ours")
    page.locator("[data-noted] .bad", has_text="none of our codes").wait_for()
    type_code(page, "x" * 200)  # malformed, which keeps none of the others from being told
    page.locator("[data-noted] .bad").nth(1).wait_for()

    for path in ("check-in", "code", "attendances", f"attendances/{place.pk}"):
        window.goto(f"/me/{path}")
        assert window.barriers() == [], path
        assert not window.runs_over(), path
