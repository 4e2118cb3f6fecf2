"""The console in a real browser."""

import re
from collections.abc import Callable
from uuid import uuid4

import pytest

from backend.accounts import mfa
from backend.accounts.models import User
from backend.communities.models import Role
from backend.communities.services import roles
from tests.backend.conftest import town, wechat, wechat_server  # noqa: F401  # fixtures
from tests.browser import Window, browser, look, site  # noqa: F401  # fixtures
from tests.conftest import TOTP_SECRET, session_of


@pytest.fixture
def desk() -> Callable[..., Client]:
    """``desk(zhao)``: a client at which she is logged in to the console, in Chinese."""

    def of(user: User, language: str = "zh-hans") -> Client:
        cache.clear()  # what she saw before she was given a role
        client = Client(headers={"Accept-Language": language})
        client.cookies[settings.SESSION_COOKIE_NAME] = session_of(
            user, "password", "mfa"
        ).session_key
        return client

    return of


@pytest.fixture
def at_desk(look) -> Callable[..., Window]:  # noqa: F811
    """Call with a person: a window of a browser that is logged in as them; see ``look``.

    Who owes a code has an authenticator and gave one.
    """

    def of(user: User, **how) -> Window:
        cache.clear()
        if user.second_factor_required:
            mfa.hand_out(user=user, secret=TOTP_SECRET)
        session = session_of(user, "password", "mfa")
        return look({settings.SESSION_COOKIE_NAME: session.session_key}, **how)

    return of


def send(client, address, **typed):
    """Send the form at ``address``, as somebody who typed this and pressed its button."""
    return client.post(address, {"key": str(uuid4()), "send": "1", **typed})


def filled(client, address, **typed):
    """Send the form at ``address`` with what stands in it, but for what is typed."""
    form = client.get(address).context["form"]
    there = {name: form[name].value() for name in form.fields}
    kept = {
        name: value for name, value in there.items() if value is not None and value is not False
    }
    return send(client, address, **(kept | typed))


def form_of(page, words):
    """The address of the form behind the button with these words."""
    found = re.search(rf'<a href="([^"]+)"[^>]*>(?:(?!</a>).)*{words}\s*</a>', page.text, re.S)
    assert found, words
    return found[1].replace("&amp;", "&")
