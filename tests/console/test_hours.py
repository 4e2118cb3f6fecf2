"""Hours at the console: what is listed and decided there is what the API lists and decides."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from backend.communities.models import Role
from backend.communities.services import roles
from tests.browser import PHONE, WIDE, needs_chromium
from tests.conftest import SHANGHAI
from volunteers.activities import services as activities
from volunteers.attendance.services import hours, objections, sign_ups
from volunteers.attendance.services import signals as looking
from volunteers.models import Activity, Attendance
from volunteers.people.services import people

QUEUE = "/console/communities/lake/hours-to-verify"
VERIFY, REJECT = "post-hours-to-verify-verified", "post-hours-to-verify-rejected"
SHIFT = ("2024-03-01 07:00", "2024-03-01 09:00")
OWN_HOURS, OWN_RECORD = "不能审核、更正或作废自己的时长。", "须由代为签到或更正的人以外的人审核。"


@pytest.fixture
def sun(lake, person):
    """A second member of staff."""
    user = person("sun", "孙社工")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


def send(client, address, **typed):
    """Fill in the form at ``address`` and send it."""
    form = client.get(address)
    assert form.status_code == 200
    key = form.context["key"]
    return client.post(address, {"key": key, "send": "1", **typed})


# --- reading ----------------------------------------------------------------------------------
def test_the_queue_lists_and_finds_what_the_api_does(wang, li, zhao, served, desk, logged_in, lake):
    first, second = served(wang, *SHIFT), served(li, "2024-03-02 07:00", "2024-03-02 09:00")
    Attendance.objects.filter(pk=second.pk).update(was_offline=True)
    looking.look(community=lake)

    for asked in ({}, {"signal": "told_late"}, {"text": "小明"}, {"until": "2024-03-01"}):
        answer = logged_in(zhao).get("/api/v1/communities/lake/hours-to-verify", asked).json()
        shown = desk(zhao).get(QUEUE, asked).context["rows"]
        assert [row["id"] for row in shown] == [row["id"] for row in answer["results"]], asked
    assert [row["id"] for row in desk(zhao).get(QUEUE).context["rows"]] == [
        str(first.pk),
        str(second.pk),
    ]


def test_a_page_of_the_queue_is_as_long_as_what_is_decided_on_at_once(wang, zhao, served, desk):
    served(wang, *SHIFT)

    page = desk(zhao).get(QUEUE)
    short = desk(zhao).get(QUEUE, {"page_size": "1"})

    assert page.status_code == short.status_code == 200
    assert page.context["page"].rows == hours.AT_ONCE


def test_signals_are_told_in_words_to_who_is_to_verify_and_to_nobody_else(
    wang, zhao, auditor, served, desk, lake
):
    record = served(wang, *SHIFT)
    Attendance.objects.filter(pk=record.pk).update(was_offline=True)
    looking.look(community=lake)
    address = f"/console/attendances/{record.pk}"
    told = "手机当时离线，事后补报。"

    assert told in desk(zhao).get(address).text
    assert desk(auditor).get(address).status_code == 200
    assert told not in desk(auditor).get(address).text
    assert told not in desk(wang).get(address).text


def test_an_auditor_is_offered_nothing_to_decide(wang, zhao, auditor, served, desk):
    record = served(wang, *SHIFT)

    def offered(user):
        page = desk(user).get(f"/console/attendances/{record.pk}")
        return [one["action"].address.rpartition("/")[2] for one in page.context["actions"]]

    assert offered(zhao) == ["verify", "correct", "reject", "evaluation"]
    assert offered(auditor) == []
    assert desk(auditor).get(QUEUE).status_code == 404


# --- deciding ---------------------------------------------------------------------------------
def test_of_many_each_refused_one_has_its_reason(wang, li, zhao, served, desk, lake):
    people.enrol(user=zhao, community=lake, kind="resident")
    good, own = served(wang, *SHIFT), served(zhao, *SHIFT)
    marked = served(li, *SHIFT)
    Attendance.objects.filter(pk=marked.pk).update(checked_in_by=zhao)

    page = desk(zhao).post(
        f"{QUEUE}?do=batch", {"ids": [good.pk, own.pk, marked.pk], "action": VERIFY}
    )

    assert page.context["done"] == 1
    reasons = {link.rpartition("/")[2]: reason for _name, link, reason in page.context["failed"]}
    assert reasons == {str(own.pk): OWN_HOURS, str(marked.pk): OWN_RECORD}
    assert ["赵社工" in name for name, *_ in page.context["failed"]] == [True, False]
    good.refresh_from_db()
    assert good.status == "verified"


def test_one_record_is_refused_as_the_api_refuses_it_and_says_so_in_the_form(
    zhao, served, desk, lake
):
    people.enrol(user=zhao, community=lake, kind="resident")
    own = served(zhao, *SHIFT)

    page = send(desk(zhao), f"/console/attendances/{own.pk}/verify?do=post")

    assert (page.status_code, OWN_HOURS in page.text) == (422, True)
    own.refresh_from_db()
    assert own.status == "checked_out"


def test_who_corrected_a_record_does_not_verify_it(wang, zhao, sun, served, desk):
    record = served(wang, *SHIFT)
    address = f"/console/attendances/{record.pk}"

    done = send(
        desk(zhao),
        f"{address}/correct?do=post",
        checked_in_at="2024-03-01T07:30",
        checked_out_at="2024-03-01T09:00",
        reason="迟到",
    )

    assert done.status_code == 302
    record.refresh_from_db()
    assert record.worked_minutes == 90
    assert "迟到" in desk(sun).get(address).text
    assert OWN_RECORD in send(desk(zhao), f"{address}/verify?do=post").text
    assert send(desk(sun), f"{address}/verify?do=post").status_code == 302


def test_an_appeal_is_decided_by_somebody_else_and_the_hours_wait_again(
    wang, zhao, sun, served, desk
):
    record = hours.reject(attendance=served(wang, *SHIFT), verifier=zhao, reason="不在现场")
    appeal = objections.appeal(attendance=record, words="我在场")
    address = f"/console/objections/{appeal.pk}/decision?do=post"
    uphold = f"{address}&as=post-decision-True&on=objections/{appeal.pk}"

    assert "我在场" in desk(sun).get("/console/objections", {"status": "open"}).text
    own = send(desk(zhao), uphold, reason="有照片")
    done = send(desk(sun), uphold, reason="有照片")

    assert (own.status_code, done.status_code) == (422, 302)
    appeal.refresh_from_db()
    record.refresh_from_db()
    assert (appeal.status, appeal.answer, record.status) == ("upheld", "有照片", "checked_out")


def test_an_activity_with_a_shift_is_planned_and_its_code_shown_at_the_door(zhao, wang, desk, lake):
    client = desk(zhao)
    start = timezone.now().astimezone(SHANGHAI) + timedelta(days=1)

    planned = send(
        client,
        "/console/communities/lake/activities?do=post&as=post-activities&on=activities",
        title="扫雪",
        category="邻里服务",
        skills="会铲雪\n有手套",
    )
    activity = Activity.objects.get()
    address = f"/console/activities/{activity.pk}"
    assert planned["Location"] == address
    assert activity.skills == ["会铲雪", "有手套"]
    send(
        client,
        f"{address}/shifts?do=post",
        starts_at=f"{start:%Y-%m-%dT%H:00}",
        ends_at=f"{start + timedelta(hours=2):%Y-%m-%dT%H:00}",
        capacity="2",
    )
    shift = activity.shifts.get()
    sign_ups.sign_up(shift=shift, volunteer=wang)
    door = f"/console/shifts/{shift.pk}"
    send(client, f"{door}/gate?do=post&as=post-gate&on=shifts/{shift.pk}")

    assert "王小明" in client.get(door).text
    assert "/gate/" in client.get(f"{door}/gate").text
    assert client.get(f"{door}/roster.csv")["Content-Type"].startswith("text/csv")
    assert desk(wang).get(f"{door}/gate").status_code == 404


def test_service_figures_are_the_apis_grouped_as_asked(wang, li, zhao, served, desk, logged_in):
    for record in (served(wang, *SHIFT), served(li, "2024-04-01 07:00", "2024-04-01 08:30")):
        hours.verify(attendance=record, verifier=zhao)
    address = "communities/lake/service-figures"

    told = logged_in(zhao).get(f"/api/v1/{address}", {"by": "month"}).json()
    page = desk(zhao).get(f"/console/{address}", {"by": "month", "year": ""})

    assert [row["label"] for row in page.context["rows"]] == [
        *(one["key"] for one in told["groups"]),
        "合计",
    ]
    assert [row["hours"] for row in page.context["rows"]][-1] == "3.5"
    assert desk(zhao).get(f"/console/{address}", {"year": "1"}).status_code == 400
    assert desk(zhao).get("/console/communities/lake/round-figures").status_code == 200


# --- in a browser -----------------------------------------------------------------------------
@pytest.mark.slow
@needs_chromium
def test_two_hundred_are_verified_at_once_and_three_refused_with_their_reasons(
    wang, li, zhao, sun, person, lake, at_desk
):
    """The three: her own hours, hours that she marked, and some that 孙社工 rejected meanwhile."""
    people.enrol(user=zhao, community=lake, kind="resident")
    others = [wang, li, *(person(f"neighbour{number}") for number in range(8))]
    activity = activities.plan_activity(community=lake, title="巡逻", category="邻里服务")
    first = datetime(2024, 3, 1, 7, tzinfo=SHANGHAI)
    records = []
    for number in range(20):
        start = first + timedelta(days=number)
        shift = activities.plan_shift(
            activity=activity, starts_at=start, ends_at=start + timedelta(hours=1)
        )
        volunteers = [zhao, *others[1:]] if number == 0 else others
        records += [
            Attendance(
                community=lake,
                shift=shift,
                volunteer=user,
                status=Attendance.Status.CHECKED_OUT,
                checked_in_at=start,
                checked_out_at=start + timedelta(hours=1),
                worked_minutes=60,
                checked_in_by=zhao if number == 1 and user == li else None,
            )
            for user in volunteers
        ]
    Attendance.objects.bulk_create(records)
    window = at_desk(zhao)
    window.goto(QUEUE)
    page = window.page
    assert page.locator("tbody input[name=ids]").count() == 200
    hours.reject(
        attendance=Attendance.objects.filter(volunteer=wang).earliest("checked_in_at"),
        verifier=sun,
        reason="不在现场",
    )

    page.locator("[data-check-all]").check()
    page.get_by_role("button", name="核实通过").click()

    refused = page.locator("main [role=status] tbody tr")
    refused.first.wait_for()
    told = {row.split("\t")[0].strip(): row for row in refused.all_inner_texts()}
    assert len(told) == 3
    for name, reason in (
        ("赵社工", OWN_HOURS),
        ("李阿姨", OWN_RECORD),
        ("王小明", "该出勤记录目前的状态不允许此操作。"),
    ):
        (row,) = (row for whose, row in told.items() if whose.startswith(name))
        assert reason in row, row
    assert "197" in page.inner_text("main")
    assert Attendance.objects.filter(status="verified").count() == 197
    refused.first.get_by_role("link").click()
    assert page.get_by_role("heading", level=1).inner_text() == "赵社工"


@pytest.mark.slow
@needs_chromium
def test_the_queue_fits_a_phone_and_keeps_nobody_out(wang, zhao, served, at_desk, lake):
    record = served(wang, *SHIFT)
    Attendance.objects.filter(pk=record.pk).update(was_offline=True)
    looking.look(community=lake)

    window = at_desk(zhao)
    for path in (QUEUE, f"/console/attendances/{record.pk}", "/console/shifts"):
        window.goto(path)
        for size in (WIDE, PHONE):
            window.page.set_viewport_size(size)
            assert not window.runs_over(), path
            assert window.barriers() == [], path
