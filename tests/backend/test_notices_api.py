"""The inbox."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from backend.ids import new_id
from backend.notices import services as notices
from backend.notices.models import Notice
from tests import cast


@pytest.fixture
def told(lake):
    """Tells somebody of a shift on 1 March at 8 o'clock: ``told(wang)``."""

    def tell(user, key="k", deliver=True):
        notices.owe(
            community=lake,
            key=key,
            recipient=user,
            kind="shift_reminder",
            facts={
                "activity": "交通劝导",
                "place": "东门",
                "starts_at": "2024-03-01T00:00:00+00:00",
                "timezone": "Asia/Shanghai",
            },
            due_at=timezone.now() - timedelta(minutes=1),
        )
        notice = Notice.objects.get(key=key)
        if deliver:
            assert cast.tell(notice)
            notice.refresh_from_db()
        return notice

    return tell


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


def test_the_inbox_holds_what_i_was_told_newest_first_in_my_language(wang, li, told, logged_in):
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


def test_reading_counts_once(wang, told, logged_in):
    notice, client = told(wang), logged_in(wang)

    first = client.post(f"/api/v1/me/notices/{notice.pk}/read", headers={"Accept-Language": "en"})
    again = client.post(f"/api/v1/me/notices/{notice.pk}/read", headers={"Accept-Language": "en"})

    notice.refresh_from_db()
    assert first.status_code == 200
    assert first.json() == {
        "id": str(notice.pk),
        "kind": "shift_reminder",
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


@pytest.mark.parametrize(
    ("method", "address"),
    [("get", "me/notices"), ("post", "me/notices/01900000-0000-7000-8000-000000000000/read")],
)
def test_the_inbox_asks_for_a_log_in(db, method, address):
    response = getattr(APIClient(), method)(f"/api/v1/{address}")

    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
