"""All pages of people's rooms and of the board, as the URL conf has them; walks look for them."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.conf import settings
from django.urls import Resolver404, URLPattern, get_resolver, resolve

from backend.top.pages.base import Page
from backend.top.pages.installing import ManifestView, WorkerView
from backend.top.pages.kept import KeptPage

ROOMS = (settings.ME_PATH, settings.SCAN_PATH)
# Of a room, but no pages that somebody has to be logged in for.
OPEN = (ManifestView, WorkerView)
PICTURE = re.compile(r"\.(svg|png|jpg)$")
ENTERING = "backend.top.pages.entering"


def _patterns(resolver: Any, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for one in resolver.url_patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLPattern):
            yield route, one
        else:
            yield from _patterns(one, route)


def view_of(pattern: Any) -> Any:
    return getattr(getattr(pattern, "callback", pattern), "view_class", None)


@cache
def all_routes() -> dict[str, Any]:
    """By route, what answers there in the rooms and on the board."""
    begins = tuple(room.removeprefix("/") for room in ROOMS)
    return {
        route: one.callback
        for route, one in _patterns(get_resolver())
        if route.startswith((*begins, "c/")) or route == ""
    }


def is_page(view: Any) -> bool:
    """Tell whether a view is a page that is read: one of a room, or the board's."""
    kind = view_of(view)
    return isinstance(kind, type) and issubclass(kind, Page | KeptPage)


@cache
def pages() -> frozenset[str]:
    """The routes of all pages; not those of the pictures in them."""
    return frozenset(
        route for route, view in all_routes().items() if is_page(view) and not PICTURE.search(route)
    )


def behind_a_log_in() -> dict[str, Any]:
    """By route, what is of a room and for whoever is logged in to it."""
    return {
        route: view
        for route, view in all_routes().items()
        if f"/{route}".startswith(ROOMS)
        and not view.__module__.startswith(ENTERING)
        and not str(getattr(view_of(view), "__module__", "")).startswith(ENTERING)
        and not (view_of(view) and issubclass(view_of(view), OPEN))
        and view.__name__ != "token"
        and not route.endswith("/invitations")  # by its code
    }


def route_of(path: str) -> str | None:
    """The route of a page's address; None where there is no page."""
    try:
        found = resolve(path).route
    except Resolver404:
        return None
    return found if found in pages() else None
