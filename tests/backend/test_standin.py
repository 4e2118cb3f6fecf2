"""The stand-in keeps WeChat's rules (shared/WECHAT.md, sections 1 and 3), asked over HTTP."""

import io
import json
import threading
import urllib.parse
import urllib.request
from types import SimpleNamespace

import pytest
from PIL import Image

from tests.standins.wechat import Server

APP = {"appid": "wx-standin", "secret": "standin"}
STABLE = {"grant_type": "client_credential", **APP}
TOKEN, OLD_TOKEN = "/cgi-bin/stable_token", "/cgi-bin/token"
SESSION = "/sns/jscode2session"
PICTURE, SEND = "/wxa/getwxacodeunlimit", "/cgi-bin/message/subscribe/send"
TEXT, MEDIA = "/wxa/msg_sec_check", "/wxa/media_check_async"


@pytest.fixture
def wechat():
    """WeChat, by its address: ``get``, ``post`` with a good token, ``control``."""
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

        def fetch(path, query, body):
            url = f"{server.url}{path}?{urllib.parse.urlencode(query)}"
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            with urllib.request.urlopen(url, data, timeout=10) as answer:
                raw, kind = answer.read(), answer.headers["Content-Type"]
            return json.loads(raw) if kind.startswith("application/json") else (raw, kind)

        def get(path, **query):
            return fetch(path, query, None)

        def post(path, body, **query):
            return fetch(path, query or {"access_token": token["access_token"]}, body)

        def control(name, **body):
            return fetch(f"/_standin/{name}", {}, body)

        def log_in(openid="o6_wang"):
            code = control("codes", openid=openid)["code"]
            return get(SESSION, **APP, js_code=code, grant_type="authorization_code")

        token = post(TOKEN, STABLE, x="")
        log_in()
        yield SimpleNamespace(get=get, post=post, control=control, log_in=log_in)
        server.hurry.set()
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "sent", "errcode"),
    [
        (SESSION, {**APP, "grant_type": "authorization_code"}, 41008),
        (SESSION, {**APP, "grant_type": "authorization_code", "js_code": "made-up"}, 40029),
        (SESSION, {**APP, "js_code": "made-up"}, 40002),
        (OLD_TOKEN, {**STABLE, "appid": "another"}, 40013),
        (OLD_TOKEN, {**STABLE, "appid": ""}, 41002),
        (OLD_TOKEN, {**STABLE, "secret": ""}, 41004),
        (OLD_TOKEN, {**STABLE, "secret": "another"}, 40125),
        (TOKEN, {}, 43002),
        (SEND, {}, 43002),
    ],
)
def test_what_wechat_refuses_to_tell(wechat, path, sent, errcode):
    assert wechat.get(path, **sent)["errcode"] == errcode


@pytest.mark.parametrize(
    ("path", "query", "body", "errcode"),
    [
        (SESSION, {}, {}, 43001),
        (TEXT, {"access_token": "made-up"}, {}, 40001),
        (TEXT, {}, b"{", 47001),
        (TEXT, {}, [], 47001),
    ],
)
def test_what_wechat_does_not_read(wechat, path, query, body, errcode):
    assert wechat.post(path, body, **query)["errcode"] == errcode


def test_an_old_token_is_good_for_five_minutes_beside_its_successor(wechat):
    first, second = (wechat.get(OLD_TOKEN, **STABLE)["access_token"] for _ in range(2))
    stable = [wechat.post(TOKEN, STABLE, x="")["access_token"] for _ in range(2)]

    def taken(token):
        return wechat.post(TEXT, {}, access_token=token)["errcode"] == 40097

    assert stable[0] == stable[1]
    assert len({first, second, stable[0]}) == 3
    assert taken(first)
    wechat.control("clock", seconds=300)
    assert (taken(first), taken(second), taken(stable[0])) == (False, True, True)
    wechat.control("clock", seconds=7200)
    assert wechat.post(TEXT, {}, access_token=second)["errcode"] == 42001


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({}, None),
        ({"scene": "9" * 32}, None),
        ({"scene": "a=1&b=2!~"}, None),
        ({"page": "pages/unknown", "check_path": False}, None),
        ({"scene": "9" * 33}, 40169),
        ({"scene": ""}, 40169),
        ({"scene": 7}, 40169),
        ({"scene": "邻里"}, 40129),
        ({"scene": "a b"}, 40129),
        ({"scene": "scancode_time=1"}, 85096),
        ({"page": "pages/unknown"}, 41030),
        ({"page": "/pages/index/index"}, 41030),
        ({"page": "pages/index/index?a=1"}, 41030),
        ({"width": 279}, 40097),
        ({"width": "430"}, 40097),
        ({"env_version": "beta"}, 40097),
    ],
    ids=str,
)
def test_a_mini_program_code_is_a_picture_or_an_error(wechat, changes, errcode):
    answer = wechat.post(PICTURE, {"scene": "a7Xk", "page": "pages/index/index"} | changes)

    if errcode:
        assert answer["errcode"] == errcode
    else:
        raw, kind = answer
        assert (kind, Image.open(io.BytesIO(raw)).size) == ("image/jpeg", (430, 430))


def test_a_transparent_code_is_a_png_and_new_pages_can_be_published(wechat):
    wechat.control("published", page="pages/shift")

    raw, kind = wechat.post(PICTURE, {"scene": "a", "page": "pages/shift", "is_hyaline": True})

    assert (kind, Image.open(io.BytesIO(raw)).format) == ("image/png", "PNG")


def message(**changes):
    data = {"thing1": "夜间巡逻", "time2": "2026年1月5日 19:30", "amount3": "¥30.00元"}
    data |= changes.pop("data", {})
    told = {"touser": "o6_wang", "template_id": "T1", "page": "pages/index/index?id=1"}
    return told | {"data": {name: {"value": value} for name, value in data.items()}} | changes


@pytest.fixture
def template(wechat):
    wechat.control("published", template_id="T1", fields=["thing1", "time2", "amount3"])
    return "T1"


def tap(wechat, status="accept"):
    wechat.control("subscriptions", openid="o6_wang", template_ids=["T1"], status=status)


def test_one_accept_is_one_message(wechat, template):
    sent = [wechat.post(SEND, message())["errcode"]]
    tap(wechat)
    tap(wechat)
    tap(wechat, "reject")
    sent += [wechat.post(SEND, message())["errcode"] for _ in range(3)]
    tap(wechat, "ban")
    sent += [wechat.post(SEND, message())["errcode"]]

    assert sent == [43101, 0, 0, 43101, 43107]
    events = [one["event"] for one in wechat.control("journal")["journal"] if "event" in one]
    assert events.count("subscribe_msg_sent_event") == 2
    assert events.count("subscribe_msg_popup_event") == 4


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"touser": "o6_nobody"}, 40003),
        ({"template_id": "T2"}, 40037),
        ({"page": "pages/unknown"}, 41030),
        ({"data": None}, 47003),
        ({"data": {"thing1": "长" * 21}}, 47003),
        ({"data": {"thing1": ""}}, 47003),
        ({"data": {"time2": "soon"}}, 47003),
        ({"data": {"amount3": "¥12345678901"}}, 47003),
    ],
    ids=str,
)
def test_a_message_that_breaks_a_rule_takes_no_accept(wechat, template, changes, errcode):
    tap(wechat)
    body = message() | changes if changes.get("data", 1) is None else message(**changes)

    answer = wechat.post(SEND, body)

    assert answer["errcode"] == errcode
    if errcode == 47003:
        assert answer["errmsg"].startswith("argument invalid! data.")
    assert wechat.post(SEND, message())["errcode"] == 0


def test_two_messages_to_one_person_at_one_instant(wechat, template):
    tap(wechat)
    tap(wechat)
    wechat.control("failures", path=SEND, how="slow", seconds=30)
    threading.Thread(target=wechat.post, args=(SEND, message()), daemon=True).start()
    while not wechat.control("journal")["journal"][-1].get("failure"):
        pass  # until the first has arrived

    assert wechat.post(SEND, message())["errcode"] == 43108


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("number1", ["0", "9" * 32], ["9" * 33, "many"]),
        ("letter1", ["abc"], ["a1", "a" * 33]),
        ("symbol1", ["!?"], ["!!!!!!", "a"]),
        ("character_string1", ["A-1 b"], ["邻", "a" * 33]),
        ("time1", ["19:30", "2026-01-05 19:30"], ["2026"]),
        ("date1", ["2026年1月5日", "2026-01-05~2026-01-06"], ["19:30"]),
        ("phone_number1", ["+86 199-0000-0001"], ["1" * 18]),
        ("car_number1", ["鄂A12345"], ["鄂A1234567"]),
        ("name1", ["王小明", "Wang Xiaoming"], ["王" * 11, "a" * 21]),
        ("phrase1", ["已核销"], ["已经核销了吧", "ok"]),
    ],
)
def test_what_a_field_may_hold(wechat, field, good, bad):
    wechat.control("published", template_id="T1", fields=[field])

    def sent(value):
        return wechat.post(SEND, message() | {"data": {field: {"value": value}}})["errcode"]

    assert {sent(value) for value in good} == {43101}  # nobody accepted; the values are fine
    assert {sent(value) for value in bad} == {47003}


@pytest.mark.parametrize(
    ("path", "changes", "errcode"),
    [
        (TEXT, {}, 0),
        (TEXT, {"version": 1}, 40097),
        (TEXT, {"scene": 5}, 40097),
        (TEXT, {"content": "字" * 2501}, 40097),
        (TEXT, {"openid": "o6_nobody"}, 40003),
        (MEDIA, {}, 0),
        (MEDIA, {"media_type": 3}, 40097),
        (MEDIA, {"media_url": ""}, 40097),
    ],
)
def test_a_check_of_text_or_picture(wechat, path, changes, errcode):
    body = {"version": 2, "scene": 2, "openid": "o6_wang", "content": "路灯不亮"}
    body |= {"media_url": "https://x/1.jpg", "media_type": 2}

    assert wechat.post(path, body | changes)["errcode"] == errcode


def test_the_verdict_on_a_text_is_told_and_on_a_picture_follows(wechat):
    wechat.control("words", word="坏", suggest="risky", label=20006)
    body = {"version": 2, "scene": 2, "openid": "o6_wang"}

    told = [wechat.post(TEXT, body | {"content": text})["result"] for text in ("好", "坏事")]
    picture = body | {"media_type": 2, "media_url": "https://x/坏.jpg"}
    trace = wechat.post(MEDIA, picture)["trace_id"]

    assert told == [{"suggest": "pass", "label": 100}, {"suggest": "risky", "label": 20006}]
    events = [one for one in wechat.control("journal")["journal"] if one.get("trace_id") == trace]
    assert [one["event"] for one in events] == ["wxa_media_check"]
    assert events[0]["result"] == {"suggest": "risky", "label": 20006}
    wechat.control("clock", seconds=7201)  # nobody is in the mini-program any more
    token = wechat.post(TOKEN, STABLE, x="")["access_token"]
    late = wechat.post(TEXT, body | {"content": "好"}, access_token=token)
    assert late["errcode"] == 61010


def test_what_is_asked_too_often_is_refused_until_the_minute_or_the_day_is_over(wechat):
    body = {"version": 2, "scene": 2, "openid": "o6_wang", "content": "好"}
    wechat.control("limits", path=TEXT, seconds=60, most=2)
    wechat.control("limits", path=TEXT, seconds=86_400, most=3)

    def ask(seconds_later):
        wechat.control("clock", seconds=seconds_later)
        wechat.log_in()
        token = wechat.post(TOKEN, STABLE, x="")["access_token"]
        return wechat.post(TEXT, body, access_token=token)["errcode"]

    assert [ask(0), ask(0), ask(0)] == [0, 0, 45011]
    assert [ask(60), ask(60), ask(86_400)] == [0, 45009, 0]


def test_one_person_logs_in_a_hundred_times_a_minute_at_most(wechat):
    wechat.control("limits", path=SESSION, seconds=60, most=2)

    answers = [wechat.log_in().get("errcode") for _ in range(2)]  # and once in the fixture

    assert answers == [None, 45011]
    assert "openid" in wechat.log_in("o6_li")


def test_forced_renewals_come_thirty_seconds_apart_and_twenty_a_day(wechat):
    def force(seconds_later=0):
        wechat.control("clock", seconds=seconds_later)
        return wechat.post(TOKEN, STABLE | {"force_refresh": True}, x="").get("errcode")

    assert [force(), force(), force(29), force(1)] == [None, 45009, 45009, None]
    assert {force(30) for _ in range(18)} == {None}
    assert force(30) == 45009
