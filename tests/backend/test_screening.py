"""WeChat's safety check of reports: what it did not pass, nobody but reporter and staff reads."""

import time
from datetime import timedelta

import pytest
from allauth.socialaccount.models import SocialAccount
from django.utils import timezone
from rest_framework.test import APIClient

from backend.audit.models import AuditEntry
from backend.notices.models import Notice
from backend.outbox import services as outbox
from backend.standins.wechat import CHECK_MEDIA, CHECK_TEXT, PUSH_TOKEN
from tests.volunteers.test_reports import picture, sent
from volunteers.attendance.positions import Position
from volunteers.models import Report, Screening
from volunteers.reports import errors, selectors
from volunteers.reports.models.reports import Source
from volunteers.reports.near import near
from volunteers.reports.services import correcting, handling, screening, submitting

pytestmark = pytest.mark.django_db

PUSH, OPENID = "/api/v1/wechat/push", "o6_wang"
PLACE = {"latitude": 28.2, "longitude": 112.9}
HAZARD = {"category": "hazard", "text": "井盖松动", **PLACE}


@pytest.fixture(autouse=True)
def _is_on(settings, wechat, wang):
    settings.WECHAT_CHECK_ORIGIN = "https://linli.example.cn"
    settings.WECHAT_PUSH_TOKEN = PUSH_TOKEN
    SocialAccount.objects.create(user=wang, provider="wechat", uid=OPENID)
    wechat.active[OPENID] = wechat.now()


@pytest.fixture
def reported(lake, wang):
    def report(**facts):
        return submitting.submit(community=lake, reporter=wang, **HAZARD | facts)

    return report


def work():
    for share in outbox.shares("screening"):
        outbox.work("screening", share)


def push(wechat, **result):
    """Let WeChat tell each of its verdicts; ``result`` instead of what it says."""
    events = [event for event in wechat.journal if event.get("event") == "wxa_media_check"]
    for event in events:
        query, body = wechat.push(event | ({"result": result} if result else {}))
        answer = APIClient().post(PUSH, body, query_params=query)
        assert (answer.status_code, answer.content) == (200, b"success")
    return len(events)


def is_shown(lake, report):
    is_near = report.pk in near(lake, "hazard", Position(**PLACE, coord_type="wgs84"))
    is_public = selectors.public_reports(lake).filter(pk=report.pk).exists()
    report.refresh_from_db()
    assert is_near == is_public == report.is_screened
    return is_public


def test_words_and_photos_that_pass_are_shown_and_not_before(lake, reported, wechat):
    report = reported(photos=[sent(picture()), sent(picture())])
    assert not is_shown(lake, report)

    work()
    assert not is_shown(lake, report)
    assert push(wechat) == 2

    assert is_shown(lake, report)
    asked = [call["path"] for call in wechat.journal if "path" in call]
    assert (asked.count(CHECK_TEXT), asked.count(CHECK_MEDIA)) == (1, 2)
    assert not Screening.objects.filter(next_at__isnull=False).exists()
    assert push(wechat, suggest="risky") == 2  # told again, and otherwise
    assert is_shown(lake, report)


@pytest.mark.parametrize("opinion", ["risky", "review", "something new"])
def test_words_that_do_not_pass_stay_hidden_and_staff_are_told_once(
    lake, zhao, reported, wechat, opinion
):
    wechat.words["井盖"] = (opinion, 20001)
    report = reported(photos=[sent(picture())])

    work()
    push(wechat, suggest="risky", label=20002)

    assert not is_shown(lake, report)
    notice = Notice.objects.get(kind="report_held")
    assert notice.recipient == zhao
    assert "井盖" not in str(notice.facts)


def test_staff_release_it_and_say_why(lake, zhao, reported, wechat, logged_in):
    wechat.words["井盖"] = ("risky", 20001)
    report = reported()
    work()
    address, key = f"/api/v1/reports/{report.pk}/release", {"Idempotency-Key": "k"}

    told = logged_in(zhao).post(address, {"reason": "看过，没有问题"}, headers=key)

    assert (told.status_code, told.json()["is_screened"]) == (200, True)
    assert is_shown(lake, report)
    entry = AuditEntry.objects.get(action="report.release")
    assert (entry.actor, entry.after["reason"]) == (zhao, "看过，没有问题")
    with pytest.raises(errors.ReportScreened):
        screening.release(report=report, by=zhao, reason="又一次")


def test_nobody_releases_their_own_nor_without_a_role(lake, wang, li, reported, logged_in):
    report = reported()
    with pytest.raises(errors.OwnReport):
        screening.release(report=report, by=wang, reason="没问题")
    for number, user in enumerate((wang, li)):
        answer = logged_in(user).post(
            f"/api/v1/reports/{report.pk}/release",
            {"reason": "没问题"},
            headers={"Idempotency-Key": str(number)},
        )
        assert answer.status_code == 404


def test_while_wechat_is_down_it_waits(lake, reported, wechat):
    wechat.fail_next.append({"path": CHECK_TEXT, "how": "status", "status": 500})
    report = reported()

    work()
    assert not is_shown(lake, report)
    row = Screening.objects.get()
    assert (row.attempts, row.reason, row.next_at > timezone.now()) == (
        1,
        "wechat_unavailable",
        True,
    )

    wechat.fail_next.clear()
    Screening.objects.update(next_at=timezone.now())
    work()
    assert is_shown(lake, report)


def test_a_photo_of_which_nothing_was_told_is_asked_about_again(lake, reported, wechat):
    reported(photos=[sent(picture())])
    work()
    first = Screening.objects.get(photo__isnull=False).trace_id
    due = Screening.objects.get(photo__isnull=False).next_at
    assert timedelta(minutes=29) < due - timezone.now() < timedelta(minutes=31)

    Screening.objects.filter(photo__isnull=False).update(next_at=timezone.now())
    work()

    again = Screening.objects.get(photo__isnull=False)
    assert again.trace_id not in ("", first)
    assert again.attempts == 0


def test_whoever_is_away_or_not_on_wechat_is_left_to_staff(lake, wang, li, zhao, reported, wechat):
    wechat.active[OPENID] -= 7_300
    away = reported()
    elsewhere = submitting.submit(community=lake, reporter=li, **HAZARD)

    work()

    assert not is_shown(lake, away)
    assert not is_shown(lake, elsewhere)
    assert Notice.objects.filter(kind="report_held", recipient=zhao).count() == 2


def test_what_is_confidential_relayed_or_imported_is_not_sent_to_wechat(lake, zhao, reported):
    reported(category="dispute")
    for source, by in ((Source.RELAYED, zhao), (Source.IMPORTED, None)):
        made = submitting.submit(
            community=lake, reporter=None, source=source, relayed_by=by, **HAZARD
        )
        assert is_shown(lake, made)
    assert not Screening.objects.exists()


def test_what_becomes_confidential_meanwhile_is_not_sent_to_wechat(lake, wang, reported, wechat):
    corrected, covered = (reported(photos=[sent(picture())]) for _ in range(2))
    address = screening.address_of(covered.photos.get())
    correcting.correct(report=corrected, reporter=wang, changes={"category": "dispute"})
    Report.objects.filter(pk=covered.pk).update(is_confidential=True)

    assert APIClient().get(address.removeprefix("https://linli.example.cn")).status_code == 404
    work()

    assert {CHECK_TEXT, CHECK_MEDIA}.isdisjoint(call.get("path") for call in wechat.journal)
    assert not Screening.objects.filter(next_at__isnull=False).exists()
    assert not selectors.public_reports(lake).exists()


def test_what_is_corrected_is_checked_anew(lake, wang, reported, wechat):
    report = reported()
    work()
    assert is_shown(lake, report)
    wechat.words["别的"] = ("risky", 20001)

    correcting.correct(report=report, reporter=wang, changes={"text": "别的"})
    assert not is_shown(lake, report)
    work()
    assert not is_shown(lake, report)

    correcting.correct(report=report, reporter=wang, changes={"text": "井盖松动"})
    work()
    assert is_shown(lake, report)


def test_one_that_was_closed_meanwhile_may_still_pass(lake, zhao, reported):
    report = reported()
    handling.reject(report=report, handler=zhao, answer="没有")

    work()

    report.refresh_from_db()
    assert report.is_screened


# --- what WeChat fetches and tells ------------------------------------------------------------
def test_wechat_fetches_a_photo_until_it_has_judged_it(reported, wechat, settings):
    report = reported(photos=[sent(picture())])
    origin = settings.WECHAT_CHECK_ORIGIN
    address = screening.address_of(report.photos.get()).removeprefix(origin)

    shown = APIClient().get(address)
    assert (shown.status_code, shown["Content-Type"]) == (200, "image/jpeg")
    assert b"".join(shown.streaming_content).startswith(b"\xff\xd8")
    assert APIClient().get(address[:-1]).status_code == 404

    work()
    push(wechat)
    assert APIClient().get(address).status_code == 404


def test_an_address_is_good_for_an_hour(reported, monkeypatch):
    photo = reported(photos=[sent(picture())]).photos.get()
    token = screening.address_of(photo).rsplit("/", 1)[1]
    now = time.time()

    assert screening.shown_by(token) == photo
    monkeypatch.setattr(time, "time", lambda: now + 3_700)
    assert screening.shown_by(token) is None


@pytest.mark.parametrize("body", [{}, [], {"Event": "wxa_media_check"}, {"Event": "other"}])
def test_what_is_no_verdict_changes_nothing(lake, reported, wechat, body):
    report = reported()
    answer = APIClient().post(PUSH, body, query_params=wechat.signed())

    assert answer.status_code == 200
    assert not is_shown(lake, report)
    assert Report.objects.get() == report
