"""``make screenshots``: a picture of every page of the console, in both languages.

Looks at the demo community, as everybody of the demo who may use the console, and follows links: of
each page that the registry has the first one met is pictured. Pictures are in ``var/screenshots``;
at the end it says which pages the demo leads nobody to.
"""

import json
import os
import sys
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django

LOOKERS = ("manager", "staff", "auditor")  # of the demo; and an operator
NARROW = 6  # pages that are pictured as on a phone too
CONSOLE = "/console/"


def main(folder: Path) -> int:
    django.setup()
    from django.conf import settings
    from django.core.cache import cache
    from django.core.management import call_command
    from django.http import Http404
    from django.urls import resolve

    from backend.accounts.models import User
    from backend.top.calls import API
    from backend.top.console.pages import all_pages

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    call_command("migrate", verbosity=0, interactive=False)
    call_command("load_demo", verbosity=0)
    from tests import browser
    from tests.conftest import session_of

    users = [User.objects.get(username=name) for name in LOOKERS]
    operator = {"name": "运维", "is_superuser": True}
    users += [User.objects.get_or_create(username="operator", defaults=operator)[0]]
    folder.mkdir(parents=True, exist_ok=True)
    routes, pictured, wrong = all_pages(), dict[str, str](), list[str]()

    def route_of(link: str) -> str:
        try:
            return resolve(API + link.removeprefix(CONSOLE)).route.removeprefix(API[1:])
        except Http404:
            return ""

    def picture(window: Any, route: str, name: str) -> None:
        window.page.screenshot(path=folder / f"{name}.png", full_page=True)
        if window.runs_over():
            wrong.append(f"{name}: {route} is wider than its window")

    with browser.serving() as url, browser.chromium() as chromium:
        for user in users:
            cookie = {
                "name": settings.SESSION_COOKIE_NAME,
                "value": session_of(user, "password", "mfa").session_key,
                "url": url,
            }
            cache.clear()
            windows = {}
            for language, locale in browser.LANGUAGES.items():
                for size in (browser.WIDE, browser.PHONE):
                    context = chromium.new_context(viewport=size, locale=locale)
                    context.add_cookies([cookie])
                    windows[language, size["width"]] = browser.Window(context.new_page(), url)
            chinese = windows["zh-hans", browser.WIDE["width"]]
            todo, seen = deque([CONSOLE]), set[str]()
            while todo:
                link = todo.popleft()
                answer = chinese.goto(link)
                if answer is None or answer.status != 200:
                    wrong.append(
                        f"{link} is refused to {user.username}: {answer and answer.status}"
                    )
                    continue
                here = urlsplit(chinese.page.url)
                route = route_of(here.path)
                for found in chinese.page.eval_on_selector_all(
                    "a[href]", "links => links.map(link => link.href)"
                ):
                    parts = urlsplit(found)
                    to = route_of(parts.path) if parts.path.startswith(CONSOLE) else ""
                    if to in routes and to not in seen and "do=" not in parts.query:
                        seen.add(to)
                        todo.append(f"{parts.path}{'?' if parts.query else ''}{parts.query}")
                if route not in routes or route in pictured:
                    continue
                name = (
                    f"{len(pictured):03}-{user.username}-{here.path.strip('/').split('/')[-1][:30]}"
                )
                is_narrow = len(pictured) < NARROW
                pictured[route] = name
                for (language, width), window in windows.items():
                    if width == browser.WIDE["width"] or is_narrow:
                        window.goto(chinese.page.url.removeprefix(url))
                        picture(window, route, f"{name}-{language}-{width}")
            for window in windows.values():
                wrong += [*window.foreign, *window.wrong]
    (folder / "pages.json").write_text(json.dumps(pictured, indent=2, ensure_ascii=False))
    print(f"{len(pictured)} of {len(routes)} pages are in {folder}.")
    for route in sorted(routes.keys() - pictured.keys()):
        print(f"The demo leads nobody to {route}")
    for said in wrong:
        print(said)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
