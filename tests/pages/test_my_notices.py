"""The inbox on a phone: what is new, where a tap leads, and what comes as a message."""

from inspect import signature
from uuid import uuid4

import pytest
from django.urls import resolve

from backend.notices import kinds, targets
from backend.notices.models import Notice, NoticeSettings
from backend.top.pages.me.notices import PAGES
from tests.cast import tell
from tests.pages.forms import do
from tests.volunteers import causes


@pytest.fixture
def told(request):
    """``told("report_closed")``: the notice that its cause brought into somebody's inbox."""

    def of(kind: str) -> Notice:
        cause = getattr(causes, kind)
        person = cause(**{one: request.getfixturevalue(one) for one in signature(cause).parameters})
        owed = Notice.objects.filter(recipient=person, kind=kind, withdrawn_at=None)
        (notice,) = [one for one in owed if tell(one)]
        return notice

    return of


def test_a_notice_is_new_until_it_is_opened(pocket, wang, zhao, lake, told):
    notice = told("report_closed")
    client = pocket(wang)

    before = client.get("/me/notices").content.decode()
    opened = client.get(f"/me/notices/{notice.pk}")
    after = client.get("/me/notices").content.decode()

    assert opened["Location"] == f"/me/reports/{notice.target_id}"
    assert "您的上报已办结" in before
    assert '<span class="badge">新</span>' in before
    assert '<span class="badge">' not in after


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        ("report_survey", "/me/surveys/{id}"),
        ("report_confirmed_closed", "/c/lake/reports/{id}"),
        ("reward_waiting", "/me/rewards"),
        ("contribution_recorded", "/me/contributions/{id}"),
        ("join_approved", "/me/mine"),
    ],
)
def test_a_tap_leads_to_the_page_of_what_the_notice_is_about(db, pocket, told, kind, page):
    notice = told(kind)
    client = pocket(notice.recipient)

    opened = client.get(f"/me/notices/{notice.pk}")

    assert opened["Location"] == page.format(id=notice.target_id)
    assert client.get(opened["Location"]).status_code == 200


def test_a_notice_without_a_page_shows_its_words(pocket, wang, told, monkeypatch):
    monkeypatch.delitem(PAGES, "report")
    notice = told("report_closed")

    page = pocket(wang).get(f"/me/notices/{notice.pk}").content.decode()

    assert "您的上报已办结" in page


def test_each_page_is_of_a_kind_or_of_a_target_that_there_is():
    assert PAGES.keys() <= kinds.registered.keys() | targets.registered.keys()


@pytest.mark.parametrize("address", [one for one in PAGES.values() if "{console}" not in one])
def test_what_a_notice_opens_is_a_page(address):
    assert resolve(address.format(id=uuid4(), community="lake"))


def test_a_notice_of_somebody_else_is_not_found(pocket, wang, li, told):
    notice = told("report_closed")

    assert pocket(li).get(f"/me/notices/{notice.pk}").status_code == 404
    notice.refresh_from_db()
    assert notice.read_at is None


def test_all_are_marked_as_read_at_once(pocket, wang, told):
    told("report_closed")
    client = pocket(wang)

    page = do(client, "/me/notices", "read_all").content.decode()

    assert '<span class="badge">' not in page
    assert "暂无通知" in client.get("/me/notices?unread=true").content.decode()


def test_somebody_chooses_language_quiet_hours_and_which_notices_come_as_messages(pocket, wang):
    client, address = pocket(wang), "/me/notices/settings"
    assert ":email" not in client.get(address).content.decode()  # it goes to staff alone

    do(
        client,
        address,
        "change",
        language="en",
        quiet_from="21:00",
        quiet_until="07:30",
        offered=["points_earned:wechat", "points_expiring:wechat"],
        kinds=["points_earned:wechat"],
    )

    wishes = NoticeSettings.objects.get(user=wang)
    assert (wishes.language, f"{wishes.quiet_from:%H:%M}") == ("en", "21:00")
    page = client.get(address).content.decode()
    assert 'value="points_earned:wechat" checked' in page
    assert 'value="points_expiring:wechat">' in page
