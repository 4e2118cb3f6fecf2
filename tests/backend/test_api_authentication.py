"""The app logs in once and sends its session token with every request."""

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
