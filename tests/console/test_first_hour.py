"""An empty database to the first verified hour: staff in a browser, the volunteer on a phone."""

from datetime import timedelta

import pytest
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import operators
from backend.communities.models import Community, Membership
from points.ledger.selectors import wallet_of
from points.models import RuleVersion
from tests.browser import PHONE, Window, needs_chromium
from tests.cast import somebody
from tests.console import first_steps as office
from volunteers.models import Attendance, Shift

pytestmark = [needs_chromium, pytest.mark.slow]


def press(window: Window, words: str) -> None:
    """Follow the link with these words; a phone has it below the title, a desk beside it."""
    window.page.get_by_role("link", name=words).locator("visible=true").first.click()


def plan_an_activity(window: Window, *, place: str, title: str) -> None:
    window.goto("/console/activities")
    press(window, "发布活动")
    window.page.locator("[name=title]").fill(title)
    window.page.locator("[name=category]").fill("环境")
    window.page.locator("[name=send]").click()


def plan_a_shift(window: Window) -> None:
    """Plan a shift of the activity that the window shows, in two days from ten to twelve."""
    day = (timezone.now() + timedelta(days=2)).date()
    press(window, "安排班次")
    window.page.locator("[name=starts_at]").fill(f"{day}T10:00")
    window.page.locator("[name=ends_at]").fill(f"{day}T12:00")
    window.page.locator("[name=send]").click()
    window.page.wait_for_url("**/console/**")


def make_a_join_code(window: Window, *, place: str) -> str:
    window.goto(f"/console/communities/{place}/join-code")
    press(window, "生成新加入码")
    window.page.locator("[name=send]").click()
    return Community.objects.get(code=place).join_code


def two_days_later(attendance: Attendance) -> None:
    """Let the shift be on, for half an hour more."""
    now = timezone.now()
    Shift.objects.filter(pk=attendance.shift_id).update(
        starts_at=now - timedelta(minutes=90), ends_at=now + timedelta(minutes=30)
    )
    Attendance.objects.filter(pk=attendance.pk).update(signed_up_at=now - timedelta(days=2))


def test_an_office_reaches_its_first_verified_hour_without_a_shell(db, look, logged_in):
    operator, manager, staff = look(), look(), look(size=PHONE)
    link = operators.link_to(operators.first_setup_code())
    office.become_the_operator(operator, link, name="周运维", username="zhou")
    office.found(operator, kind="street", name="碧沙街道", code="street")
    invited = office.found(
        operator, kind="community", name="碧沙湖社区", code="lake", parent="street"
    )
    office.accept(manager, invited, name="钱书记", username="qian")
    office.set_up_an_authenticator(manager)
    office.publish_a_rule(manager, place="lake", template="hours")
    code = make_a_join_code(manager, place="lake")
    invited = office.invite(manager, place="lake", role="staff")
    office.accept(staff, invited, name="赵社工", username="zhao")
    staff.page.wait_for_url("**/console/communities/lake")
    lake = Community.objects.get(code="lake")
    held = Membership.objects.filter(community=lake).order_by("id")
    assert [(one.user.username, one.role) for one in held] == [
        ("qian", "manager"),
        ("zhao", "staff"),
    ]
    version = RuleVersion.objects.get(community=lake)
    assert version.parameters == {"points_per_hour": 10, "daily_cap_points": 80}
    manager.goto("/console/first-run")
    assert manager.page.locator(".console-step-done").count() == 3
    assert not staff.runs_over()
    plan_an_activity(staff, place="lake", title="清扫楼道")
    plan_a_shift(staff)

    wang = somebody("wang", "王小明", "19810000001")
    phone = logged_in(wang)
    phone.put("/api/v1/me/consents/location", {"version": 1})
    assert phone.post(
        "/api/v1/communities/lake/join", {"kind": "rider", "join_code": code}
    ).status_code in (200, 201)
    (shift,) = phone.get("/api/v1/shifts").json()["results"]
    taken = phone.post(f"/api/v1/shifts/{shift['id']}/attendances").json()
    attendance = Attendance.objects.get(pk=taken["id"])
    two_days_later(attendance)
    came = timezone.now() - timedelta(minutes=60)
    at = f"/api/v1/attendances/{attendance.pk}"
    phone.post(f"{at}/check-in", {"at": came.isoformat(), "nonce": "in-a-lift"})
    assert phone.post(f"{at}/check-out").json()["worked_minutes"] == 60

    staff.goto("/console/communities/lake/hours-to-verify")
    staff.page.locator("input[name=ids]").first.check()
    staff.page.locator("button[value=post-hours-to-verify-verified]").click()
    staff.page.get_by_text("已完成 1 行").wait_for()

    attendance.refresh_from_db()
    assert attendance.status == Attendance.Status.VERIFIED
    assert attendance.verified_by == User.objects.get(username="zhao")
    assert wallet_of(lake.pk, wang.pk).available == 10
