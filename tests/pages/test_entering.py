"""The log-in to a room: by password and a second factor, and what comes after it."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from backend.accounts import mfa
from backend.accounts.models import User
from tests.cast import PASSWORD
from tests.conftest import TOTP_SECRET
from tests.standins.authenticator import code_of

DAY = 86_400


@pytest.fixture(autouse=True)
def fresh_counters():
    cache.clear()


def enter(client: Client, room: str = "/me/", *, password: str = PASSWORD, **more: str):
    return client.post(
        f"{room}log-in",
        {"login": "wang", "password": password, **more},
        headers={"Accept-Language": "en"},
    )


@pytest.mark.parametrize(("room", "age"), [("/me/", 90 * DAY), ("/scan/", DAY // 2)])
def test_a_log_in_lasts_as_its_room_says_and_is_sent_to_it_alone(wang, room, age):
    answer = enter(client := Client(), room)

    assert (answer.status_code, answer["Location"]) == (302, room)
    cookie = answer.cookies[settings.SESSION_COOKIE_NAME]
    assert (cookie["path"], int(cookie["max-age"])) == (room, age)
    assert client.get(f"{room}sessions").status_code == 200


@pytest.mark.parametrize(
    ("told", "then"),
    [
        ("/me/wallet", "/me/wallet"),
        ("/me/offers?kind=a", "/me/offers?kind=a"),
        ("/console/", "/me/"),
        ("/scan/", "/me/"),
        ("/me/../console/", "/me/"),
        ("/me/%2e%2E/console/", "/me/"),
        ("https://evil.example/me/", "/me/"),
        ("//evil.example/me/", "/me/"),
        ("/me/log-out", "/me/"),
        ("http://[", "/me/"),
        ("", "/me/"),
    ],
)
def test_one_goes_on_within_the_room(wang, told, then):
    assert enter(Client(), next=told)["Location"] == then


def test_the_page_carries_where_one_wanted_to_go(wang):
    page = Client().get("/me/log-in?next=/me/wallet").content.decode()

    assert 'name="next" value="/me/wallet"' in page


@pytest.mark.parametrize("page", ["/me/log-in", "/scan/log-in", "/console/account/login"])
def test_a_page_that_is_no_address_at_all_is_nowhere(db, page):
    assert Client().get(page, {"next": "http://["}).status_code == 200


def test_who_is_logged_in_is_led_on(pocket, wang):
    assert pocket(wang).get("/me/log-in?next=/me/wallet")["Location"] == "/me/wallet"


def test_a_wrong_password_is_told_and_counted(wang):
    client = Client()
    answers = [enter(client, password="wrong") for _ in range(11)]

    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert "Too many wrong guesses" in answers[-1].content.decode()
    assert "Retry-After" in answers[-1]
    assert enter(client).status_code == 429
    assert not UserSession.objects.exists()


def test_a_closed_log_in_is_told_so(wang):
    User.objects.filter(pk=wang.pk).update(is_active=False)

    answer = enter(client := Client(), "/scan/")

    assert answer["Location"] == "/scan/log-in/closed"
    assert (
        "closed"
        in client.get(answer["Location"], headers={"Accept-Language": "en"}).content.decode()
    )
    assert client.get("/scan/").status_code == 302


# --- a second factor --------------------------------------------------------------------------
@pytest.fixture
def with_authenticator(wang):
    mfa.hand_out(user=wang, secret=TOTP_SECRET)
    return wang


def test_who_has_an_authenticator_is_asked_for_its_code_in_the_room(with_authenticator):
    client = Client()
    waiting = enter(client, next="/me/wallet")

    assert waiting["Location"] == "/me/log-in/code"
    assert client.get("/me/").status_code == 302
    assert client.get("/me/log-in/code").status_code == 200
    done = client.post("/me/log-in/code", {"code": code_of(TOTP_SECRET)})
    assert done["Location"] == "/me/wallet"
    assert int(done.cookies[settings.SESSION_COOKIE_NAME]["max-age"]) == 90 * DAY
    methods = [one["method"] for one in client.session["account_authentication_methods"]]
    assert methods == ["password", "mfa"]


def test_who_owes_a_second_factor_is_logged_out_as_in_the_console(with_authenticator):
    User.objects.filter(pk=with_authenticator.pk).update(second_factor_required=True)
    client = Client()
    enter(client)

    done = client.post("/me/log-in/code", {"code": code_of(TOTP_SECRET)})

    assert done.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == ""  # ends with the browser
    assert client.session.get_expiry_age() <= 12 * 3600


def test_guesses_at_a_code_are_counted(with_authenticator):
    client = Client()
    enter(client)

    answers = [client.post("/me/log-in/code", {"code": "000000"}).status_code for _ in range(11)]

    assert answers == [200] * 10 + [429]
    assert Authenticator.objects.filter(user=with_authenticator).exists()


@pytest.mark.parametrize("room", ["/me/", "/scan/"])
def test_nobody_gives_a_code_before_a_password(db, room):
    assert Client().get(f"{room}log-in/code")["Location"] == f"{room}log-in"


# --- out --------------------------------------------------------------------------------------
def test_one_logs_out_by_a_form_alone(pocket, wang):
    client = pocket(wang)

    assert client.get("/me/log-out").status_code == 405
    assert client.post("/me/log-out")["Location"] == "/me/log-in"
    assert client.get("/me/").status_code == 302


@pytest.mark.parametrize("room", ["/me/", "/scan/"])
def test_a_form_of_another_log_in_is_out_of_date(pocket, wang, room):
    client = Client(enforce_csrf_checks=True)

    answer = client.post(f"{room}log-in", {"login": "wang"}, headers={"Accept-Language": "en"})

    assert answer.status_code == 403
    assert "This page is out of date." in answer.content.decode()


def test_log_ins_of_all_rooms_are_listed_and_ended(pocket, wang, li):
    here, there, other = pocket(wang), pocket(wang, "/scan/"), pocket(li)
    page = here.get("/me/sessions").content.decode()
    elsewhere = UserSession.objects.get(session_key=there.session.session_key)

    assert page.count('<li class="card"') == 2
    answer = here.post("/me/sessions", {"session": elsewhere.pk})
    assert answer["Location"] == "/me/sessions"
    assert there.get("/scan/").status_code == 302
    assert (here.get("/me/").status_code, other.get("/me/").status_code) == (200, 200)


def test_all_other_log_ins_are_ended_at_once(pocket, wang):
    here, there = pocket(wang), pocket(wang)

    here.post("/me/sessions", {})

    assert (here.get("/me/").status_code, there.get("/me/").status_code) == (200, 302)


def test_nobody_ends_anothers_log_in(pocket, wang, li):
    here, other = pocket(wang), pocket(li)
    session = UserSession.objects.get(user=li)

    here.post("/me/sessions", {"session": session.pk})

    assert other.get("/me/").status_code == 200


@pytest.mark.parametrize("room", ["/me/", "/scan/"])
def test_a_stranger_sees_no_log_ins(db, room):
    assert Client().get(f"{room}sessions")["Location"] == f"{room}log-in?next={room}sessions"
