"""The app logs in once and sends its session token with every request."""

import runpy

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.urls import include, path
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView


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
def token(li):
    response = APIClient().post(
        "/_allauth/app/v1/auth/login",
        {"username": "li", "password": "a long password"},
        format="json",
    )
    assert response.status_code == 200
    return response.json()["meta"]["session_token"]


def ask(token):
    return APIClient().get("/who", headers={"X-Session-Token": token})


def test_a_session_token_says_who_is_asking(token):
    assert ask(token).json() == {"username": "li"}


@pytest.mark.parametrize(
    "wrong", ["", "unknown0unknown0unknown0unknown0", "a b", "邻", "\x00", "x" * 9999]
)
def test_a_token_that_is_nobodys_is_refused(wrong):
    assert ask(wrong).status_code == 401


def test_someone_made_inactive_is_out_at_once(li, token):
    li.is_active = False
    li.save(update_fields=["is_active"])

    assert ask(token).status_code == 401


def test_logging_out_ends_the_token(token):
    APIClient().delete("/_allauth/app/v1/auth/session", headers={"X-Session-Token": token})

    assert ask(token).status_code == 401
    assert not Session.objects.exists()


def test_a_session_cookie_is_not_a_log_in(token):
    client = APIClient()
    client.cookies["sessionid"] = token

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
def test_nobody_keeps_an_e_mail_address_or_phone_beside_ours(token, method, address):
    """django-allauth would store them, write to them, or fail with 500."""
    for headers in ({}, {"X-Session-Token": token}):
        answer = getattr(APIClient(headers=headers), method)(
            f"/_allauth/app/v1/{address}", {"email": "li@example.com", "phone": "19800000001"}
        )
        assert answer.status_code == 404


def test_the_description_of_logging_in_tells_what_there_is():
    paths = APIClient().get("/_allauth/openapi.json").json()["paths"]

    assert {path.removeprefix("/_allauth/app/v1/") for path in paths} == {
        "config",
        "auth/login",
        "auth/session",
        "auth/reauthenticate",
        "account/password/change",
    }


def test_a_changed_password_ends_every_other_log_in(li, token):
    again = APIClient().post(
        "/_allauth/app/v1/auth/login", {"username": "li", "password": "a long password"}
    )
    here = APIClient(headers={"X-Session-Token": again.json()["meta"]["session_token"]})
    change = {"current_password": "a long password", "new_password": "quite another one"}

    assert here.post("/_allauth/app/v1/account/password/change", change).status_code == 200

    assert ask(token).status_code == 401


def test_failed_log_ins_count_for_who_failed_and_not_for_our_proxy(li, settings, monkeypatch):
    monkeypatch.setenv("LINLI_TRUSTED_PROXIES", "1")
    behind_one = runpy.run_path(str(settings.BASE_DIR / "backend" / "settings.py"))
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = behind_one["ALLAUTH_TRUSTED_PROXY_COUNT"]

    def log_in(username, password, address):
        answer = APIClient(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=address).post(
            "/_allauth/app/v1/auth/login", {"username": username, "password": password}
        )
        return [error["code"] for error in answer.json().get("errors", [])]

    for n in range(10):
        assert log_in(f"nobody{n}", "wrong", "192.0.2.1") == ["username_password_mismatch"]
    assert log_in("li", "a long password", "192.0.2.1") == ["too_many_login_attempts"]
    assert log_in("li", "a long password", "192.0.2.2") == []
