"""The navigation: the pages of the place that the caller works in, and their other places."""

import re
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from backend.api.callers import signed_in
from backend.communities.models import Community
from backend.communities.selectors import WATCHES_OVER, Held, places_touched_by
from backend.top.calls import Caller, filled_in
from backend.top.console.pages import Group, Page, of_place

PLACE = "console_place"  # in the session: the code of the place that was last looked at
CODE = re.compile("<(?:slug|str):code>")
FIRST_RUN = "first-run"
SEEN_SECONDS = 60  # for so long what somebody may see is not asked anew; each page asks for itself


def remember(request: HttpRequest, code: str) -> None:
    """Keep the place for the pages whose address names none."""
    if request.session.get(PLACE) != code and places_of(request).filter(code=code).exists():
        request.session[PLACE] = code


def places_of(request: HttpRequest) -> QuerySet[Community]:
    """Return the places in which the caller may use the console: communities, estates, streets.

    Whoever works in an estate finds what is theirs at the address of its community as well; a
    street is for those who work in all of it.
    """
    user = signed_in(request)
    places = places_touched_by(user, WATCHES_OVER)
    streets = Q(kind=Community.Kind.STREET)
    return places.filter(~streets | Q(Held(user, WATCHES_OVER))).order_by("kind", "name")


def place_of(request: HttpRequest) -> Community | None:
    """Return the place that the caller looked at last, or the first of theirs."""
    places = places_of(request)
    kept = request.session.get(PLACE)
    place: Community | None = places.filter(code=kept).first() if kept else None
    return place or places.first()


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the navigation as django-unfold draws it: what the caller may not read is left out."""
    if not request.user.is_authenticated:
        return []
    place = place_of(request)
    # Who works nowhere, such as an operator, has lists of nothing elsewhere.
    pages = [
        one
        for one in of_place()
        if place or (one.group == Group.SETTINGS and not CODE.search(one.route))
    ]
    code = place.code if place else ""
    may = _readable(request, pages, code)
    active = _active(request.path, [page for page in pages if page.route in may], code)
    drawn: list[dict[str, Any]] = [
        {
            "title": group.label,
            "collapsible": group != Group.HOME,
            "items": [
                {
                    "title": str(page.title),
                    "icon": page.icon,
                    "link": link_of(page, code),
                    "active": page is active,
                }
                for page in pages
                if page.group == group and page.route in may
            ],
        }
        for group in Group
    ]
    if FIRST_RUN in may:
        drawn[-1]["items"].insert(0, first_run_item(request))
    return [group for group in drawn if group["items"]]


def _active(path: str, pages: list[Page], code: str) -> Page | None:
    """Return the page of the navigation that somebody is on, or the list that opened it."""
    for page in pages:
        if path == link_of(page, code).partition("?")[0]:
            return page
    thing = path.removeprefix(settings.CONSOLE_PATH)
    return next((page for page in pages if page.opens and _opens(page).match(thing)), None)


def _opens(page: Page) -> re.Pattern[str]:
    """Return what the addresses begin with that a list leads to, of its things and below them."""
    parts = [re.escape(part) for part in re.split(r"\{\w+\}", page.opens)]
    return re.compile("[^/]+".join(parts) + "(/|$)")


def first_run_item(request: HttpRequest) -> dict[str, Any]:
    """Return the item of the first steps, for those whom they concern."""
    link = reverse("admin:first_run")
    active = request.path == link
    return {"title": _("First steps"), "icon": "checklist", "link": link, "active": active}


def _readable(request: HttpRequest, pages: list[Page], code: str) -> set[str]:
    key = f"console:{request.user.pk}:{code}"
    seen: set[str] | None = cache.get(key)
    if seen is None:
        caller = Caller(request)
        seen = {page.route for page in pages if caller.may("get", _address(page, code))}
        if request.user.is_superuser or caller.may("patch", f"communities/{code}/contact"):
            seen.add(FIRST_RUN)
        cache.set(key, seen, SEEN_SECONDS)
    return seen


def _address(page: Page, code: str) -> str:
    return filled_in(CODE.sub("{code}", page.route), {"code": code})


def link_of(page: Page, code: str) -> str:
    """Return the path of a page of the navigation."""
    query = "&".join(f"{name}={value}" for name, value in page.defaults.items())
    return f"{settings.CONSOLE_PATH}{_address(page, code)}{'?' if query else ''}{query}"


def dropdown(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the caller's places, to go from one to another."""
    if not request.user.is_authenticated:
        return []
    return [
        {"title": place.name, "link": f"{settings.CONSOLE_PATH}communities/{place.code}"}
        for place in places_of(request)
    ]
