"""Managers and auditors log in with a password and a code."""

import socket
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.urls import get_resolver
from rest_framework.test import APIClient
from rest_framework.views import APIView

from backend.accounts import mfa
from backend.api.permissions import SecondFactorWhereDue
from backend.communities.errors import RoleConflict
from backend.communities.models import Membership, Role
from backend.communities.services import roles
from tests.cast import PASSWORD
from tests.conftest import TOTP_SECRET
from tests.standins.authenticator import code_of

LOG_IN = "/_allauth/app/v1"


@pytest.fixture
def qian(lake, person):
    """钱书记, the lake's manager; no authenticator yet."""
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


def log_in(user):
    """The answer to the password alone."""
    return APIClient().post(
        f"{LOG_IN}/auth/login", {"username": user.username, "password": PASSWORD}, format="json"
    )


def then(answer, method, path, body=None):
    """The next thing the same phone sends to log in."""
    token = answer.json()["meta"]["session_token"]
    client = APIClient(HTTP_X_SESSION_TOKEN=token)
    return getattr(client, method)(f"{LOG_IN}/{path}", body, format="json")


def ask(answer, path, method="get"):
    token = answer.json()["meta"]["access_token"]
    return getattr(APIClient(HTTP_AUTHORIZATION=f"Bearer {token}"), method)(f"/api/v1/{path}")


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AUDITOR])
@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "attendances"), ("get", "me/wallets"), ("post", "communities/lake/reports")],
)
def test_with_a_password_alone_they_are_told_what_is_missing(lake, person, role, method, path):
    user = person("sun")
    roles.give(user=user, community=lake, role=role)
    answer = log_in(user)

    refused = ask(answer, path, method)

    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_required")
    assert ask(answer, "me").json()["second_factor_required"] is True


@pytest.mark.parametrize(
    "path",
    ["consents", "communities"]
    + [f"communities/lake{what}" for what in ("", "/contact", "/reports", "/seals")],
)
def test_what_needs_no_log_in_needs_no_code_either(qian, path):
    answer = ask(log_in(qian), path)

    assert answer.status_code == 200
    assert answer.json() == APIClient().get(f"/api/v1/{path}").json()


def test_a_lost_phone_is_logged_out_everywhere_without_a_code(qian):
    answer = log_in(qian)

    assert ask(answer, "me/log-out-everywhere", "post").status_code == 204
    assert ask(answer, "me").status_code == 401


def test_nothing_else_is_exempt():
    """Every other view asks for a log-in with a code; these say why they do not."""
    exempt = {
        view.__name__
        for view in views_of(get_resolver())
        if issubclass(view, APIView) and SecondFactorWhereDue not in view.permission_classes
    }

    assert exempt == {
        "LogOutEverywhereView",
        # What needs no log-in.
        "AcceptInvitationAsNewView",
        "LookAtInvitationView",
        "AcceptRoleInvitationAsNewView",
        "LookAtRoleInvitationView",
        "SetUpView",
        "BulletinCommentListView",
        "BulletinCommentView",
        "BulletinListView",
        "BulletinView",
        "CategoryListView",
        "CategoryView",
        "CheckedPhotoView",
        "CommunityActivitiesView",
        "CommunityListView",
        "CommunityReportsView",
        "CommunityView",
        "ConsentTextListView",
        "ContactView",
        "FundFiguresView",
        "LabelListView",
        "OfferPictureView",
        "PublicActivityView",
        "PublicContributionView",
        "PublicContributionsView",
        "PublicReportView",
        "PublicTimelineView",
        "ReportFiguresView",
        "SealListView",
        "SealView",
        "SpectacularSwaggerSplitView",
        "WeChatPayCallbackView",
        "WeChatPushView",
    }


def views_of(resolver):
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            yield from views_of(pattern)
        elif view := getattr(pattern.callback, "cls", None):
            yield view


def test_nobody_else_is_asked_for_it(zhao):
    answer = log_in(zhao)

    assert ask(answer, "attendances").status_code == 200
    assert ask(answer, "me").json()["second_factor_required"] is False


def test_a_role_that_owes_it_counts_from_the_next_request_on(lake, zhao):
    answer = log_in(zhao)
    assert ask(answer, "attendances").status_code == 200

    roles.give(user=zhao, community=lake, role=Role.MANAGER)

    assert ask(answer, "attendances").status_code == 403


def test_they_set_up_an_authenticator_and_log_in_with_it(qian, since_tried):
    first = log_in(qian)
    offered = then(first, "get", "account/authenticators/totp").json()["meta"]
    assert offered["totp_url"].startswith("otpauth://totp/qian?")
    session_secret = offered["secret"]
    code = code_of(session_secret)
    setting_up = ("post", "account/authenticators/totp", {"code": code})
    assert then(first, *setting_up).status_code == 401  # the password again, first
    assert then(first, "post", "auth/reauthenticate", {"password": PASSWORD}).status_code == 200
    assert then(first, *setting_up).status_code == 200
    stored = Authenticator.objects.get(user=qian, type="totp").data["secret"]
    assert session_secret not in stored

    waiting = log_in(qian)
    assert waiting.status_code == 401
    assert "access_token" not in waiting.json()["meta"]
    used = then(waiting, "post", "auth/2fa/authenticate", {"code": code})
    assert used.status_code == 400
    since_tried(timedelta(seconds=90))
    done = then(waiting, "post", "auth/2fa/authenticate", {"code": code})

    assert ask(done, "attendances").status_code == 200


def test_a_code_works_once_and_a_wrong_one_never(qian):
    mfa.hand_out(user=qian, secret=TOTP_SECRET)
    mfa.hand_out(user=qian, secret="GEZDGNBVGY3TQOJQ")  # again, changes nothing
    code = code_of(TOTP_SECRET)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"

    waiting = log_in(qian)
    assert then(waiting, "post", "auth/2fa/authenticate", {"code": wrong}).status_code == 400
    assert then(waiting, "post", "auth/2fa/authenticate", {"code": code}).status_code == 200
    again = log_in(qian)
    assert then(again, "post", "auth/2fa/authenticate", {"code": code}).status_code == 400


def test_the_next_access_token_still_says_how_they_logged_in(qian):
    mfa.hand_out(user=qian, secret=TOTP_SECRET)
    done = then(log_in(qian), "post", "auth/2fa/authenticate", {"code": code_of(TOTP_SECRET)})
    refresh = done.json()["meta"]["refresh_token"]

    fresh = APIClient().post(f"{LOG_IN}/tokens/refresh", {"refresh_token": refresh}, format="json")

    token = fresh.json()["data"]["access_token"]
    asked = APIClient(HTTP_AUTHORIZATION=f"Bearer {token}").get("/api/v1/attendances")
    assert asked.status_code == 200


def test_who_gives_up_the_authenticator_owes_it_again_with_the_next_access_token(qian):
    mfa.hand_out(user=qian, secret=TOTP_SECRET)
    done = then(log_in(qian), "post", "auth/2fa/authenticate", {"code": code_of(TOTP_SECRET)})
    Authenticator.objects.filter(user=qian).delete()

    fresh = APIClient().post(
        f"{LOG_IN}/tokens/refresh",
        {"refresh_token": done.json()["meta"]["refresh_token"]},
        format="json",
    )

    token = fresh.json()["data"]["access_token"]
    asked = APIClient(HTTP_AUTHORIZATION=f"Bearer {token}").get("/api/v1/attendances")
    assert (asked.status_code, asked.json()["code"]) == (403, "second_factor_required")


def test_without_redis_people_log_in_all_the_same_and_the_log_says_so(
    lake, zhao, qian, settings, caplog
):
    mfa.hand_out(user=qian, secret=TOTP_SECRET)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    away = settings.CACHES["default"] | {"LOCATION": f"redis://127.0.0.1:{port}/0"}
    settings.CACHES = {"default": away}

    answers = [
        ask(log_in(zhao), "attendances"),
        APIClient().get("/api/v1/communities"),
        then(log_in(qian), "post", "auth/2fa/authenticate", {"code": code_of(TOTP_SECRET)}),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert "django_redis" in {record.name.partition(".")[0] for record in caplog.records}


@pytest.mark.parametrize(
    ("held", "asked"),
    [(Role.AUDITOR, Role.STAFF), (Role.AUDITOR, Role.MANAGER), (Role.MANAGER, Role.AUDITOR)],
)
def test_nobody_audits_where_they_work(lake, wang, held, asked):
    roles.give(user=wang, community=lake, role=held)

    with pytest.raises(RoleConflict):
        roles.give(user=wang, community=lake, role=asked)

    assert set(Membership.objects.filter(user=wang).values_list("role", flat=True)) == {
        Role.VOLUNTEER,
        held,
    }
