"""A phone: somebody's browser at /me/ or /scan/, as wide as a small one, logged in."""

import os
import re
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from PIL import Image

from backend.accounts.models import User
from tests.backend.conftest import town, wechat, wechat_server  # noqa: F401  # fixtures
from tests.browser import ARGUMENTS, CHROMIUM, LANGUAGES, PHONE, Window
from tests.conftest import session_of

DECODER = Path("backend/top/pages/node_modules/zxing-wasm/dist/reader/zxing_reader.wasm")
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
# Which asks for pages on its own, also when the test is over.
NO_WORKER = "navigator.serviceWorker.register = () => new Promise(() => {})"
WAYS = {"/me/": ("wechat",), "/scan/": ("password",)}  # in which people log in to a room


def log_in(user: User, room: str = "/me/") -> str:
    """The key of a session of whoever logged in to a room."""
    cache.clear()
    session = session_of(user, *WAYS[room], room=room)
    session.set_expiry(int(settings.ROOMS[room].total_seconds()))
    session.save()
    return str(session.session_key)


def text_of(answer) -> str:
    """The words of a page, in one line."""
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.fixture
def rich(wang, grant_points) -> User:
    """Wang, who has 100 points."""
    grant_points(wang, 100)
    return wang


@pytest.fixture
def pocket() -> Callable[..., Client]:
    """``pocket(wang)``: a client that is logged in to a room, in Chinese unless told otherwise."""

    def of(user: User, room: str = "/me/", language: str = "zh-hans") -> Client:
        client = Client(headers={"Accept-Language": language})
        client.cookies[settings.SESSION_COOKIE_NAME] = log_in(user, room)
        return client

    return of


@pytest.fixture
def phone(look) -> Callable[..., Window]:
    """``phone(wang, "/scan/")``: a window of a phone that is logged in to a room; see ``look``.

    One that ``works_offline`` has the room's service worker, which asks for pages on its own, and
    is new: a window that served other tests does not always hear that there is no signal.
    """

    def of(user: User, room: str = "/me/", *, works_offline: bool = False, **how) -> Window:
        cookies = {settings.SESSION_COOKIE_NAME: log_in(user, room)}
        kind = {"service_workers": "allow"} if works_offline else {"script": NO_WORKER}
        return look(cookies, **({"size": PHONE} | kind | how))

    return of


@pytest.fixture(scope="session")
def camera(browser, tmp_path_factory) -> Iterator[tuple[Any, Path]]:
    """A Chromium whose camera sees the film that lies at a path when it is turned on."""
    film = tmp_path_factory.mktemp("camera") / "film.mjpeg"
    launched = browser.browser_type.launch(
        executable_path=CHROMIUM,
        args=[*ARGUMENTS, *CAMERA, f"--use-file-for-fake-video-capture={film}"],
    )
    yield launched, film
    launched.close()


@pytest.fixture
def at_camera(request, browser, visited) -> Iterator[Callable[..., Window]]:
    """``at_camera(clerk, picture, "/scan/")``: a phone whose camera sees a PNG of a code.

    It is the one camera there is: what another saw before, it sees no more.
    """
    if not DECODER.exists():
        if os.environ.get("CI"):
            pytest.fail("CI has no decoder: `make setup` installs it.")
        pytest.skip("zxing-wasm is not installed: `make setup` installs it from npm.")
    launched, film = request.getfixturevalue("camera")
    windows = []

    def of(user: User, picture: Path, room: str = "/me/", language: str = "zh-hans") -> Window:
        film.write_bytes(filmed(picture))
        context = launched.new_context(viewport=PHONE, locale=LANGUAGES[language])
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": log_in(user, room), "url": visited}]
        )
        windows.append(Window(context.new_page(), visited, NO_WORKER))
        return windows[-1]

    yield of
    for window in windows:
        window.page.context.close()
    for window in windows:
        window.check()


def filmed(picture: Path) -> bytes:
    """What a camera sees: a PNG of a code, in the middle of a white wall."""
    with Image.open(picture) as code:
        wall = Image.new("RGB", (640, 640), "white")
        wall.paste(code.convert("RGB").resize((480, 480), Image.Resampling.NEAREST), (80, 80))
        frame = BytesIO()
        wall.save(frame, "JPEG", quality=95)
    return frame.getvalue() * 5
