"""Addresses that need no log-in are throttled everywhere, exactly, and cheaply."""

import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve
from rest_framework.settings import api_settings
from rest_framework.test import APIClient

from backend.accounts.addresses import NOWHERE, client_ip, counted_as
from backend.api import documents, health
from backend.api.throttling import CountingThrottle, PublicThrottle, UserThrottle
from backend.urls import LookedUp
from tests.long import IS_LONG, times

# Whoever is let in without a log-in and not counted, and why that does no harm.
NOT_COUNTED = {
    "/healthz": "touches nothing, and must not depend on Redis: an orchestrator asks it",
    "/readyz": "an orchestrator asks it; one look a second, whoever else asks",
    "/metrics": "Prometheus asks it; without its token, which is not for guessing, nothing is read",
    f"/api/v1/wechatpay/callback/{UUID(int=1)}": "WeChat's; a signature is checked first",
}
FILLED_IN = {"slug": "lake", "uuid": str(UUID(int=1)), "str": "x", "int": "1"}
EACH = times(10)  # requests of each of twenty at once
METHODS = ("get", "post", "put", "patch", "delete", "options")


def addresses(resolver=None, before="/"):
    """Every address of the URL conf, with something for its parameters."""
    for pattern in (resolver or get_resolver()).url_patterns:
        address = before + re.sub(
            r"<(?:(\w+):)?\w+>", lambda found: FILLED_IN[found[1] or "str"], str(pattern.pattern)
        )
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, address)
        else:
            assert isinstance(pattern, URLPattern)
            yield re.sub(r"[\^$\\]|\(\?P<\w+>.*?\)", "", address)


def has_methods(address):
    """A function that tells whether the view at the address, if it is ours, may know a method."""
    try:
        view = resolve(address).func
    except Resolver404:  # what was filled in does not fit
        return lambda method: True
    views = getattr(view, "cls", None) or getattr(view, "view_class", None)
    is_theirs = views is None or "/_allauth/" in address
    return lambda method: is_theirs or hasattr(views, method)


@pytest.fixture
def once(monkeypatch):
    """A limit of one request a minute of each kind."""
    for throttle in [PublicThrottle, *PublicThrottle.__subclasses__()]:
        monkeypatch.setattr(throttle, "rate", "1/minute", raising=False)


@pytest.mark.slow
def test_every_address_that_needs_no_log_in_is_counted_or_stands_on_the_list(lake, once):
    known = sorted(set(addresses()))
    assert len(known) > 100
    assert set(NOT_COUNTED) < set(known)
    not_counted, client = set(), APIClient()

    def ask(method, address):
        client.cookies.clear()  # a stranger each time
        return getattr(client, method)(address, {}, format="json")

    for turn, address in enumerate(known):
        # Of any other method, 401 or 405; OPTIONS, which each view answers alike, of one in ten.
        methods = METHODS if IS_LONG or turn % 10 == 0 else METHODS[:-1]
        for method in filter(has_methods(address), methods):
            cache.clear()
            first = ask(method, address)
            if first.status_code in (401, 405) and "/_allauth/" not in address:
                continue
            second = ask(method, address)
            if second.status_code != 429:
                not_counted.add(address)
            else:
                assert int(second["Retry-After"]) > 0
                is_page = address.startswith("/console/")
                assert is_page or second.json()["code"] == "throttled"

    assert not_counted == set(NOT_COUNTED)


def test_there_is_no_throttle_but_ours():
    def heirs(kind):
        return {kind, *(heir for child in kind.__subclasses__() for heir in heirs(child))}

    (framework,) = {base for base in CountingThrottle.__mro__ if base.__name__ == "BaseThrottle"}
    ours = {kind for kind in heirs(framework) if not kind.__module__.startswith("rest_framework")}
    assert all(issubclass(kind, CountingThrottle) for kind in ours)
    assert [PublicThrottle] == api_settings.DEFAULT_THROTTLE_CLASSES
    assert UserThrottle in ours


@pytest.mark.slow
def test_of_many_requests_at_once_the_limit_and_no_more_pass(db):
    throttle = PublicThrottle()
    assert throttle.num_requests == 120

    def ask(times):
        client = Client(REMOTE_ADDR="192.0.2.1")  # each puts a server together, which takes long
        try:
            return Counter(client.get("/_allauth/app/v1/config").status_code for _ in range(times))
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as threads:
        told = sum(threads.map(ask, [EACH] * 20), Counter())

    assert told == {200: 120, 429: 20 * EACH - 120}
    assert Client(REMOTE_ADDR="192.0.2.2").get("/_allauth/app/v1/config").status_code == 200


def test_a_counter_counts_from_the_first_on_and_goes_by_itself(db):
    assert cache.hit("test", 60) == (1, 60)
    assert cache.hit("test", 60) == (2, 60)
    assert cache.hit("other", 60) == (1, 60)
    assert 0 < cache.ttl("test") <= 60


@pytest.mark.parametrize(
    ("proxies", "forwarded", "remote", "whole", "counted"),
    [
        (0, "198.51.100.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"),
        (1, "203.0.113.5, 198.51.100.1", "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        (2, "198.51.100.1", "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        (1, None, "192.0.2.1", "192.0.2.1", "192.0.2.1"),
        (1, "rubbish", "10.0.0.1", NOWHERE, NOWHERE),
        (0, None, "", NOWHERE, NOWHERE),
        (0, None, "2001:db8:1:2:3::4", "2001:db8:1:2:3::4", "2001:db8:1:2::"),
        (0, None, "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
    ],
)
def test_whose_address_it_is(settings, rf, proxies, forwarded, remote, whole, counted):
    settings.TRUSTED_PROXIES = proxies
    request = rf.get("/", REMOTE_ADDR=remote)
    if forwarded:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded

    assert (client_ip(request), counted_as(request)) == (whole, counted)


# --- what is made once ------------------------------------------------------------------------
def test_a_document_is_made_once_for_each_language_and_then_only_sent(
    db, django_assert_num_queries
):
    address = "/api/v1/schema"
    first = Client().get(address)
    with django_assert_num_queries(0):
        others = [Client().get(f"{address}?again={n}") for n in range(3)]
        same = Client().get(address, headers={"If-None-Match": first["ETag"]})
        english = Client().get(address, headers={"Accept-Language": "en"})

    assert first.status_code == 200
    assert first["Cache-Control"] == documents.CACHE_CONTROL
    assert "Accept-Language" in first["Vary"]
    assert {other.content for other in others} == {first.content}
    assert (same.status_code, same.content) == (304, b"")
    assert english.status_code == 200
    assert Client().head(address).content == b""
    assert Client().post(address).status_code == 405


def test_whoever_asks_while_it_is_made_waits_for_that_one(rf):
    made = []

    def make():
        made.append(1)
        time.sleep(0.05)  # the others ask meanwhile
        return HttpResponse(f"{len(made)}")

    view = documents.served(documents.Document(make))

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: view(rf.get("/")).content, range(8)))

    assert len(made) == 1
    assert len(set(answers)) == 1


@pytest.mark.parametrize("address", ["/", "/c/lake/"])
def test_a_public_page_is_worked_out_once_in_ten_seconds_whatever_its_query(
    lake, settings, address
):
    settings.PAGE_SECONDS = 10
    first = Client().get(address)

    with CaptureQueriesContext(connection) as asked:
        again = [Client().get(f"{address}?n={n}") for n in range(3)]
    english = Client().get(address, headers={"Accept-Language": "en"})

    assert len(asked) == 0
    assert {answer.content for answer in again} == {first.content}
    assert first["Cache-Control"] == "public, max-age=10"
    assert english.content != first.content


def test_a_community_there_is_not_is_no_page_to_keep(lake, settings):
    settings.PAGE_SECONDS = 10

    assert Client().get("/c/nowhere/").status_code == 404


def test_readyz_looks_once_a_second_whoever_asks(db, monkeypatch):
    health.look_anew()
    looks = []
    monkeypatch.setattr(health, "require_database", lambda: looks.append(1))

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: health.look(), range(40)))

    assert told == [None] * 40
    assert len(looks) == 1
    health.look_anew()


# --- how they are found -----------------------------------------------------------------------
def test_an_address_is_looked_up_as_django_would_find_it():
    (api,) = (one for one in get_resolver().url_patterns if isinstance(one, LookedUp))
    known = [address.removeprefix("/") for address in addresses(api, "/api/v1/")]
    assert len(known) > 300
    for address in known:
        one, other = (find(address) for find in (api.resolve, super(LookedUp, api).resolve))
        assert (one.func, one.kwargs, one.route) == (other.func, other.kwargs, other.route)
    for address in ("api/v1/", "api/v1/nowhere", "api/v1/me/nowhere", "api/v1/me/", "nowhere/me"):
        with pytest.raises(Resolver404):
            api.resolve(address)
