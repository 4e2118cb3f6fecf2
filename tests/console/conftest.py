"""A desk: somebody's browser at the console, logged in with password and code."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from backend.accounts.models import User
from tests.conftest import session_of


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
