"""A volunteer's reports on a phone, made with photos and a place, followed until the end."""

import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from backend.accounts.models import Consent
from backend.accounts.services import consents
from tests.browser import needs_chromium
from tests.pages.forms import do, sent
from tests.volunteers import causes
from volunteers.models import Contribution, Report, Survey
from volunteers.people.services import people
from volunteers.reports.services import categorising, handling, submitting

HERE = {"latitude": 37.87361, "longitude": 112.54957}


@pytest.fixture
def cover(lake, wang):
    """A report of Wang's about a loose cover at the east gate, with a photo."""
    made = submitting.submit(
        community=lake,
        reporter=wang,
        category="hazard",
        text="井盖松动",
        place="东门",
        photos=[photo()],
        **HERE,
    )
    return Report.objects.get(pk=made.pk)


def photo(name: str = "cover.jpg") -> SimpleUploadedFile:
    encoded = io.BytesIO()
    Image.new("RGB", (400, 300), "red").save(encoded, "JPEG")
    return SimpleUploadedFile(name, encoded.getvalue(), content_type="image/jpeg")


# --- the list ---------------------------------------------------------------------------------
def test_my_reports_are_listed_with_their_state_in_words_and_colour(pocket, wang, zhao, cover):
    handling.accept(report=cover, handler=zhao)

    page = pocket(wang).get("/me/reports").content.decode()

    assert "井盖松动" in page
    assert '<span class="status blue">已受理</span>' in page


def test_reports_of_others_are_not_among_mine(pocket, li, cover):
    client = pocket(li)

    assert str(cover.pk) not in client.get("/me/reports").content.decode()
    for address in (f"/me/reports/{cover.pk}", f"/me/reports/{cover.pk}/correct"):
        assert client.get(address).status_code == 404


# --- reporting --------------------------------------------------------------------------------
def test_a_report_with_photos_is_sent_once_for_its_key(pocket, lake, wang):
    client = pocket(wang)
    page = client.get("/me/reports/new").content.decode()
    facts = sent(page, "report", community="lake", category="hazard", text="井盖松动", place="东门")
    facts |= {"latitude": "37.87361", "longitude": "112.54957", "coord_type": "wgs84"}

    answers = [
        client.post("/me/reports/new", facts | {"photos": [photo(), photo("b.jpg")]})
        for _ in range(2)
    ]

    (report,) = Report.objects.all()
    assert {answer["Location"] for answer in answers} == {f"/me/reports/{report.pk}"}
    assert (report.place, report.latitude, report.photos.count()) == ("东门", 37.87361, 2)


def test_whoever_agreed_to_no_place_is_asked_when_it_is_told(pocket, wang):
    client = pocket(wang)
    assert "data-agree" not in client.get("/me/reports/new").content.decode()

    consents.withdraw(user=wang, purpose=Consent.Purpose.LOCATION)

    page = client.get("/me/reports/new").content.decode()
    assert "data-agree" in page
    assert "公众仅能看到约一公里范围的位置" in page


def test_the_questions_of_a_category_are_asked_and_answered(pocket, lake, wang, zhao):
    questions = [
        {"code": "deep", "text": "多深", "kind": "number", "is_required": True, "choices": []},
        {"code": "lit", "text": "有灯吗", "kind": "yes_no", "is_required": False, "choices": []},
    ]
    categorising.create(community=lake, by=zhao, code="pit", name="坑洞", questions=questions)
    client = pocket(wang)
    facts = {"community": "lake", "category": "pit", "text": "一个坑"}

    refused = do(client, "/me/reports/new", "report", **facts)
    done = do(
        client,
        "/me/reports/new",
        "report",
        **facts,
        **{"answer:number:deep": "0.5", "answer:yes_no:lit": "no"},
    )

    assert refused.status_code == 400
    assert "一个坑" in refused.content.decode()  # nothing of it has to be typed again
    assert done.status_code == 200
    assert Report.objects.get().answers == {"deep": 0.5, "lit": False}


def test_categories_stand_below_those_that_they_belong_to(pocket, lake, wang, zhao):
    for code, above in (("road", "hazard"), ("pit", "road")):
        categorising.create(community=lake, by=zhao, code=code, name=code, parent=above)

    page = pocket(wang).get("/me/reports/new").content.decode()

    shown = re.findall(r'<option value="\w+">(\W*?\w+)</option>', page)
    assert shown[:4] == ["安全隐患", "\u3000road", "\u3000\u3000pit", "环境脏乱"]


def test_somebody_who_belongs_nowhere_is_led_to_join(pocket, person):
    page = pocket(person("sun")).get("/me/reports/new").content.decode()

    assert "/me/join" in page
    assert "data-report" not in page


def test_a_report_goes_to_the_community_that_was_chosen(pocket, lake, hill, wang):
    people.enrol(user=wang, community=hill, kind="rider")
    client = pocket(wang)

    assert 'name="community" value="hill"' in (
        client.get("/me/reports/new?community=hill").content.decode()
    )


# --- one of mine ------------------------------------------------------------------------------
def test_a_report_shows_its_steps_what_was_answered_and_what_it_earned(
    pocket, wang, zhao, cover, lake
):
    handling.accept(report=cover, handler=zhao)
    handling.close(report=cover, handler=zhao, answer="已换新井盖")

    page = pocket(wang).get(f"/me/reports/{cover.pk}").content.decode()

    assert page.index("已提交") < page.index("已受理")
    assert "已换新井盖" in page
    assert "20 积分" in page


def test_its_photos_are_shown_to_whoever_may_see_it(pocket, wang, li, cover):
    (one,) = cover.photos.all()
    address = f"/me/reports/{cover.pk}/photos/{one.pk}"

    shown = pocket(wang).get(f"{address}/thumbnail")

    assert (shown.status_code, shown["Content-Type"]) == (200, "image/jpeg")
    assert shown["Cache-Control"].startswith("private")
    assert pocket(wang).get(address).status_code == 200
    assert pocket(li).get(address).status_code == 404


def test_until_it_is_accepted_it_is_corrected_added_to_and_withdrawn(pocket, wang, cover):
    client, address = pocket(wang), f"/me/reports/{cover.pk}"

    do(client, f"{address}/correct", "correct", category="hazard", text="井盖没了", place="")
    do(client, address, "photos", photos=[photo("second.jpg")])
    cover.refresh_from_db()
    assert (cover.text, cover.place, cover.photos.count()) == ("井盖没了", "", 2)

    page = do(client, address, "withdraw", reason="看错了").content.decode()
    cover.refresh_from_db()
    assert cover.status == Report.Status.WITHDRAWN
    assert "data-more-photos" not in page


def test_a_correction_of_what_was_corrected_meanwhile_is_refused(pocket, wang, cover):
    client, address = pocket(wang), f"/me/reports/{cover.pk}/correct"
    page = client.get(address).content.decode()
    do(client, address, "correct", category="hazard", text="第一次", place="")

    late = client.post(address, sent(page, "correct", category="hazard", text="第二次"))

    assert late.status_code == 412
    assert Report.objects.get(pk=cover.pk).text == "第一次"


def test_its_reporter_writes_to_the_staff_and_has_it_opened_again(pocket, wang, zhao, cover):
    handling.close(report=cover, handler=zhao, answer="已处理")
    client, address = pocket(wang), f"/me/reports/{cover.pk}"

    do(client, address, "comment", text="还在晃")
    page = do(client, address, "reopen", reason="又坏了").content.decode()

    assert "还在晃" in page
    assert "又坏了" in page
    cover.refresh_from_db()
    assert cover.status == Report.Status.ACCEPTED


def test_whoever_gave_something_agrees_to_public_thanks_or_not(pocket, lake, wang, zhao):
    causes.contribution_recorded(lake, wang, zhao)
    given = Contribution.objects.get()
    client, address = pocket(wang), f"/me/contributions/{given.pk}"

    do(client, address, "agree", agrees="")
    given.refresh_from_db()
    assert given.agreed_at is not None

    do(client, address, "agree")
    given.refresh_from_db()
    assert given.agreed_at is None


def test_whoever_is_asked_how_it_was_dealt_with_answers_once(pocket, lake, wang, zhao):
    causes.report_survey(lake, wang, zhao)
    survey = Survey.objects.get(respondent=wang)
    client, address = pocket(wang), f"/me/surveys/{survey.pk}"

    assert address in client.get(f"/me/reports/{survey.report_id}").content.decode()
    page = do(client, address, "answer", score="4", words="很快").content.decode()

    survey.refresh_from_db()
    assert (survey.score, survey.words) == (4, "很快")
    assert 'name="act" value="answer"' not in page
    assert pocket(zhao).get(address).status_code == 200  # staff read it, and answer nothing


# --- in a browser -----------------------------------------------------------------------------
@needs_chromium
@pytest.mark.slow
def test_a_report_that_finds_no_signal_is_kept_with_its_photo_and_sent_once_later(
    phone, lake, li, wang, tmp_path
):
    near = submitting.submit(
        community=lake, reporter=li, category="hazard", text="井盖松动", **HERE
    )
    taken = tmp_path / "cover.jpg"
    taken.write_bytes(photo().read())
    window = phone(wang, works_offline=True)
    page, context = window.page, window.page.context
    context.grant_permissions(["geolocation"], origin=window.url)
    context.set_geolocation(HERE | {"accuracy": 12})
    window.goto("/me/reports")
    page.get_by_role("link", name="上报问题").click()

    page.get_by_label("是哪一类问题？").select_option("hazard")
    page.get_by_role("button", name="我就在现场").click()
    page.get_by_role("button", name="我也看到了").click()  # the near one is offered before sending
    page.get_by_text("已记下您也看到了").wait_for()
    assert near.confirmations.count() == 1

    page.get_by_label("您看到了什么？").fill("另一个井盖也松了")
    page.locator("input[type=file][multiple]").set_input_files(taken)
    page.locator("[data-photos] img").wait_for()
    assert window.barriers() == []
    assert not window.runs_over()

    context.set_offline(True)
    page.get_by_role("button", name="提交").click()
    page.get_by_text("上报已保存在本机").first.wait_for()
    sending = "**/communities/lake/reports"
    page.route(sending, lambda route: route.fetch() and route.abort())
    with page.expect_event("requestfailed"):
        context.set_offline(False)  # it arrives, and its answer is lost
    page.unroute(sending)
    window.goto("/me/reports")
    page.get_by_role("link", name="查看").click()

    page.get_by_text("另一个井盖也松了").first.wait_for()
    mine = Report.objects.get(reporter=wang)
    assert (mine.latitude, mine.photos.count()) == (HERE["latitude"], 1)
    window.goto("/me/reports")
    assert page.locator("[data-kept]").is_hidden()
    window.wrong = [one for one in window.wrong if "net::ERR_" not in one]
