"""The inbox."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from backend.ids import new_id
from backend.notices import kinds, targets
from backend.notices import services as notices
from backend.notices.kinds import Kind
from backend.notices.models import Channel, Notice, NoticeSettings
from tests import cast


@pytest.fixture
def told(lake):
    """Tells somebody of a shift on 1 March at 8 o'clock: ``told(wang)``."""

    def tell(user, key="k", deliver=True, community=lake, **about):
        notices.owe(
            community=community,
            key=key,
            recipient=user,
            kind=about.pop("kind", "shift_reminder"),
            facts={
                "activity": "交通劝导",
                "place": "东门",
                "starts_at": "2024-03-01T00:00:00+00:00",
                "timezone": "Asia/Shanghai",
            },
            due_at=timezone.now() - timedelta(minutes=1),
            **about,
        )
        notice = Notice.objects.get(key=key)
        if deliver:
            assert cast.tell(notice)
            notice.refresh_from_db()
        return notice

    return tell


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


def test_the_inbox_holds_what_i_was_told_newest_first_in_my_language(
    lake, wang, li, told, logged_in
):
    first, second = told(wang, "first"), told(wang, "second")
    told(wang, "not yet", deliver=False)
    told(li, "hers")

    response = logged_in(wang).get("/api/v1/me/notices", headers={"Accept-Language": "en"})

    assert response.status_code == 200
    assert response.json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "id": str(notice.pk),
                "kind": "shift_reminder",
                "community": {"id": str(lake.pk), "code": "lake", "name": "碧沙湖社区"},
                "target": None,
                "title": "Your shift begins soon",
                "body": "交通劝导, 2024-03-01 08:00 at 东门. Please check in when you arrive.",
                "delivered_at": iso(notice.delivered_at),
                "read_at": None,
            }
            for notice in (second, first)
        ],
    }


def test_a_notice_is_opened_as_it_is_listed_and_stays_unread(wang, told, logged_in):
    notice, client = told(wang), logged_in(wang)
    (listed,) = client.get("/api/v1/me/notices").json()["results"]

    assert client.get(f"/api/v1/me/notices/{notice.pk}").json() == listed
    assert client.get("/api/v1/me/notices").json()["results"] == [listed]


def test_reading_counts_once(lake, wang, told, logged_in):
    notice, client = told(wang), logged_in(wang)

    first = client.post(f"/api/v1/me/notices/{notice.pk}/read", headers={"Accept-Language": "en"})
    again = client.post(f"/api/v1/me/notices/{notice.pk}/read", headers={"Accept-Language": "en"})

    notice.refresh_from_db()
    assert first.status_code == 200
    assert first.json() == {
        "id": str(notice.pk),
        "kind": "shift_reminder",
        "community": {"id": str(lake.pk), "code": "lake", "name": "碧沙湖社区"},
        "target": None,
        "title": "Your shift begins soon",
        "body": "交通劝导, 2024-03-01 08:00 at 东门. Please check in when you arrive.",
        "delivered_at": iso(notice.delivered_at),
        "read_at": iso(notice.read_at),
    }
    assert again.json() == first.json()


def test_what_is_not_in_my_inbox_is_unknown_to_me(wang, li, told, logged_in):
    hers, not_yet = told(li, "hers"), told(wang, "not yet", deliver=False)
    client = logged_in(wang)

    for notice_id in (hers.pk, not_yet.pk, new_id()):
        response = client.post(f"/api/v1/me/notices/{notice_id}/read")
        assert (response.status_code, response.json()["code"]) == (404, "notice_unknown")
    hers.refresh_from_db()
    assert hers.read_at is None


# --- the target -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "has_id", "expected"),
    [
        ("shifts/{id}", True, "/api/v1/shifts/{id}"),
        ("communities/{community}/hours", False, "/api/v1/communities/lake/hours"),
        ("shifts/{id}", False, None),
    ],
)
def test_a_tap_opens_what_the_notice_is_about(
    wang, told, logged_in, monkeypatch, address, has_id, expected
):
    opening = replace(kinds.registered["shift_reminder"], opens="thing")
    monkeypatch.setitem(kinds.registered, "shift_reminder", opening)
    monkeypatch.setitem(targets.registered, "thing", address)
    thing = new_id() if has_id else None
    told(wang, target_id=thing)

    (notice,) = logged_in(wang).get("/api/v1/me/notices").json()["results"]

    target = {"type": "thing", "id": thing and str(thing), "address": ""}
    target["address"] = expected and expected.format(id=thing)
    assert notice["target"] == (target if expected else None)


# --- what is unread ---------------------------------------------------------------------------
@pytest.fixture
def unread(wang, li, hill, told):
    """Four notices to Wang, of which one is read; and what is not his to read."""
    first = told(wang, "first")
    told(wang, "second", kind="shift_moved")
    told(wang, "third", community=hill)
    told(wang, "fourth")
    notices.mark_read(notice=first)
    told(wang, "not yet", deliver=False)
    told(li, "hers")
    return first


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("unread=true", ["fourth", "third", "second"]),
        ("unread=false", ["first"]),
        ("community=hill", ["third"]),
        ("community=lake&unread=true", ["fourth", "second"]),
        ("kind=shift_moved", ["second"]),
        ("kind=unheard_of", []),
    ],
)
def test_the_inbox_is_filtered(wang, unread, logged_in, asked, expected):
    found = logged_in(wang).get(f"/api/v1/me/notices?{asked}").json()["results"]

    keys = dict(Notice.objects.values_list("pk", "key"))
    assert [keys[UUID(notice["id"])] for notice in found] == expected


@pytest.mark.parametrize("asked", ["unread=perhaps", "unheard_of=1"])
def test_another_filter_is_refused(wang, logged_in, asked):
    assert logged_in(wang).get(f"/api/v1/me/notices?{asked}").status_code == 400


def test_what_is_unread_is_counted_and_all_of_it_is_read_at_once(wang, li, unread, logged_in):
    client = logged_in(wang)
    assert client.get("/api/v1/me/notices/unread").json() == {"unread": 3}

    for _ in range(2):
        answer = client.post("/api/v1/me/notices/read-all")
        assert (answer.status_code, answer.json()) == (200, {"unread": 0})

    read_before = unread.read_at
    unread.refresh_from_db()
    assert unread.read_at == read_before
    assert {*Notice.objects.filter(read_at=None).values_list("key", flat=True)} == {
        "not yet",
        "hers",
    }
    assert logged_in(li).get("/api/v1/me/notices/unread").json() == {"unread": 1}


# --- wishes -----------------------------------------------------------------------------------
SETTINGS = "/api/v1/me/notice-settings"
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def _two_kinds(monkeypatch):
    """Two kinds that go by channels, one of which nobody can switch off."""
    for name in [*kinds.registered]:
        monkeypatch.delitem(kinds.registered, name)
    monkeypatch.setitem(
        kinds.registered, "moved", Kind("Moved", "", channels=(Channel.WECHAT, Channel.SMS))
    )
    monkeypatch.setitem(
        kinds.registered,
        "new_log_in",
        Kind("New log-in", "", channels=(Channel.EMAIL,), is_required=True),
    )
    monkeypatch.setitem(kinds.registered, "inbox_only", Kind("Seen", ""))


MOVED = {
    "kind": "moved",
    "title": "Moved",
    "channels": ["wechat", "sms"],
    "off": [],
    "is_required": False,
}
NEW_LOG_IN = {
    "kind": "new_log_in",
    "title": "New log-in",
    "channels": ["email"],
    "off": [],
    "is_required": True,
}
BY_DEFAULT = {
    "language": "zh-hans",
    "quiet_from": "22:00",
    "quiet_until": "08:00",
    "kinds": [MOVED, NEW_LOG_IN],
}


@pytest.mark.usefixtures("_two_kinds")
def test_wishes_are_shown_and_changed_one_by_one(wang, li, logged_in):
    client = logged_in(wang)
    assert client.get(SETTINGS).json() == BY_DEFAULT
    assert not NoticeSettings.objects.exists()  # asking writes nothing

    expected = BY_DEFAULT | {"language": "en"}
    assert client.patch(SETTINGS, {"language": "en"}).json() == expected
    quiet = {"quiet_from": "21:30", "quiet_until": "07:15"}
    assert client.patch(SETTINGS, quiet).json() == expected | quiet
    off = client.patch(SETTINGS, {"kinds": [{"kind": "moved", "off": ["sms", "sms"]}]})
    expected |= {**quiet, "kinds": [MOVED | {"off": ["sms"]}, NEW_LOG_IN]}
    assert (off.status_code, off.json()) == (200, expected)
    assert client.get(SETTINGS).json() == expected

    on = client.patch(SETTINGS, {"kinds": [{"kind": "moved", "off": []}]}).json()
    assert on == expected | {"kinds": [MOVED, NEW_LOG_IN]}
    assert logged_in(li).get(SETTINGS).json() == BY_DEFAULT
    assert NoticeSettings.objects.get(user=wang).switched_off == {}


@pytest.mark.usefixtures("_two_kinds")
@pytest.mark.parametrize(
    ("kind", "off", "status", "code"),
    [
        ("new_log_in", ["email"], 409, "notice_required"),
        ("unheard_of", ["sms"], 404, "notice_kind_unknown"),
        ("moved", ["pigeon"], 400, "invalid_input"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_what_cannot_be_wished_is_refused_and_nothing_changes(
    wang, logged_in, kind, off, status, code, language
):
    body = {"language": "en", "kinds": [{"kind": kind, "off": off}]}
    answer = logged_in(wang).patch(SETTINGS, body, headers={"Accept-Language": language})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["title"].isascii() == (language == "en")
    assert not NoticeSettings.objects.exists()


@pytest.mark.usefixtures("_two_kinds")
@pytest.mark.parametrize(
    "body",
    [
        {"language": "fr"},
        {"quiet_from": "24:00"},
        {"quiet_until": None},
        {"kinds": [{"kind": "moved"}]},
        {"volume": 11},
    ],
)
def test_a_wish_that_is_none_is_refused(wang, logged_in, body):
    answer = logged_in(wang).patch(SETTINGS, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


@pytest.mark.usefixtures("_two_kinds")
def test_a_wish_that_is_sent_again_shows_what_holds_now(wang, logged_in):
    client, once = logged_in(wang), {"Idempotency-Key": "once"}
    client.patch(SETTINGS, {"language": "en"}, headers=once)
    client.patch(SETTINGS, {"quiet_from": "23:00"})

    again = client.patch(SETTINGS, {"language": "en"}, headers=once)

    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == BY_DEFAULT | {"language": "en", "quiet_from": "23:00"}


def test_what_was_required_meanwhile_can_be_switched_on(wang, logged_in, monkeypatch):
    wanted = Kind("Moved", "", channels=(Channel.SMS,))
    monkeypatch.setitem(kinds.registered, "moved", wanted)
    notices.change_settings(user=wang, switched_off={"moved": ["sms"]})
    monkeypatch.setitem(kinds.registered, "moved", replace(wanted, is_required=True))

    answer = logged_in(wang).patch(SETTINGS, {"kinds": [{"kind": "moved", "off": []}]})

    assert answer.status_code == 200
    assert NoticeSettings.objects.get(user=wang).switched_off == {}


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "me/notices"),
        ("get", "me/notices/unread"),
        ("post", "me/notices/read-all"),
        ("get", "me/notice-settings"),
        ("patch", "me/notice-settings"),
        ("post", "me/notices/01900000-0000-7000-8000-000000000000/read"),
    ],
)
def test_the_inbox_asks_for_a_log_in(db, method, address):
    response = getattr(APIClient(), method)(f"/api/v1/{address}")

    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
