"""The rooms of people's pages: who is let in, how long a log-in lasts, what a browser may do."""

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from backend import codes
from backend.api.policies import Need, content_security_policy, permissions_policy
from backend.communities.models import Role
from backend.communities.services import roles
from tests.browser import needs_chromium
from tests.conftest import session_of
from tests.pages.conftest import log_in

READ = """async () => {
  const {Camera} = await import("/static/pages/scanner.js");
  const video = document.body.appendChild(document.createElement("video"));
  const camera = new Camera(video);
  const read = await new Promise((resolve, reject) => camera.start(resolve).catch(reject));
  camera.stop();
  return read;
}"""


@pytest.mark.parametrize("room", ["/me/", "/scan/"])
def test_a_stranger_is_led_to_the_log_in_of_the_room(db, room):
    answer = Client().get(room)

    assert answer.status_code == 302
    assert answer["Location"] == f"{room}log-in?next={room}"


def test_a_log_in_is_good_in_its_room_alone(pocket, wang):
    client = pocket(wang)

    assert client.get("/me/").status_code == 200
    assert "linli_session" not in client.get("/me/").cookies  # it is not written with each request
    assert client.post("/me/token").json()["expires_in"] == 300


@pytest.mark.parametrize("room", settings.ROOMS)
def test_a_session_of_another_room_or_of_a_phone_is_nobodys(wang, room):
    for begun in (None, *settings.ROOMS):
        client = Client()
        session = session_of(wang, "password", room=begun)
        client.cookies["linli_session"] = session.session_key

        asking = client.get(room).wsgi_request.user

        assert asking.is_authenticated == (begun == room)
        assert Session.objects.filter(pk=session.session_key).exists()  # it goes on where it is of


def test_the_cookies_of_a_room_are_sent_to_it_alone(pocket, wang):
    client = pocket(wang)
    session = client.session
    session["linli_seen"] = 0
    session.save()

    cookie = client.get("/me/").cookies["linli_session"]

    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/me/", True, "Lax")
    assert int(cookie["max-age"]) == 90 * 86400


def test_a_token_of_a_room_asks_the_api_as_its_person(pocket, wang):
    token = pocket(wang).post("/me/token").json()["access_token"]

    told = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})

    assert told.json()["name"] == wang.name


def test_a_stranger_has_no_token(db):
    assert Client().post("/me/token").status_code == 401
    assert Client(enforce_csrf_checks=True).post("/me/token").status_code == 403


def test_a_manager_without_a_second_factor_is_told_what_is_missing(pocket, person, lake):
    manager = person("wu", "吴书记")
    roles.give(user=manager, community=lake, role=Role.MANAGER)

    for page in ("/me/", "/me/wallet", "/scan/"):
        answer = pocket(manager, page[: page.index("/", 1) + 1]).get(page)
        assert answer.status_code == 403
        assert "/console/account/" in answer.content.decode()


def test_a_page_may_do_what_it_needs_and_no_other(pocket, wang, client):
    assert permissions_policy().startswith("camera=(), ")
    assert "camera=(self)" in permissions_policy(frozenset({Need.CAMERA}))
    assert "unsafe" not in content_security_policy()
    assert client.get("/")["Permissions-Policy"] == permissions_policy()
    mine = pocket(wang).get("/me/")
    assert mine["Content-Security-Policy"] == content_security_policy(frozenset({Need.OFFLINE}))
    assert mine["Cache-Control"] == "no-store"


@needs_chromium
@pytest.mark.slow
def test_a_camera_reads_a_code(at_camera, chen, tmp_path: Path):
    picture = tmp_path / "code.png"
    picture.write_bytes(codes.picture("LINLI-TEST-CODE", "png"))
    window = at_camera(chen, picture, "/scan/")
    window.goto("/scan/")

    assert window.in_time(READ) == "LINLI-TEST-CODE"


# --- one phone, several people ------------------------------------------------------------------
@needs_chromium
@pytest.mark.slow
def test_whoever_logs_out_leaves_no_page_on_the_phone(phone, wang):
    window = phone(wang, works_offline=True)
    window.goto("/me/wallet")
    window.page.wait_for_function("() => navigator.serviceWorker.ready")
    window.goto("/me/wallet")
    assert window.keeps("/me/wallet")

    window.goto("/me/mine")
    window.page.locator("form[action$='log-out'] button").click()
    window.page.wait_for_url("**/me/log-in")

    assert not window.keeps("/me/wallet", tries=1)


@needs_chromium
@pytest.mark.slow
def test_a_page_that_is_still_open_asks_for_nobody_else(phone, wang, li, site):
    window = phone(wang, works_offline=True)
    window.goto("/me/")
    asking = """import("/static/pages/api.js").then((api) => api.ask("GET", "me"))
        .then(({ data }) => data.name, (error) => error.constructor.name)"""
    cookie = {"name": "linli_session", "value": log_in(li), "url": site}
    window.page.context.add_cookies([cookie])

    assert window.page.evaluate(asking) == "LoggedOut"
    window.goto("/me/")
    assert window.page.evaluate(asking) == li.name
