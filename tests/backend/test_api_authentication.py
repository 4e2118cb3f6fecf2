"""The app logs in once, sends a short access token with every request, and refreshes it."""

import runpy
import time
from dataclasses import replace
from datetime import datetime

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.urls import include, path
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from backend.accounts.services import attempts
from backend.accounts.tokens import LOST_ANSWER_SECONDS


class WhoView(APIView):
    def get(self, request):
        return Response({"username": request.user.username})


urlpatterns = [path("who", WhoView.as_view()), path("", include("backend.urls"))]

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture
def li():
    user = get_user_model()(username="li", name="李雷")
    user.set_password("a long password")
    user.save()
    return user


@pytest.fixture
def given(li):
    """The answer to logging in: ``session_token``, ``access_token``, ``refresh_token``."""
    return log_in()


def log_in():
    response = APIClient().post(
        "/_allauth/app/v1/auth/login",
        {"username": "li", "password": "a long password"},
        format="json",
    )
    assert response.status_code == 200
    return response.json()["meta"]


def ask(token):
    return APIClient().get("/who", headers={"Authorization": f"Bearer {token}"})


def refresh(token):
    """The answer's data, or the status of a refusal."""
    answer = APIClient().post(
        "/_allauth/app/v1/tokens/refresh", {"refresh_token": token}, format="json"
    )
    return answer.json()["data"] if answer.status_code == 200 else answer.status_code


def test_an_access_token_says_who_is_asking_and_costs_one_row(given, django_assert_num_queries):
    with django_assert_num_queries(1):
        answer = ask(given["access_token"])

    assert answer.json() == {"username": "li"}


@pytest.mark.parametrize("wrong", ["", "unknown", "a b", "邻", "\x00", "a.b.c", "x" * 9999])
def test_a_token_that_is_nobodys_is_refused(li, wrong):
    assert ask(wrong).status_code == 401


def test_a_refresh_or_session_token_is_no_access_token(given):
    assert ask(given["refresh_token"]).status_code == 401
    assert ask(given["session_token"]).status_code == 401


def test_a_token_with_a_changed_byte_is_refused(given):
    header, payload, signature = given["access_token"].split(".")
    for number in (0, len(payload) // 2):
        other = "A" if payload[number] != "A" else "B"
        forged = payload[:number] + other + payload[number + 1 :]
        assert ask(f"{header}.{forged}.{signature}").status_code == 401


def test_a_token_says_it_is_for_nobody_we_know(li, given):
    User = get_user_model()
    User.objects.filter(pk=li.pk).delete()

    assert ask(given["access_token"]).status_code == 401


def test_an_access_token_lasts_five_minutes(li, given, monkeypatch):
    later = time.time() + 301
    monkeypatch.setattr("jwt.api_jwt.datetime", at(later))

    assert ask(given["access_token"]).status_code == 401


def test_a_token_that_was_used_is_looked_at_again_when_its_time_is_over(li, given, monkeypatch):
    assert ask(given["access_token"]).status_code == 200
    over = time.time() + 301
    monkeypatch.setattr("backend.api.authentication.time.time", lambda: over)

    assert ask(given["access_token"]).status_code == 401


def test_a_token_that_was_used_is_refused_once_its_key_is_another(li, given, settings):
    assert ask(given["access_token"]).status_code == 200
    settings.SECRET_KEY = "another" * 10

    assert ask(given["access_token"]).status_code == 401


def at(moment):
    """``datetime``, as PyJWT reads the clock with it, at ``moment``."""

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromtimestamp(moment, tz)

    return Later


def test_someone_made_inactive_is_out_at_once(li, given):
    li.is_active = False
    li.save(update_fields=["is_active"])

    assert ask(given["access_token"]).status_code == 401
    assert refresh(given["refresh_token"]) == 400


def test_a_refresh_token_works_once_and_gives_the_next(given):
    fresh = refresh(given["refresh_token"])

    assert ask(fresh["access_token"]).json() == {"username": "li"}
    assert refresh(fresh["refresh_token"]).keys() == {"access_token", "refresh_token"}


def test_who_lost_the_answer_to_a_refresh_may_ask_again_within_a_minute(given):
    refresh(given["refresh_token"])

    again = refresh(given["refresh_token"])

    assert ask(again["access_token"]).status_code == 200


def test_a_refresh_token_used_again_later_ends_the_log_in(given, monkeypatch):
    fresh = refresh(given["refresh_token"])
    later = time.time() + LOST_ANSWER_SECONDS + 1
    monkeypatch.setattr("backend.accounts.tokens.time.time", lambda: later)

    assert refresh(given["refresh_token"]) == 400

    assert refresh(fresh["refresh_token"]) == 400
    assert not Session.objects.exists()


def test_what_was_not_a_refresh_token_gives_none(given):
    for wrong in ("", "邻", given["access_token"], given["session_token"]):
        assert refresh(wrong) == 400


def test_logging_out_ends_the_refreshing_of_that_log_in_alone(given):
    other = log_in()

    APIClient().delete(
        "/_allauth/app/v1/auth/session", headers={"X-Session-Token": given["session_token"]}
    )

    assert refresh(given["refresh_token"]) == 400
    assert isinstance(refresh(other["refresh_token"]), dict)


def test_every_log_in_ends_at_once_when_a_phone_is_lost(given):
    lost, here = log_in(), given
    caller = APIClient(HTTP_AUTHORIZATION=f"Bearer {here['access_token']}")

    assert caller.post("/api/v1/me/log-out-everywhere").status_code == 204

    for tokens in (lost, here):
        assert ask(tokens["access_token"]).status_code == 401
        assert refresh(tokens["refresh_token"]) == 400
    assert not Session.objects.exists()
    assert ask(log_in()["access_token"]).status_code == 200


def test_log_ins_are_listed_and_ended_one_by_one(given):
    other = log_in()
    caller = APIClient(HTTP_X_SESSION_TOKEN=given["session_token"])

    listed = caller.get("/_allauth/app/v1/auth/sessions").json()["data"]
    assert [session["is_current"] for session in listed].count(True) == 1
    (theirs,) = (session["id"] for session in listed if not session["is_current"])
    left = caller.delete("/_allauth/app/v1/auth/sessions", {"sessions": [theirs]}, format="json")

    assert [session["is_current"] for session in left.json()["data"]] == [True]
    assert refresh(other["refresh_token"]) == 400
    assert isinstance(refresh(given["refresh_token"]), dict)


def test_a_session_cookie_or_token_is_not_a_log_in(given):
    client = APIClient(HTTP_X_SESSION_TOKEN=given["session_token"])
    client.cookies["sessionid"] = given["session_token"]

    assert client.get("/who").status_code == 401


def test_log_in_errors_keep_the_log_in_apis_own_shape(li):
    response = APIClient().post(
        "/_allauth/app/v1/auth/login", {"username": "li", "password": "wrong"}, format="json"
    )

    assert response.status_code == 400
    assert response.json()["errors"][0]["param"] == "password"


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("post", "auth/signup"),
        ("post", "auth/password/request"),
        ("post", "auth/password/reset"),
        ("post", "auth/email/verify"),
        ("post", "auth/code/confirm"),
        ("get", "account/email"),
        ("post", "account/email"),
        ("get", "account/phone"),
        ("put", "account/phone"),
    ],
)
def test_nobody_keeps_an_e_mail_address_or_phone_beside_ours(given, method, address):
    """django-allauth would store them, write to them, or fail with 500."""
    for headers in ({}, {"X-Session-Token": given["session_token"]}):
        answer = getattr(APIClient(headers=headers), method)(
            f"/_allauth/app/v1/{address}", {"email": "li@example.com", "phone": "19800000001"}
        )
        assert answer.status_code == 404


def test_the_description_of_logging_in_tells_what_there_is():
    paths = APIClient().get("/api/v1/schema").json()["paths"]

    assert {
        path.removeprefix("/_allauth/app/v1/") for path in paths if path.startswith("/_allauth/")
    } == {
        "config",
        "auth/login",
        "auth/wechat",
        "auth/session",
        "auth/sessions",
        "auth/reauthenticate",
        "auth/2fa/authenticate",
        "auth/2fa/reauthenticate",
        "tokens/refresh",
        "account/password/change",
        "account/authenticators",
        "account/authenticators/totp",
        "account/authenticators/recovery-codes",
    }


def test_a_changed_password_ends_every_log_in_at_once(given):
    here = log_in()
    change = {"current_password": "a long password", "new_password": "quite another one"}

    answer = APIClient(headers={"X-Session-Token": here["session_token"]}).post(
        "/_allauth/app/v1/account/password/change", change
    )

    assert answer.status_code == 200
    assert ask(given["access_token"]).status_code == 401
    assert refresh(given["refresh_token"]) == 400
    assert refresh(here["refresh_token"]) == 400


def test_failed_log_ins_count_for_who_failed_and_not_for_our_proxy(li, settings, monkeypatch):
    monkeypatch.setenv("LINLI_TRUSTED_PROXIES", "1")
    behind_one = runpy.run_path(str(settings.BASE_DIR / "backend" / "settings.py"))
    settings.TRUSTED_PROXIES = behind_one["TRUSTED_PROXIES"]

    def log_in(username, password, address):
        answer = APIClient(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=address).post(
            "/_allauth/app/v1/auth/login", {"username": username, "password": password}
        )
        return [error["code"] for error in answer.json().get("errors", [])]

    monkeypatch.setattr(attempts, "PASSWORDS_THERE", replace(attempts.PASSWORDS_THERE, limit=10))
    for n in range(10):
        assert log_in(f"nobody{n}", "wrong", "192.0.2.1") == ["username_password_mismatch"]
    assert log_in("li", "a long password", "192.0.2.1") == ["too_many_login_attempts"]
    assert log_in("li", "a long password", "192.0.2.2") == []
