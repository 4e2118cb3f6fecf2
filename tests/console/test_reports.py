"""Reports at the console: one with all that is around it, handled from submitted to closed."""

import io
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from backend.audit.models import AuditEntry
from backend.communities.models import Role
from backend.communities.services import roles
from backend.top.console import report_map
from tests.browser import PHONE, WIDE, needs_chromium
from tests.console.test_hours import send
from volunteers.models import Bulletin, Mediation, Report
from volunteers.reports.services import bulletins, handling, submitting, wording

LATITUDE, LONGITUDE = 28.2, 112.9


def photo():
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "brown").save(content, "JPEG")
    return SimpleUploadedFile("photo.jpg", content.getvalue(), "image/jpeg")


@pytest.fixture
def reported(lake, wang):
    """Report a hazard: ``reported("井盖松动", latitude=28.2)``."""

    def report(text="井盖松动", **facts):
        where = {"latitude": LATITUDE, "longitude": LONGITUDE}
        told = {"category": "hazard", "reporter": wang, "place": "东门"} | where | facts
        return submitting.submit(community=lake, text=text, **told)

    return report


@pytest.fixture
def qian(lake, person):
    """钱书记, who manages the lake."""
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


def page_of(report):
    return f"/console/reports/{report.pk}"


def offered(page):
    return [one["action"].name for one in page.context["actions"]]


def act(client, report, action, **typed):
    """Do one of the things that the report's page offers."""
    page = client.get(page_of(report))
    (link,) = (one["link"] for one in page.context["actions"] if one["action"].name == action)
    return send(client, link, **typed)


# --- the map ----------------------------------------------------------------------------------
def near(**facts):
    told = {"metres": 50, "metres_east": 50, "metres_north": 0, "colour": "red"}
    return {**told, "closed_at": None, "text": "x", **facts}


def test_the_map_has_east_to_the_right_and_north_above_by_one_scale():
    drawn = report_map.drawn(
        {"latitude": 1.0, "longitude": 2.0},
        [near(), near(metres=100, metres_east=0, metres_north=100, closed_at="2024-03-01")],
    )
    east, north = drawn.points
    plane = drawn.plane
    room = plane.middle - plane.margin

    assert (east.number, east.x, east.y) == (1, plane.middle + room / 2, plane.middle)
    assert (north.x, north.y) == (plane.middle, plane.margin)
    assert (east.is_open, north.is_open) == (True, False)
    assert plane.bar_metres == 50
    assert plane.bar_x - plane.margin == pytest.approx(room / 2, abs=0.1)
    assert plane.rings == pytest.approx([room / 2, room], abs=0.1)


def test_a_report_that_is_alone_or_without_coordinates_has_a_map_of_its_own_or_none():
    assert report_map.drawn({"latitude": None, "longitude": None}, [near()]) is None
    alone = report_map.drawn({"latitude": 1.0, "longitude": 2.0}, [])
    assert (alone.points, alone.plane.bar_metres) == ([], 10)


# --- reading ----------------------------------------------------------------------------------
def test_the_worklist_has_what_is_due_first_and_marks_what_is_late(zhao, reported, desk):
    later, late = reported("路灯不亮", category="facility"), reported()
    Report.objects.filter(pk=late.pk).update(due_at=timezone.now() - timedelta(hours=1))

    page = desk(zhao).get("/console/reports/due")

    assert [row["id"] for row in page.context["rows"]] == [str(late.pk), str(later.pk)]
    marks = [
        "console-badge-danger" in dict(row["cells"])["办理期限"] for row in page.context["rows"]
    ]
    assert marks == [True, False]


def test_a_page_shows_photos_what_is_near_with_theirs_and_what_was_done(zhao, li, reported, desk):
    report = reported(photos=[photo(), photo()])
    near_one = reported("井盖破了", reporter=li, latitude=LATITUDE + 0.0005, photos=[photo()])
    wording.comment(report=report, author=zhao, text="物业下午到", is_internal=True)
    client = desk(zhao)

    page = client.get(page_of(report))

    pictures = [
        f"{page_of(one)}/photos/{shot.pk}/thumbnail"
        for one in (report, near_one)
        for shot in one.photos.all()
    ]
    assert len(pictures) == 3
    for address in pictures:
        assert f'src="{address}"' in page.text
        answer = client.get(address)
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
        assert b"".join(answer.streaming_content).startswith(b"\xff\xd8")
    assert "井盖破了" in page.text
    assert "56 米" in page.text
    assert '<svg class="console-map"' in page.text
    assert "物业下午到" in page.text
    assert "仅内部可见" in page.text


def test_a_confidential_report_is_for_staff_and_each_look_at_it_is_written_down(
    zhao, li, wang, reported, desk
):
    dispute = reported("楼上太吵", category="dispute")
    views = AuditEntry.objects.filter(action="report.view", target_id=str(dispute.pk))

    assert desk(li).get(page_of(dispute)).status_code == 404
    assert not views.exists()
    assert "楼上太吵" in desk(zhao).get(page_of(dispute)).text
    assert set(views.values_list("actor", flat=True)) == {zhao.pk}


def test_what_is_offered_follows_what_the_report_is_and_who_looks(zhao, auditor, reported, desk):
    report = reported()
    client = desk(zhao)

    fresh = offered(client.get(page_of(report)))
    assert offered(desk(auditor).get(page_of(report))) == []
    handling.reject(report=report, handler=zhao, answer="不属实")
    ended = offered(desk(zhao).get(page_of(report)))

    assert {"post-status-accepted", "post-status-closed", "post-assign", "post-pause"} <= set(fresh)
    assert not {"post-void", "post-reopen", "post-release", "post-resume"} & set(fresh)
    assert "post-reopen" in ended
    assert not any(name.startswith("post-status") for name in ended)


# --- acting -----------------------------------------------------------------------------------
def test_a_report_is_given_to_somebody_of_the_list_and_its_clock_stopped(
    zhao, qian, reported, desk
):
    report = reported()
    client = desk(zhao)

    act(client, report, "post-assign", assignee_id=str(qian.pk))
    act(client, report, "post-colour", colour="yellow", reason="已围挡")
    act(client, report, "post-pause", reason="等配件")
    act(client, report, "post-referrals", party="物业公司", note="请更换")

    report.refresh_from_db()
    assert (report.assigned_to, report.colour, report.due_at) == (qian, "yellow", None)
    page = client.get(page_of(report))
    assert "计时已暂停。" in page.text
    assert "物业公司" in page.text
    act(client, report, "post-resume")
    report.refresh_from_db()
    assert report.due_at is not None


def test_a_duplicate_is_chosen_among_what_is_near(zhao, li, reported, desk):
    original = reported()
    report = reported("井盖破了", reporter=li, latitude=LATITUDE + 0.0001)
    client = desk(zhao)

    act(client, report, "post-status-duplicate", duplicate_of_id=str(original.pk))

    report.refresh_from_db()
    assert (report.status, report.duplicate_of) == ("duplicate", original)


def test_what_the_api_refuses_is_told_in_the_form(zhao, reported, desk):
    report = reported()

    refused = act(desk(zhao), report, "post-status-rejected", answer="")

    assert refused.status_code == 422
    assert refused.context["form"].errors["answer"]
    report.refresh_from_db()
    assert report.status == "submitted"


def test_a_dispute_is_mediated_at_the_desk(zhao, reported, desk):
    report = handling.accept(report=reported("太吵", category="dispute"), handler=zhao, answer="")
    client = desk(zhao)

    opened = act(client, report, "post-mediation", parties="刘大爷\n孙大妈")
    mediation = Mediation.objects.get()
    address = f"/console/mediations/{mediation.pk}"
    assert opened["Location"] == address
    send(
        client,
        f"{address}/sessions?do=post",
        held_at=f"{timezone.localtime() - timedelta(hours=1):%Y-%m-%dT%H:%M}",
        note="双方同意晚十点后不跳",
    )
    assert "双方同意晚十点后不跳" in client.get(address).text
    send(client, f"{address}/end?do=post", outcome="settled")

    mediation.refresh_from_db()
    assert mediation.status == "settled"
    assert "刘大爷" in client.get(address).text


def test_a_comment_on_a_bulletin_is_found_where_comments_wait_and_shown(
    zhao, qian, wang, lake, reported, desk
):
    report = reported()
    month = {"period": "month", "starts_on": timezone.localdate().replace(day=1)}
    month["starts_on"] = (month["starts_on"] - timedelta(days=1)).replace(day=1)
    Report.objects.filter(pk=report.pk).update(submitted_at=timezone.now() - timedelta(days=31))
    draft = bulletins.draft(
        community=lake, drafted_by=zhao, title="公示", words="整改一处", **month
    )
    bulletins.publish(bulletin=draft, published_by=qian)
    comment = bulletins.comment(bulletin=draft, author=wang, text="谢谢")
    client = desk(zhao)

    (row,) = client.get("/console/communities/lake/comments?status=waiting").context["rows"]
    page = client.get(row["link"])
    (link,) = (one["link"] for one in page.context["actions"] if "True" in one["action"].name)
    send(client, link)

    comment.refresh_from_db()
    assert comment.status == "shown"
    assert Bulletin.objects.get().title in client.get(f"/console/bulletins/{draft.pk}").text


# --- in a browser -----------------------------------------------------------------------------
@pytest.mark.slow
@needs_chromium
def test_a_report_goes_from_submitted_to_closed_at_the_desk(zhao, li, reported, at_desk):
    report = reported(photos=[photo()])
    reported("井盖破了", reporter=li, latitude=LATITUDE + 0.0005, photos=[photo()])
    window = at_desk(zhao)
    page = window.page

    def step(name, answer=""):
        page.get_by_role("link", name=name, exact=True).click()
        page.get_by_label("答复").fill(answer)
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_url(f"**{page_of(report)}")

    window.goto("/console/reports/due")
    page.get_by_role("row").filter(has_text="井盖松动").get_by_role("link").click()
    page.wait_for_url(f"**{page_of(report)}")
    widths = page.locator(".console-photos img").evaluate_all(
        "images => Promise.all(images.map(one => one.decode().then(() => one.naturalWidth)))"
    )
    assert widths == [40, 40]
    assert page.locator(".console-map-point").count() == 1
    step("受理", "已联系物业")
    step("已排险")
    step("已整改", "已更换井盖")
    step("办结", "已修好")

    report.refresh_from_db()
    assert (report.status, report.answer) == ("closed", "已修好")
    told = page.locator(".console-timeline strong").all_inner_texts()
    assert told == ["已上报", "已受理", "已排险", "已整改", "已办结"]
    assert page.get_by_role("link", name="受理", exact=True).count() == 0


@pytest.mark.slow
@needs_chromium
def test_a_report_fits_a_phone_and_keeps_nobody_out(zhao, li, reported, at_desk):
    report = reported(photos=[photo()])
    reported("井盖破了", reporter=li, latitude=LATITUDE + 0.0005)

    window = at_desk(zhao)
    for path in (page_of(report), "/console/reports/due", "/console/reports"):
        window.goto(path)
        for size in (WIDE, PHONE):
            window.page.set_viewport_size(size)
            assert not window.runs_over(), path
            assert window.barriers() == [], path
