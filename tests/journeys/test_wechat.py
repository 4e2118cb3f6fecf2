"""Logging in with WeChat and binding a phone, in good days and bad, through the stand-in."""

from uuid import uuid4

import pytest

pytestmark = pytest.mark.slow

LOG_IN = "/_allauth/app/v1"
SESSION = "/sns/jscode2session"
TOKEN = "/cgi-bin/stable_token"
PHONE = "/wxa/business/getuserphonenumber"
NUMBER, MASKED = "19911110077", "199****0077"


@pytest.fixture
def openid():
    """The openid at WeChat of a person whom nobody has seen yet."""
    return f"o6_{uuid4().hex[:24]}"


@pytest.fixture
def log_in(linli, openid):
    """``log_in()`` with a new code, or the one given: status and answer."""

    def send(code=None):
        code = code or linli.wechat("codes", openid=openid)["code"]
        return linli.send("POST", f"{LOG_IN}/auth/wechat", {"code": code}, {})

    return send


@pytest.fixture
def newcomer(linli, log_in):
    """Asks the API as the somebody who has just logged in: status and answer."""
    _, answer = log_in()
    bearer = {"Authorization": f"Bearer {answer['meta']['access_token']}"}
    return lambda method, path, body=None: linli.send(method, f"/api/v1/{path}", body, bearer)


def session(linli, answer, method, path, body=None):
    """A phone's requests with the session token of its log-in."""
    token = answer["meta"]["session_token"]
    return linli.send(method, f"{LOG_IN}/{path}", body, {"X-Session-Token": token})


def refreshed(linli, answer):
    token = answer["meta"]["refresh_token"]
    status, _ = linli.send("POST", f"{LOG_IN}/tokens/refresh", {"refresh_token": token}, {})
    return status


def test_what_somebody_accepts_is_pushed_and_theirs_to_read(linli, openid, newcomer, eventually):
    templates = ["standin-shift", "standin-report"]
    for chosen in (templates, templates[:1]):  # a list, and one alone
        linli.wechat("subscriptions", openid=openid, template_ids=chosen, status="accept")
        linli.wechat("clock", seconds=1)  # an event is known by its second

    eventually(lambda: accepted(newcomer) == {"shift": 2, "report": 1})
    linli.wechat("refusals", openid=openid, template_ids=templates[1:])
    eventually(lambda: accepted(newcomer) == {"shift": 2})


def accepted(newcomer):
    _, told = newcomer("GET", "me/wechat-templates")
    return {one["family"]: one["left"] for one in told if one["left"]}


def calls(linli, path):
    return [one for one in linli.wechat("journal")["journal"] if one.get("path") == path]


def test_somebody_logs_in_for_the_first_time_and_again_on_a_second_phone(linli, log_in):
    (first_status, first), (second_status, second) = log_in(), log_in()
    people = [
        linli.send(
            "GET", "/api/v1/me", None, {"Authorization": f"Bearer {one['meta']['access_token']}"}
        )[1]
        for one in (first, second)
    ]

    assert (first_status, second_status) == (200, 200)
    assert people[0] == people[1]
    assert (people[0]["name"], people[0]["phone"], people[0]["memberships"]) == ("", "", [])

    _, listed = session(linli, second, "GET", "auth/sessions")
    (lost,) = [one["id"] for one in listed["data"] if not one["is_current"]]
    assert len(listed["data"]) == 2
    revoked, left = session(linli, second, "DELETE", "auth/sessions", {"sessions": [lost]})
    assert revoked == 200
    assert [one["is_current"] for one in left["data"]] == [True]
    assert session(linli, first, "GET", "auth/session")[0] in (401, 410)
    assert (refreshed(linli, first), refreshed(linli, second)) == (400, 200)


def test_a_code_works_once_and_for_five_minutes(linli, openid, log_in):
    old, used = (linli.wechat("codes", openid=openid)["code"] for _ in range(2))
    assert log_in(used)[0] == 200
    linli.wechat("clock", seconds=300)

    for code in (used, old):
        status, answer = log_in(code)
        assert (status, answer["code"]) == (400, "wechat_code_invalid")


@pytest.mark.parametrize(
    ("failure", "status", "code", "then"),
    [
        # Nobody answers; where WeChat never saw the code, it is still good.
        ({"how": "before"}, 503, "wechat_unavailable", 200),
        ({"how": "after"}, 503, "wechat_unavailable", 400),
        ({"how": "slow", "seconds": 5}, 503, "wechat_unavailable", 400),
        ({"how": "garbage"}, 503, "wechat_unavailable", 200),
        ({"how": "status", "status": 500}, 503, "wechat_unavailable", 200),
        ({"how": "errcode", "errcode": 40001}, 503, "wechat_unavailable", 200),
        ({"how": "errcode", "errcode": 45011}, 503, "wechat_unavailable", 200),
        ({"how": "errcode", "errcode": 40226}, 403, "wechat_user_blocked", 200),
        # Busy is asked again at once.
        ({"how": "errcode", "errcode": -1}, 200, None, 400),
    ],
    ids=str,
)
def test_what_goes_wrong_at_wechat_is_told_and_passes(
    linli, openid, log_in, failure, status, code, then
):
    sent = linli.wechat("codes", openid=openid)["code"]
    linli.wechat("failures", path=SESSION, **failure)

    answered, answer = log_in(sent)

    assert (answered, answer.get("code")) == (status, code)
    again, answer = log_in(sent)
    assert again == then
    assert then == 200 or answer["code"] == "wechat_code_invalid"
    assert log_in()[0] == 200


def bind(linli, newcomer):
    code = linli.wechat("codes", phone=NUMBER)["code"]
    return newcomer("PUT", "me/phone", {"code": code})


@pytest.fixture
def consenting(linli, newcomer):
    """The newcomer, who agrees to our keeping the phone."""
    _, texts = newcomer("GET", "consents")
    (version,) = [text["version"] for text in texts if text["purpose"] == "phone"]
    assert newcomer("PUT", "me/consents/phone", {"version": version})[0] == 200
    yield newcomer
    assert newcomer("DELETE", "me/phone")[0] == 204


def test_without_consent_no_phone_is_taken(linli, newcomer):
    before = len(calls(linli, PHONE))

    status, answer = bind(linli, newcomer)

    assert (status, answer["code"], answer["purpose"]) == (403, "consent_required", "phone")
    assert len(calls(linli, PHONE)) == before


def test_a_phone_is_bound_and_unbound(linli, consenting):
    bound = bind(linli, consenting)
    shown = consenting("GET", "me")[1]["phone"]
    unbound, _ = consenting("DELETE", "me/phone")

    assert bound == (200, {"phone": MASKED, "log_in_again": False})
    assert (shown, unbound, consenting("GET", "me")[1]["phone"]) == (MASKED, 204, "")


def test_a_token_that_wechat_no_longer_takes_is_renewed_once(linli, consenting):
    assert bind(linli, consenting)[0] == 200  # there is a token now
    linli.wechat("clock", seconds=30)  # forced renewals come so far apart
    linli.wechat("forget-tokens")
    before = len(calls(linli, TOKEN))

    assert bind(linli, consenting)[0] == 200
    assert bind(linli, consenting)[0] == 200
    assert len(calls(linli, TOKEN)) == before + 1
    assert [one["errcode"] for one in calls(linli, PHONE)][-3:] == [40001, 0, 0]


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        ({"how": "errcode", "errcode": 40029}, 400, "wechat_code_invalid"),
        ({"how": "garbage"}, 503, "wechat_unavailable"),
        ({"how": "after"}, 503, "wechat_unavailable"),
        ({"how": "errcode", "errcode": 45009}, 503, "wechat_unavailable"),
    ],
    ids=str,
)
def test_what_goes_wrong_at_wechat_binds_nothing(linli, consenting, failure, status, code):
    linli.wechat("failures", path=PHONE, **failure)

    answered, answer = bind(linli, consenting)

    assert (answered, answer["code"]) == (status, code)
    assert consenting("GET", "me")[1]["phone"] == ""
