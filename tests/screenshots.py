"""``make screenshots``: a picture of every page, in both languages, at a desk and on a phone.

Looks at the demo community and follows links: at the console as everybody of the demo who may use
it, at /me/ and /scan/ as volunteers and shops, on the board as nobody. Of each page the first one
met is pictured. Pictures are in ``var/screenshots``; at the end it says which pages the demo leads
nobody to. ``… var/screenshots rooms`` pictures one part alone.
"""

import json
import os
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django


@dataclass(frozen=True)
class Sight:
    """A part of the pages: who looks, from where, and which page an address is."""

    routes: frozenset[str]
    route_of: Callable[[str], str | None]
    lookers: tuple[tuple[str, str], ...]  # username, "" for nobody, and the first page
    ways: tuple[str, ...]  # in which they log in
    is_left_out: str = "\0"  # in the query of links that are not followed


def sights() -> dict[str, Sight]:
    from django.http import Http404
    from django.urls import resolve

    from backend.top.calls import API
    from backend.top.console.pages import all_pages
    from tests.pages import routes

    console = "/console/"

    def of_console(path: str) -> str | None:
        if not path.startswith(console):
            return None
        try:
            return resolve(API + path.removeprefix(console)).route.removeprefix(API[1:])
        except Http404:
            return None

    return {
        "console": Sight(
            routes=frozenset(all_pages()),
            route_of=of_console,
            lookers=tuple((name, console) for name in ("manager", "staff", "auditor", "operator")),
            ways=("password", "mfa"),
            is_left_out="do=",
        ),
        "rooms": Sight(
            routes=routes.pages(),
            route_of=routes.route_of,
            lookers=(
                ("", "/"),
                ("volunteer", "/me/"),
                ("rider", "/me/"),
                ("staff", "/me/"),
                ("clerk", "/scan/"),
                ("owner", "/scan/"),
            ),
            ways=("wechat",),
        ),
    }


class Pictures:
    """Takes the pictures; ``wrong`` is what was seen to be so on the way."""

    def __init__(self, folder: Path, chromium: Any, url: str) -> None:
        self.folder, self.chromium, self.url = folder, chromium, url
        self.pictured: dict[str, str] = {}
        self.wrong: list[str] = []

    def windows(self, cookies: list[dict[str, str]]) -> dict[tuple[str, int], Any]:
        from tests import browser

        made = {}
        for language, locale in browser.LANGUAGES.items():
            for size in (browser.WIDE, browser.PHONE):
                context = self.chromium.new_context(viewport=size, locale=locale)
                context.add_cookies(cookies)
                made[language, size["width"]] = browser.Window(context.new_page(), self.url)
        return made

    def look(self, part: str, sight: Sight, username: str, first: str) -> None:
        """Follow the links of one person, and picture what nobody before them met."""
        windows = self.windows(self.cookies(sight, username, first))
        leading = next(iter(windows.values()))
        todo, seen = deque([first]), set[str]()
        while todo:
            link = todo.popleft()
            answer = leading.goto(link)
            if answer is None or answer.status != 200:
                self.wrong.append(f"{link} is refused to {username}: {answer and answer.status}")
                continue
            here = urlsplit(leading.page.url)
            for found in leading.page.eval_on_selector_all(
                "a[href]", "links => links.map(link => link.href)"
            ):
                parts = urlsplit(found)
                to = sight.route_of(parts.path) if found.startswith(self.url) else None
                if to in sight.routes and to not in seen and sight.is_left_out not in parts.query:
                    seen.add(str(to))
                    todo.append(f"{parts.path}{'?' if parts.query else ''}{parts.query}")
            route = sight.route_of(here.path)
            if route in sight.routes and f"{part} {route}" not in self.pictured:
                self.picture(f"{part} {route}", username, here, windows)
        for window in windows.values():
            self.wrong += [*window.foreign, *window.wrong]
            window.page.context.close()

    def picture(self, page: str, username: str, here: Any, windows: dict[Any, Any]) -> None:
        last = here.path.strip("/").split("/")[-1][:30]
        name = f"{page.split()[0]}-{len(self.pictured):03}-{username or 'nobody'}-{last}"
        self.pictured[page] = name
        for (language, width), window in windows.items():
            if (language, width) != next(iter(windows)):  # which is there
                window.goto(here._replace(scheme="", netloc="").geturl())
            window.page.screenshot(
                path=self.folder / f"{name}-{language}-{width}.png", full_page=True
            )
            if window.runs_over():
                self.wrong.append(f"{name}: {page} is wider than its window")

    def cookies(self, sight: Sight, username: str, first: str) -> list[dict[str, str]]:
        from django.conf import settings
        from django.core.cache import cache

        from backend.accounts.models import User
        from tests.conftest import session_of

        cache.clear()
        if not username:
            return []
        operator = {"name": "运维", "is_superuser": True}
        user, _ = User.objects.get_or_create(username=username, defaults=operator)
        key = str(session_of(user, *sight.ways, room=first).session_key)
        return [{"name": settings.SESSION_COOKIE_NAME, "value": key, "url": self.url}]


def main(folder: Path, *parts: str) -> int:
    django.setup()
    from django.core.management import call_command

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    call_command("migrate", verbosity=0, interactive=False)
    call_command("load_demo", verbosity=0)
    from tests import browser

    folder.mkdir(parents=True, exist_ok=True)
    there = sights()
    with browser.serving() as url, browser.chromium() as chromium:
        pictures = Pictures(folder, chromium, url)
        for part in parts or there:
            for username, first in there[part].lookers:
                pictures.look(part, there[part], username, first)
    pictured = pictures.pictured
    (folder / "pages.json").write_text(json.dumps(pictured, indent=2, ensure_ascii=False))
    known = {f"{part} {route}" for part in parts or there for route in there[part].routes}
    print(f"{len(pictured)} of {len(known)} pages are in {folder}.")
    for page in sorted(known - pictured.keys()):
        print(f"The demo leads nobody to {page}")
    for said in pictures.wrong:
        print(said)
    return 1 if pictures.wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
