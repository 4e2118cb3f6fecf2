"""A real browser at our pages, which sees what a test wrote, also before it is committed.

Fixtures for the conftest.py of those who look at pages: ``browser`` is Chromium, ``site`` the
address at which this process serves, ``look`` opens a window. A window fails its test if the page
asked another host for anything, broke its own policy, or said that something went wrong.
"""

import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.db import connections
from django.test.testcases import QuietWSGIRequestHandler

from tests.long import IS_LONG
from tests.shapes import colour_of, shapes

sync_api = pytest.importorskip("playwright.sync_api")
# The shell has no window around a page, and costs a third of what a whole browser does.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
AXE = Path(__file__).parents[1] / "backend/top/pages/node_modules/axe-core/axe.min.js"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
LANGUAGES = {"zh-hans": "zh-CN", "en": "en-US"}
# Chromium tells of each refusal of the page itself as of a broken file; those tests ask for.
REFUSED = "Failed to load resource: the server responded with a status of 4"
WATCH = """document.addEventListener("securitypolicyviolation", event =>
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"""

# What a test leaves in a browser. A service worker goes with its window.
FORGET = """async () => {
  sessionStorage.clear();
  return (await navigator.serviceWorker.getRegistrations()).length === 0;
}"""
LOOK = """() => [
  matchMedia("(prefers-color-scheme: dark)").matches,
  ...[...document.styleSheets].map((one) => one.href),
  document.querySelector("#nav-sidebar-apps")?.outerHTML ?? "",
  document.documentElement.outerHTML,
]"""
# No rule that is on asks for the style sheets once more.
BARRIERS = """async ([where, rules]) => {
  const how = { resultTypes: ["violations"], preload: { assets: ["media"] }, ...rules };
  const { violations } = await axe.run(where, how);
  const told = (rule, node) => `${rule.id}: ${rule.help}: ${node.target.join(" ")}`;
  return violations.flatMap((rule) => rule.nodes.map((node) => told(rule, node)));
}"""
CONTRAST = "color-contrast"
# Puts the words and styles of another page in place of those that are shown.
SHOW = """async (html) => {
  const other = new DOMParser().parseFromString(html, "text/html");
  other.querySelectorAll("noscript").forEach((one) => one.remove());
  const of = (page) => [...page.querySelectorAll("link[rel=stylesheet]")];
  const told = (page) => of(page).map((one) => one.getAttribute("href")).join();
  if (told(other) !== told(document)) {
    const links = of(other);
    const loaded = links.map((one) => new Promise((done) => { one.onload = one.onerror = done; }));
    of(document).forEach((one) => one.remove());
    document.head.append(...links);
    await Promise.all(loaded);
  }
  document.title = other.title;
  document.documentElement.lang = other.documentElement.lang;
  document.body.replaceWith(other.body);
}"""
# Playwright waits for a promise of a page without end.
IN_TIME = """(given) => Promise.race([
  (%s)(given),
  new Promise((_, fail) => setTimeout(() => fail(new Error("It took too long.")), 120_000)),
])"""
QUIET = "/static/console/icon.svg"  # where a window waits for the next test: nothing runs there
KEPT = """async ([path, tries]) => {
  for (; tries; tries--) {
    if (await caches.match(path)) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}"""


# --- serving ----------------------------------------------------------------------------------
class Serving(ThreadedWSGIServer):
    """Answers with the connection of the test, one request at a time."""

    def _close_connections(self) -> None:
        pass  # it is the test's

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a browser that closes a page ends what it asked for


class OneAtATime(WSGIHandler):
    """Our application, for threads that share a connection to the database."""

    turn: ClassVar = threading.Lock()
    is_open: ClassVar = True

    def __call__(self, environ: Any, start_response: Any) -> Any:
        with self.turn:
            if not self.is_open:
                start_response("503 Service Unavailable", [])
                return []
            answer = super().__call__(environ, start_response)
            try:
                content = b"".join(answer)
            finally:
                answer.close()
        return [content]


@contextmanager
def serving() -> Iterator[str]:
    """Serve our pages from this process, on this thread's connections; gives the address."""
    shared = {alias: connections[alias] for alias in connections}
    for connection in shared.values():
        connection.inc_thread_sharing()
        # Each request begins and ends by closing what a transaction left open, such as the test's.
        connection.close_if_unusable_or_obsolete = lambda: None  # type: ignore[method-assign]
    server = Serving(("127.0.0.1", 0), QuietWSGIRequestHandler, connections_override=shared)
    server.set_app(OneAtATime())
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        for connection in shared.values():
            connection.dec_thread_sharing()
            del connection.close_if_unusable_or_obsolete


@pytest.fixture(scope="session")
def site(browser: Any, django_db_setup: None) -> Iterator[str]:
    """The address at which this process serves what its tests have written.

    The browser comes first: within the loop it keeps, this thread's connection is another.
    """
    with serving() as address:
        yield address


@pytest.fixture
def visited(site: str) -> Iterator[str]:
    """The address, where nobody is served once the test is over.

    What a page that is closed had asked for would be told by a connection that begins another test.
    """
    OneAtATime.is_open = True
    yield site
    with OneAtATime.turn:
        OneAtATime.is_open = False


# --- looking ----------------------------------------------------------------------------------
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a screen."""
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield launched
        finally:
            launched.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for all tests of a worker."""
    # Playwright keeps a loop in this thread, and Django would take all statements from now on for
    # asynchronous ones.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with chromium() as launched:
        yield launched
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@dataclass
class Window:
    """A window of the browser, and what it noticed.

    ``foreign`` are requests to other hosts, ``wrong`` what the page's console called an error.
    """

    page: Any
    url: str
    script: str = ""  # which runs before those of each page
    has_clock: bool = False
    foreign: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    checked: ClassVar[set[Any]] = set()  # shapes of pages that keep nobody out, and their colours

    def __post_init__(self) -> None:
        self.page.set_default_timeout(30_000)
        self.page.add_init_script(f"{WATCH};{self.script}")
        self.page.on("request", self._note_request)
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))

    def goto(self, path: str) -> Any:
        """Open a page of ours. Returns the response."""
        return self.page.goto(f"{self.url}{path}")

    def install_clock(self) -> None:
        """Have the test move the clock of the pages, from now on."""
        self.page.clock.install()
        self.has_clock = True

    def barriers(self) -> list[str]:
        """Return what axe-core finds to keep people out of the page as it is.

        Unless the proof is long, a page is not looked at of which all shapes were on others, and
        contrast where all colours were: those of a shape in a style sheet, light or dark. The
        console's navigation, half of each page, is left out where all of it was.
        """
        *theme, menu, html = self.page.evaluate(LOOK)
        seen = shapes(html)
        colours = {(*theme, *colour_of(one)) for one in seen}
        script, rules = axe(), {}
        if not IS_LONG and colours <= self.checked:
            if seen <= self.checked:
                return []
            rules = {"rules": {CONTRAST: {"enabled": False}}}
        elif not IS_LONG and seen <= self.checked:
            rules = {"runOnly": {"type": "rule", "values": [CONTRAST]}}
        if not self.page.evaluate("'axe' in window"):  # once read, it is quicker each time
            self.page.evaluate(script)
        listed = {(*theme, "menu", *one) for one in shapes(menu)}
        is_known = listed and listed <= self.checked and not IS_LONG
        where = {"exclude": [["#nav-sidebar-apps"]] if is_known else []}
        found: list[str] = self.in_time(BARRIERS, [where, rules])
        if not found:
            self.checked.update(seen, colours, listed)
        return found

    def show(self, html: str) -> None:
        """Show another page as the server wrote it, of which no scripts run."""
        self.in_time(SHOW, html)

    def in_time(self, script: str, given: Any = None) -> Any:
        """Return what a promise of the page comes to. Raises if that takes it too long."""
        return self.page.evaluate(IN_TIME % script, given)

    def runs_over(self) -> bool:
        """Tell whether the page is wider than the window."""
        return bool(
            self.page.evaluate(
                "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            )
        )

    def keeps(self, path: str, tries: int = 200) -> bool:
        """Tell whether the service worker keeps a page for later, or soon does."""
        return bool(self.in_time(KEPT, [path, tries]))

    def leave(self) -> bool:
        """Forget whom it is logged in as. Returns whether another test may look through it."""
        context = self.page.context
        if self.has_clock or len(context.pages) > 1:
            return False
        try:
            is_forgotten = self.in_time(FORGET)
            self.page.goto(f"{self.url}{QUIET}")
            self.page.unroute_all()
            stored = {"origin": self.url, "storageTypes": "local_storage,indexeddb,cache_storage"}
            session = context.new_cdp_session(self.page)
            session.send("Storage.clearDataForOrigin", stored)
            session.detach()
            context.clear_cookies()
            context.clear_permissions()
        except sync_api.Error:  # it is offline, on its way, or closed
            return False
        return bool(is_forgotten)

    def check(self) -> None:
        """Fail if the page asked others, or went wrong, since it was opened."""
        assert (self.foreign, self.wrong) == ([], [])

    def _note_request(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and not request.url.startswith(self.url):
            self.foreign.append(request.url)

    def _note_message(self, message: Any) -> None:
        if message.type == "error" and not message.text.startswith(REFUSED):
            self.wrong.append(message.text)


def axe() -> str:
    """Return axe-core's script. Skips the test where it is not installed, which CI never allows."""
    if not AXE.exists():
        if os.environ.get("CI"):
            pytest.fail("CI has no axe-core: `make setup` installs it.")
        pytest.skip("axe-core is not installed: `make setup` installs it from npm.")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def left(browser: Any) -> dict[Any, list[Window]]:
    """Windows that tests have left, by language and script: to open one takes Chromium seconds."""
    return defaultdict(list)


@pytest.fixture
def look(
    browser: Any, visited: str, left: dict[Any, list[Window]]
) -> Iterator[Callable[..., Window]]:
    """Opens windows: ``look(cookies, size=PHONE, language="en")``; checked when the test ends.

    ``script`` runs before those of each page. A window that is told more of is new.
    """
    opened: list[tuple[Window, Any]] = []

    def window(
        cookies: dict[str, str] | None = None,
        *,
        size: dict[str, int] = WIDE,
        language: str = "zh-hans",
        script: str = "",
        **how: Any,
    ) -> Window:
        kind = None if how else (language, script)
        if left[kind]:
            made = left[kind].pop()
            made.foreign.clear()
            made.wrong.clear()
            made.page.set_viewport_size(size)
            made.page.emulate_media(media="screen", color_scheme="light")
        else:
            context = browser.new_context(viewport=size, locale=LANGUAGES[language], **how)
            made = Window(context.new_page(), visited, script)
        made.page.context.add_cookies(
            [
                {"name": name, "value": value, "url": visited}
                for name, value in (cookies or {}).items()
            ]
        )
        opened.append((made, kind))
        return made

    yield window
    for made, kind in opened:
        if kind and made.leave():
            left[kind].append(made)
        else:
            made.page.context.close()
    for made, _ in opened:
        made.check()
