"""WeChat's message push: whoever registers for an event hears of it, and nobody else does."""

import time

import pytest
from rest_framework.test import APIClient

from backend.standins.wechat import PUSH_TOKEN, WeChat
from backend.wechat import push

PUSH = "/api/v1/wechat/push"


@pytest.fixture
def heard(monkeypatch, settings):
    """What was heard of the event ``a``."""
    settings.WECHAT_PUSH_TOKEN = PUSH_TOKEN
    found = []
    monkeypatch.setattr(push, "hearers", {})
    push.hear("a", found.append)
    return found


def send(body, **query):
    return APIClient().post(PUSH, body, query_params=WeChat().signed() | query)


@pytest.mark.django_db
def test_an_event_is_told_to_its_hearer_alone(heard):
    for body in ({"Event": "a", "x": 1}, {"Event": "b"}, {"Event": ["a"]}, {}, [{"Event": "a"}]):
        answer = send(body)
        assert (answer.status_code, answer.content) == (200, b"success")

    assert heard == [{"Event": "a", "x": 1}]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", [{"signature": "0" * 40}, {"timestamp": "1"}, {"timestamp": "x"}, {"nonce": "other"}]
)
def test_an_event_without_wechats_signature_is_not_heard(heard, change):
    assert send({"Event": "a"}, **change).status_code == 401
    assert heard == []


@pytest.mark.django_db
def test_an_old_signature_is_refused(heard):
    past = str(int(time.time()) - 301)
    signature = push.signature_of(PUSH_TOKEN, past, "n")

    answer = send({"Event": "a"}, timestamp=past, nonce="n", signature=signature)

    assert (answer.status_code, heard) == (401, [])


@pytest.mark.django_db
def test_wechat_knows_us_by_an_echo(heard):
    answer = APIClient().get(PUSH, WeChat().signed() | {"echostr": "<b>hello</b>"})

    assert (answer.status_code, answer.content) == (200, b"<b>hello</b>")
    assert answer["Content-Type"] == "text/plain"


def test_an_event_has_one_hearer(heard):
    with pytest.raises(ValueError, match="a hearer already: a"):
        push.hear("a", print)
