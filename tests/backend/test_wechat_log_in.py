"""The mini-program's log-in, against a server that speaks WeChat's protocol."""

import logging
import socket

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from rest_framework.test import APIClient

from backend.accounts import mfa
from backend.accounts.models import User
from backend.accounts.services import people
from backend.communities.models import Role
from backend.communities.services import roles
from backend.wechat import client
from backend.wechat.errors import WeChatCodeInvalid, WeChatUnavailable
from tests.conftest import TOTP_SECRET
from tests.standins.authenticator import code_of

SESSION = "/sns/jscode2session"
PHONE = "/wxa/business/getuserphonenumber"


def log_in(code):
    return APIClient().post("/_allauth/app/v1/auth/wechat", {"code": code}, format="json")


def me(answer):
    token = answer.json()["meta"]["access_token"]
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {token}").get("/api/v1/me").json()


def test_who_is_new_is_put_on_record_and_knows_nobody(db, wechat):
    answer = log_in(wechat.new_code("o6_new"))

    assert answer.status_code == 200
    person = me(answer)
    assert (person["name"], person["phone"], person["memberships"]) == ("", "", [])
    user = User.objects.get(pk=person["id"])
    assert not user.has_usable_password()
    # Neither what WeChat calls them nor its session key reaches the phone.
    assert "o6_new" not in answer.content.decode()
    assert "session_key" not in answer.content.decode()
    assert SocialAccount.objects.get(user=user).extra_data == {}


def test_a_second_phone_is_the_same_person_with_a_log_in_of_its_own(db, wechat):
    first, second = (log_in(wechat.new_code("o6_one")) for _ in range(2))

    assert me(first)["id"] == me(second)["id"]
    tokens = [answer.json()["meta"]["refresh_token"] for answer in (first, second)]
    APIClient().delete(
        "/_allauth/app/v1/auth/session",
        headers={"X-Session-Token": first.json()["meta"]["session_token"]},
    )
    refreshed = [
        APIClient()
        .post("/_allauth/app/v1/tokens/refresh", {"refresh_token": token}, format="json")
        .status_code
        for token in tokens
    ]
    assert refreshed == [400, 200]


@pytest.mark.django_db(transaction=True)
def test_two_first_log_ins_at_one_instant_make_one_person(at_once):
    found = at_once(4, lambda _: people.known_by_wechat(openid="o6_twice").pk)

    assert len(set(found)) == User.objects.count() == SocialAccount.objects.count() == 1


def test_a_code_works_once_and_for_five_minutes(db, wechat):
    used, old = wechat.new_code("o6_a"), wechat.new_code("o6_a")
    assert log_in(used).status_code == 200
    wechat.ahead += 300

    for code in (used, old, "made-up"):
        answer = log_in(code)
        assert (answer.status_code, answer.json()["code"]) == (400, "wechat_code_invalid")


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        ({"how": "errcode", "errcode": 40226}, 403, "wechat_user_blocked"),
        ({"how": "errcode", "errcode": 45011}, 503, "wechat_unavailable"),
        ({"how": "errcode", "errcode": 40125}, 503, "wechat_unavailable"),
        ({"how": "errcode", "errcode": 40001}, 503, "wechat_unavailable"),
        ({"how": "garbage"}, 503, "wechat_unavailable"),
        ({"how": "status", "status": 500}, 503, "wechat_unavailable"),
        ({"how": "before"}, 503, "wechat_unavailable"),
        ({"how": "after"}, 503, "wechat_unavailable"),
        ({"how": "slow", "seconds": 30}, 503, "wechat_unavailable"),
    ],
    ids=str,
)
def test_what_goes_wrong_at_wechat_is_told_and_makes_nobody(
    db, wechat, caplog, failure, status, code
):
    caplog.set_level(logging.DEBUG, "backend")
    wechat.fail_next.append({"path": SESSION, **failure})
    sent = wechat.new_code("o6_unlucky")

    answer = log_in(sent)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("Retry-After" in answer) == (status == 503)
    assert not User.objects.exists()
    for secret in (sent, wechat.secret, "o6_unlucky"):
        assert secret not in caplog.text


def test_wechat_too_busy_is_asked_again(db, wechat):
    busy = {"path": SESSION, "how": "errcode", "errcode": -1}
    wechat.fail_next += [busy, busy]
    assert log_in(wechat.new_code("o6_a")).status_code == 200

    wechat.fail_next += [busy] * 3
    assert log_in(wechat.new_code("o6_a")).json()["code"] == "wechat_unavailable"


def test_with_nobody_at_wechats_address_one_may_try_again_later(db, settings, wechat):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    settings.WECHAT_API_BASE = f"http://127.0.0.1:{port}"
    client._client.cache_clear()

    assert log_in("any").json()["code"] == "wechat_unavailable"


@pytest.mark.parametrize("body", [{}, {"code": ""}, {"code": 7.5}, {"code": "x" * 129}, []])
def test_what_is_no_code_is_not_asked_about(db, wechat, body):
    answer = APIClient().post("/_allauth/app/v1/auth/wechat", body, format="json")

    assert answer.status_code == 400
    assert [call for call in wechat.journal if call["errcode"] == 0] == []


def test_somebody_made_inactive_does_not_log_in(db, wechat):
    User.objects.filter(pk=me(log_in(wechat.new_code("o6_a")))["id"]).update(is_active=False)

    answer = log_in(wechat.new_code("o6_a"))

    assert answer.status_code == 401
    assert "access_token" not in answer.content.decode()


# --- the access token, and what needs it -------------------------------------------------------
def test_the_access_token_is_asked_for_once_and_shared(wechat):
    phones = [client.phone_number(wechat.new_code("19900000001")) for _ in range(2)]

    assert phones == [client.PhoneNumber(country="86", number="19900000001")] * 2
    assert [call["path"] for call in wechat.journal] == ["/cgi-bin/stable_token", PHONE, PHONE]


def test_a_token_that_wechat_forgot_is_renewed_once(wechat):
    client.access_token()
    wechat.tokens.clear()

    assert client.phone_number(wechat.new_code("19900000001")).number == "19900000001"
    assert len(wechat.forced) == 1

    wechat.tokens.clear()  # and forced renewals come 30 seconds apart
    with pytest.raises(WeChatUnavailable):
        client.phone_number(wechat.new_code("19900000001"))


def test_a_token_is_renewed_before_it_runs_out(wechat):
    first = client.access_token()
    wechat.ahead += 7200 - 299
    cache.clear()  # as it expires there, five minutes before the end

    assert client.access_token() != first
    assert len(wechat.forced) == 0


def test_a_phones_code_is_refused_like_any_other(wechat):
    code = wechat.new_code("19900000001")
    client.phone_number(code)

    with pytest.raises(WeChatCodeInvalid):
        client.phone_number(code)


def test_an_answer_without_what_was_asked_for_is_none(wechat, monkeypatch):
    monkeypatch.setitem(type(wechat).CALLS, PHONE, lambda *_: {"errcode": 0, "phone_info": "x"})

    with pytest.raises(WeChatUnavailable):
        client.phone_number("any")


def test_a_second_factor_is_asked_for_here_too(lake, wechat):
    user = people.known_by_wechat(openid="o6_manager")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    mfa.hand_out(user=user, secret=TOTP_SECRET)

    waiting = log_in(wechat.new_code("o6_manager"))
    done = APIClient(HTTP_X_SESSION_TOKEN=waiting.json()["meta"]["session_token"]).post(
        "/_allauth/app/v1/auth/2fa/authenticate", {"code": code_of(TOTP_SECRET)}, format="json"
    )

    assert waiting.status_code == 401
    assert "access_token" not in waiting.json()["meta"]
    assert me(done)["id"] == str(user.pk)


@pytest.mark.parametrize(
    "answer", [{"errcode": [1]}, {"access_token": "t", "expires_in": "soon"}, {"access_token": 7}]
)
def test_an_answer_of_another_shape_breaks_nothing(wechat, monkeypatch, answer):
    monkeypatch.setitem(type(wechat).CALLS, "/cgi-bin/stable_token", lambda *_: answer)

    with pytest.raises(WeChatUnavailable):
        client.access_token()
