"""WeChat, as the tests of logging in and of phone numbers meet it."""

import inspect
import logging
import threading
from copy import deepcopy
from types import SimpleNamespace

import pytest
from django.core.files.storage import default_storage, storages
from django.utils import timezone

from backend.standins.wechat import ACCOUNT, PAGE_APPS, SITE, TEMPLATES
from backend.wechat import client
from tests.backend.town import Town, build
from tests.cast import name_of
from tests.standins.wechat import Server
from volunteers.attendance import codes


@pytest.fixture
def wechat_server(settings):
    """WeChat's server, for this test alone."""
    with Server() as standin:
        threading.Thread(target=standin.serve_forever, args=(0.01,), daemon=True).start()
        settings.WECHAT_API_BASE = standin.url
        settings.WECHAT_APP_ID = standin.wechat.appid
        settings.WECHAT_SECRET = standin.wechat.secret
        settings.WECHAT_OPEN_BASE = standin.url
        settings.WECHAT_ACCOUNT_APP_ID, settings.WECHAT_SITE_APP_ID = ACCOUNT, SITE
        settings.WECHAT_ACCOUNT_SECRET, settings.WECHAT_SITE_SECRET = (
            PAGE_APPS[app][0] for app in (ACCOUNT, SITE)
        )
        settings.WECHAT_TIMEOUT_SECONDS = 0.5
        client._client.cache_clear()
        yield standin
        standin.hurry.set()
        client._client().close()
        client._client.cache_clear()
        standin.shutdown()


@pytest.fixture
def wechat(wechat_server):
    """The state of the WeChat stand-in, and the faults it is to show."""
    return wechat_server.wechat


@pytest.fixture
def town(settings, db, cast, request, wechat, wechat_pay, caplog) -> Town:
    """Two communities with everybody and everything that an operation may be about.

    Built for the first of a run's tests, and fetched by the others: tests/cast.py. Its files are
    fetched as well: a test that stores its own elsewhere leaves an empty storage behind.
    """
    settings.HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 3_600  # a slow machine asks for long
    settings.WECHAT_TEMPLATES = TEMPLATES
    # Of thousands of requests the log keeps those that broke something, not what was refused.
    caplog.set_level(logging.ERROR, "django")

    def built() -> Town:
        since = cast.last_written()
        needed = [request.getfixturevalue(name) for name in inspect.signature(build).parameters]
        found, _ = cast.keep(build, *needed, since=since)
        cast.files = deepcopy(storages["default"])  # what is rolled back takes its files along
        return found

    name = name_of(build)
    found = cast.share(name, built) if name not in cast.kept else None
    if found is None:
        cast.write(build)
        found = cast.object_of(build)
        default_storage._wrapped = storages._storages["default"] = deepcopy(cast.files)
    wechat.codes_work_once = False  # what is asked is undone, but not there
    code = wechat.new_code("19900000077")
    wechat.codes[code] = ("19900000077", wechat.now() + 3_600)
    for bodies in found.bodies.values():
        bodies["PUT /api/v1/me/phone"]["code"] = code
        scan = bodies["POST /api/v1/me/attendances"]
        scan["code"] = shown_now(scan["code"])
    return found


def shown_now(code: str) -> str:
    """The venue's code that hangs now where the one of the town hung."""
    old = codes.read(codes.Kind.VENUE, code)
    shift = SimpleNamespace(community_id=old.community_id, pk=old.about)
    return codes.code_of(codes.Kind.VENUE, shift, at=timezone.now())
