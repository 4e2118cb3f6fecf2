"""An afternoon at the gate, from a sign-up to what everybody may read, by the page of each."""

import io
from datetime import timedelta

import pytest
import zxingcpp
from django.core.cache import caches
from django.utils import timezone
from PIL import Image

from backend import codes as drawn
from backend.communities.models import Role
from backend.communities.services import roles
from points.models import Award
from points.seals.services import sealing
from tests.browser import needs_chromium
from tests.console.conftest import at_desk  # noqa: F401  # a fixture
from tests.verified import triggers_off
from volunteers.attendance import codes
from volunteers.models import Attendance, Shift

LAKE = "/console/communities/lake"


@pytest.fixture
def auditor(lake, person):
    user = person("auditor", "孙审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return user


def code_of_door(shift, folder):
    """What hangs at the venue."""
    picture = folder / "door.png"
    code = codes.code_of(codes.Kind.VENUE, shift, at=timezone.now())
    picture.write_bytes(drawn.picture(code, "png"))
    return picture


def code_on(page, folder):
    """What another phone sees on this one's screen: the code alone, upright."""
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        (found,) = zxingcpp.read_barcodes(shot.convert("RGB"))
    picture = folder / "voucher.png"
    picture.write_bytes(drawn.picture(found.text, "png"))
    return picture


@needs_chromium
@pytest.mark.slow
def test_from_a_sign_up_to_the_statement_the_audit_and_the_public_page(
    at_camera,
    at_desk,  # noqa: F811
    phone,
    lake,
    wang,
    zhao,
    zhou,
    chen,
    auditor,
    tea,
    patrol,
    tmp_path,
):
    # Wang finds a shift that is on, signs up, and checks in by the code at the gate.
    wangs = at_camera(wang, code_of_door(patrol, tmp_path))
    page = wangs.page
    wangs.goto("/me/")
    page.get_by_role("link", name="交通劝导").click()
    page.get_by_role("button", name="报名").click()
    page.get_by_role("link", name="签到").first.click()
    page.locator("[data-start]").click()
    page.locator("[data-noted] .good").wait_for()

    # Three hours pass: the shift and the check-in are moved back by as much.
    record = Attendance.objects.get()
    Shift.objects.update(starts_at=patrol.starts_at - timedelta(hours=3))
    came_at = record.checked_in_at - timedelta(hours=3)
    Attendance.objects.update(checked_in_at=came_at, signed_up_at=came_at)

    # She leaves by the same code.
    wangs.goto("/me/check-in")
    page.locator("[data-start]").click()
    page.locator("[data-noted] .good").nth(1).wait_for()
    record.refresh_from_db()
    assert record.status == "checked_out"
    assert 180 <= record.worked_minutes < 186  # 30 points, however slow the machine is

    # Zhao verifies, in the queue of the console.
    zhaos = at_desk(zhao)
    zhaos.goto(f"{LAKE}/hours-to-verify")
    zhaos.page.get_by_role("link", name="查看 1").click()
    zhaos.page.get_by_role("link", name="核实通过").click()
    zhaos.page.locator("[name=send]").click()
    zhaos.page.get_by_text("已核实").first.wait_for()

    # Wang sees what it earned, and takes a tea for it.
    earned = Award.objects.get().amount
    wangs.goto("/me/wallet")
    page.get_by_role("link", name="积分明细").click()
    page.get_by_text(f"+{earned}").wait_for()
    page.get_by_role("link", name="返回").click()
    page.get_by_role("link", name="去兑换").click()
    page.get_by_role("link", name="一壶茶").click()
    page.get_by_role("button", name="立即兑换").click()
    page.wait_for_url("**/me/vouchers/*")

    # Chen's phone sees the code on hers, and both turn green.
    counter = at_camera(chen, code_on(page, tmp_path), "/scan/")
    counter.goto("/scan/")
    counter.page.click("#look")
    counter.page.wait_for_selector("#result[open].green")
    assert "王**" in counter.page.inner_text("#result-lines")
    page.locator(".tick").wait_for()

    # A day passes: only a period that is over is settled. Zhao drafts it, and the owner reads it.
    with triggers_off() as cursor:
        cursor.execute("UPDATE merchants_redemption SET closed_at = closed_at - interval '1 day'")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")  # as they were
    zhaos.goto(f"{LAKE}/statements")
    zhaos.page.locator("a.console-button", has_text="制单").first.click()
    zhaos.page.fill("[name=period_start]", f"{lake.today - timedelta(days=1)}")
    zhaos.page.fill("[name=period_end]", f"{lake.today}")
    zhaos.page.click("[name=send]")
    zhaos.page.wait_for_load_state()
    zhous = phone(zhou, "/scan/")
    zhous.goto("/scan/statements")
    zhous.page.locator("main li a").click()
    zhous.page.get_by_text("一壶茶 × 1").wait_for()
    assert "¥3.00" in zhous.page.inner_text("main")

    # The books are sealed, as every few minutes; the auditor goes from a balance to its reason.
    sealing.seal(community=lake)
    desk = at_desk(auditor)
    desk.goto(f"{LAKE}/trial-balance")
    desk.page.get_by_role("link", name="钱包").click()
    desk.page.get_by_role("link", name="查看 1").click()
    desk.page.get_by_role("link", name="查看").last.click()
    desk.page.get_by_text(f"服务分钟数：{record.worked_minutes}。").wait_for()
    desk.page.get_by_text("每小时 10 积分").wait_for()
    desk.page.get_by_role("link", name="交通劝导，第 1 版").click()
    desk.page.get_by_text("已发布的版本永不更改").wait_for()

    # Everybody may read where the points are, and nobody whose they are.
    caches["pages"].clear()
    public = phone(wang)
    public.page.context.clear_cookies()
    told = {}
    for path in ("", "figures", "points"):
        public.goto(f"/c/lake/{path}")
        told[path] = public.page.inner_text("main")
        assert "王" not in told[path], path
    assert f"{earned}" in told["points"]
    assert "账目相符" in told["points"]
