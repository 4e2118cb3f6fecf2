"""A desk: somebody's browser at the console, logged in with password and code."""

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from backend.accounts import mfa
from backend.accounts.models import User
from backend.communities.models import Membership, Role
from backend.communities.services import roles
from tests.backend.conftest import town, wechat, wechat_server  # noqa: F401  # fixtures
from tests.browser import Window
from tests.conftest import TOTP_SECRET, session_of


def log_in(user: User) -> str:
    """The key of a session of whoever gave a password, and a code where that is due."""
    held = Membership.objects.filter(user=user, ended_at__isnull=True).values_list("pk", flat=True)
    now = [*held.order_by("pk"), user.is_superuser, user.suspended_until]
    if cache.get_or_set(f"held:{user.pk}", now) != now:
        cache.clear()  # what they saw before they were given a role
    if user.second_factor_required:
        mfa.hand_out(user=user, secret=TOTP_SECRET)
    return str(session_of(user, "password", "mfa", room=settings.CONSOLE_PATH).session_key)


@pytest.fixture
def desk() -> Callable[..., Client]:
    """``desk(zhao)``: a client at which she is logged in to the console, in Chinese."""

    def of(user: User, language: str = "zh-hans") -> Client:
        client = Client(headers={"Accept-Language": language})
        client.cookies[settings.SESSION_COOKIE_NAME] = log_in(user)
        return client

    return of


@pytest.fixture
def at_desk(look) -> Callable[..., Window]:
    """Call with a person: a window of a browser that is logged in as them; see ``look``."""

    def of(user: User, **how) -> Window:
        return look({settings.SESSION_COOKIE_NAME: log_in(user)}, **how)

    return of


@pytest.fixture
def auditor(lake, person) -> User:
    """孙审计, who audits the lake."""
    user = person("auditor", "孙审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return user


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
