"""The log-in to a room by WeChat's web authorisation, and one person over all apps of ours."""

import logging
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from backend.accounts import mfa
from backend.accounts.models import User
from backend.accounts.services import people
from backend.accounts.services.people import PAGES, UNION, WECHAT
from backend.standins import wechat as standin
from backend.top.scenarios import demo
from backend.wechat import client as server
from tests.browser import PHONE, needs_chromium
from tests.conftest import TOTP_SECRET
from tests.standins.authenticator import code_of

IN_WECHAT = "Mozilla/5.0 (Linux; Android 10) AppleWebKit/537.36 MicroMessenger/8.0.49"
EXCHANGE = "/sns/oauth2/access_token"


@pytest.fixture(autouse=True)
def fresh_counters():
    cache.clear()


def in_wechat() -> Client:
    return Client(headers={"User-Agent": IN_WECHAT, "Accept-Language": "en"})


def back_from(client: Client, wechat, person: str = "o6_wang", *, then: str = "/me/", room="/me/"):
    """Where WeChat leads somebody back who was led there."""
    asked = client.get(f"{room}log-in/wechat?next={then}")
    wechat.holder = person
    return httpx.get(asked["Location"], trust_env=False).headers["Location"]


def come_back(client: Client, there: str):
    parts = urlsplit(there)
    return client.get(f"{parts.path}?{parts.query}")


def enter(client: Client, wechat, person: str = "o6_wang", **more: str):
    return come_back(client, back_from(client, wechat, person, **more))


def whose(client: Client) -> str:
    return client.session["_auth_user_id"]


# --- how one is led ---------------------------------------------------------------------------
def test_in_wechat_one_is_led_to_the_official_account(db, wechat, settings):
    there = urlsplit(in_wechat().get("/me/log-in/wechat")["Location"])

    assert f"{there.scheme}://{there.netloc}{there.path}" == (
        f"{settings.WECHAT_OPEN_BASE}/connect/oauth2/authorize"
    )
    asked = dict(parse_qsl(there.query))
    assert list(asked) == ["appid", "redirect_uri", "response_type", "scope", "state"]
    assert asked["redirect_uri"] == "http://testserver/me/log-in/wechat/back"
    assert (asked["appid"], asked["scope"]) == (settings.WECHAT_ACCOUNT_APP_ID, "snsapi_base")
    assert there.fragment == "wechat_redirect"


def test_elsewhere_one_is_led_to_a_code_to_scan(db, wechat, settings):
    there = urlsplit(Client().get("/scan/log-in/wechat")["Location"])

    assert there.path == "/connect/qrconnect"
    asked = dict(parse_qsl(there.query))
    assert (asked["appid"], asked["scope"]) == (settings.WECHAT_SITE_APP_ID, "snsapi_login")


@pytest.mark.parametrize("room", ["/me/", "/scan/"])
def test_without_credentials_wechat_is_not_offered(db, room):
    assert f"{room}log-in/wechat" not in in_wechat().get(f"{room}log-in").content.decode()
    assert in_wechat().get(f"{room}log-in/wechat")["Location"] == f"{room}log-in"
    assert in_wechat().get(f"{room}log-in/wechat/back")["Location"] == f"{room}log-in"


def test_with_credentials_wechat_is_offered(db, wechat):
    page = in_wechat().get("/me/log-in?next=/me/wallet").content.decode()

    assert 'href="/me/log-in/wechat?next=/me/wallet"' in page


# --- who comes back ---------------------------------------------------------------------------
def test_a_newcomer_is_put_on_record(db, wechat):
    client = in_wechat()

    answer = enter(client, wechat, "o6_new", then="/me/wallet")

    assert answer["Location"] == "/me/wallet"
    assert int(answer.cookies[settings.SESSION_COOKIE_NAME]["max-age"]) == 90 * 86_400
    user = User.objects.get(pk=whose(client))
    assert (user.name, user.has_usable_password()) == ("", False)
    account = SocialAccount.objects.get(user=user)
    assert (account.provider, account.extra_data) == (PAGES, {})


def test_who_comes_again_is_the_same_person(db, wechat):
    first, second = in_wechat(), in_wechat()
    enter(first, wechat)
    enter(second, wechat, room="/scan/", then="/scan/")

    assert whose(first) == whose(second)


def test_who_has_an_authenticator_is_asked_for_its_code(wang, wechat):
    SocialAccount.objects.create(
        user=wang, provider=PAGES, uid=f"{settings.WECHAT_ACCOUNT_APP_ID}-o6_wang"
    )
    mfa.hand_out(user=wang, secret=TOTP_SECRET)
    client = in_wechat()

    assert enter(client, wechat, then="/me/wallet")["Location"] == "/me/log-in/code"
    done = client.post("/me/log-in/code", {"code": code_of(TOTP_SECRET)})
    assert done["Location"] == "/me/wallet"


def test_a_closed_log_in_is_told_so(db, wechat):
    client = in_wechat()
    enter(client, wechat)
    User.objects.update(is_active=False)

    assert enter(in_wechat(), wechat)["Location"] == "/me/log-in/closed"


# --- what is refused --------------------------------------------------------------------------
def test_another_browser_can_not_come_back(db, wechat):
    there = back_from(in_wechat(), wechat)

    assert come_back(in_wechat(), there)["Location"] == "/me/log-in"
    assert not User.objects.exists()


def test_a_state_is_good_once(db, wechat):
    client = in_wechat()
    there = back_from(client, wechat)
    come_back(client, there)

    assert come_back(client, there)["Location"] == "/me/log-in"


def test_a_code_is_good_once_and_for_five_minutes(db, wechat):
    used = back_from(client := in_wechat(), wechat)
    assert come_back(client, used)["Location"] == "/me/"
    client = in_wechat()
    repeated, late = back_from(client, wechat), back_from(client, wechat)
    repeated = repeated.replace(code_in(repeated), code_in(used))
    wechat.ahead += 300

    for there in (repeated, late):
        assert come_back(client, there)["Location"] == "/me/log-in"
        assert 'class="told bad"' in client.get("/me/log-in").content.decode()


def code_in(there: str) -> str:
    return parse_qs(urlsplit(there).query)["code"][0]


@pytest.mark.parametrize(
    "failure",
    [
        {"how": "errcode", "errcode": 40226},
        {"how": "errcode", "errcode": 45011},
        {"how": "garbage"},
        {"how": "after"},
    ],
    ids=str,
)
def test_what_goes_wrong_at_wechat_is_told_and_makes_nobody(db, wechat, caplog, failure):
    caplog.set_level(logging.DEBUG)
    client = in_wechat()
    there = back_from(client, wechat, "o6_unlucky")
    wechat.fail_next.append({"path": EXCHANGE, **failure})

    answer = come_back(client, there)

    assert answer["Location"] == "/me/log-in"
    assert 'class="told bad"' in client.get("/me/log-in").content.decode()
    assert not User.objects.exists()
    ours = "".join(one.getMessage() for one in caplog.records if one.name.startswith("backend"))
    assert "o6_unlucky" not in ours
    assert settings.WECHAT_ACCOUNT_SECRET not in ours


# --- one person over all apps of ours ---------------------------------------------------------
def mini_program(wechat, person: str = "o6_wang") -> User:
    told = server.code2session(wechat.new_code(person))
    return people.known_by_wechat(openid=told.openid, unionid=told.unionid)


@pytest.mark.parametrize("scope", ["snsapi_base", "snsapi_userinfo"])
def test_who_was_in_the_mini_program_first_is_known_on_the_page(db, wechat, settings, scope):
    wechat.is_bound = True
    settings.WECHAT_ACCOUNT_SCOPE = scope
    first = mini_program(wechat)

    enter(client := in_wechat(), wechat)
    enter(desktop := Client(), wechat)

    assert whose(client) == whose(desktop) == str(first.pk)
    providers = SocialAccount.objects.filter(user=first).values_list("provider", flat=True)
    assert sorted(providers) == sorted([WECHAT, UNION, PAGES, PAGES])


def test_who_was_on_the_page_first_is_known_in_the_mini_program(db, wechat):
    wechat.is_bound = True
    enter(client := in_wechat(), wechat)

    assert str(mini_program(wechat).pk) == whose(client)
    assert User.objects.count() == 1


def test_without_a_unionid_nobody_is_taken_for_another(db, wechat):
    enter(client := in_wechat(), wechat)

    assert str(mini_program(wechat).pk) != whose(client)


def test_a_unionid_told_later_is_remembered_but_merges_nobody(db, wechat):
    page, app = in_wechat(), mini_program(wechat)
    enter(page, wechat)
    wechat.is_bound = True

    assert mini_program(wechat) == app
    enter(again := in_wechat(), wechat)

    assert whose(again) == whose(page) != str(app.pk)
    assert SocialAccount.objects.get(provider=UNION).user == app


@pytest.mark.django_db(transaction=True)
def test_first_log_ins_in_both_apps_at_one_instant_make_one_person(at_once):
    def log_in(turn: int):
        app, openid = ((WECHAT, "o6_twice"), (PAGES, "page-twice"))[turn % 2]
        return people.known_by_wechat(openid=openid, unionid="union-twice", app=app).pk

    found = at_once(4, log_in)

    assert len(set(found)) == User.objects.count() == 1
    assert SocialAccount.objects.count() == 3


def test_the_stand_in_knows_the_people_of_the_demo():
    names = {name for name, *_ in demo.CAST}

    assert names == set(standin.DEMO)
    assert demo.UNIONID.format("clerk") == standin.union_of("o6_demo_clerk")


@needs_chromium
@pytest.mark.slow
def test_a_phone_enters_by_wechat(db, wechat, browser, look, site):
    """A phone in WeChat: one tap, whom WeChat knows comes in, and the log-in is in its list."""
    wechat.is_bound = True
    window = look(size=PHONE, user_agent=IN_WECHAT)
    window.page.goto(f"{site}/me/log-in?next=/me/sessions")
    assert window.barriers() == []
    assert not window.runs_over()

    window.page.get_by_role("link", name="微信").click()
    window.page.get_by_role("link", name="volunteer").click()

    window.page.wait_for_url("**/me/sessions")
    assert window.barriers() == []
    assert "微信 · Android" in window.page.inner_text("main")
    window.foreign.clear()  # WeChat's page is another host's
