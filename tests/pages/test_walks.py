"""Walks through the pages of the rooms and of the board, from their first pages, by their links.

A new page that something leads to is walked by itself: by whom, and what it costs, is in
tests/golden/pages.txt.
"""

import ast
import gzip
import os
import re
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from django.conf import settings
from django.core.cache import cache, caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backend.accounts.models import User
from backend.top.calls import API, Caller
from tests.backend.town import undone
from tests.backend.walks import GOLDEN, send
from tests.browser import LANGUAGES, PHONE, needs_chromium
from tests.cast import somebody
from tests.long import IS_LONG
from tests.pages.conftest import NO_WORKER, log_in
from tests.pages.routes import behind_a_log_in, pages, route_of
from tests.shapes import acting, one_of_each, shapes
from volunteers.activities import services as activities
from volunteers.models import Team
from volunteers.people.services import people
from volunteers.teams import services as teams

PAGES = Path("backend/top/pages")
SEVERAL = 4  # of a page that is about one thing or another: what it links to depends on which
COSTS = GOLDEN / "pages.txt"
WRITES = bool(os.environ.get("LINLI_WRITE_GOLDEN"))
# Whom a walk is of, and where each begins.
WALKERS = {
    "stranger": ("/",),
    "volunteer": ("/me/",),
    "leader": ("/me/",),
    "clerk": ("/scan/",),
    "owner": ("/scan/",),
}
# Pages that no link of another leads to, and what does.
LED_BY_OTHERS = {
    "me/contributions/<uuid:contribution_id>": "a notice, which asks whether thanks may be public",
    "me/family/code": "a form, for whoever is under 14",
    "me/leading/shifts/<uuid:shift_id>/hours": "a roster, where the community lets leaders verify",
    "scan/invitations": "the link of an invitation",
    "scan/shops": "any page of the room, for whoever works at several",
}
# What a page costs above its calls of the API: the session and its person; and for each thing that
# it asks whether the reader may.
CONSTANT, A_MAY = 6, 12
HEAD = f"""\
# What each page costs the database: SQL statements of one request, as the first person whom a link
# leads there. In a room it is at most what its calls cost the API, {CONSTANT} more, and {A_MAY} for
# each thing that it asks whether the reader may do.
"""
# In Chinese two English words beside each other are a text that was not translated; not names.
ENGLISH = re.compile(r"\b[A-Za-z][a-z]+ [a-z]{2,}\b")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
SCHEMES = ("light", "dark")
HEAVIEST_SCRIPT, HEAVIEST_ROOM = 30_000, 150_000  # bytes; what a first load is compressed


# --- reading ----------------------------------------------------------------------------------
class Reader(HTMLParser):
    """What a reader sees of a page: its words, and where its links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.words: list[str] = []
        self._unseen = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag in ("script", "style"):
            self._unseen += 1
        if tag == "a" and told.get("href") and "download" not in told:
            self.links.append(str(told["href"]))
        self.words += [
            str(told[name])
            for name in ("placeholder", "aria-label", "title", "alt")
            if told.get(name)
        ]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._unseen -= 1

    def handle_data(self, data: str) -> None:
        if not self._unseen and data.strip():
            self.words.append(" ".join(data.split()))


@dataclass(frozen=True)
class Found:
    """A page that somebody was led to."""

    route: str
    address: str
    walker: str
    html: str
    cost: int  # SQL statements
    asked: tuple[tuple[str, Any], ...]  # of the API: addresses and queries


class Walk:
    """A walk by each of the walkers, in Chinese: ``pages`` are found, ``wrong`` what is.

    The first of a worker's tests walks; the town of the others has the same addresses.
    """

    walked: ClassVar["Walk | None"] = None
    english: ClassVar[dict[str, Any]] = {}  # answers, by route

    def __init__(self, clients: dict[str, Client]) -> None:
        self.clients = clients
        self.pages: list[Found] = []
        self.leads_on: set[str] = set()
        self.wrong: list[str] = []
        if Walk.walked is None:
            with noting() as asked:
                for walker, roots in WALKERS.items():
                    self.begin(walker, roots, asked)
            Walk.walked = self
        self.pages, self.wrong = Walk.walked.pages, Walk.walked.wrong
        self.leads_on = Walk.walked.leads_on

    def begin(self, walker: str, roots: tuple[str, ...], asked: list[tuple[str, Any]]) -> None:
        todo = deque((root, "") for root in roots)
        met, seen = Counter[str](), set(roots)
        known = {one.route for one in self.pages}  # what somebody before saw is opened once
        while todo:
            address, before = todo.popleft()
            asked.clear()
            with CaptureQueriesContext(connection) as captured:
                answer = get(self.clients[walker], address)
            route = str(route_of(urlsplit(address).path))
            if answer.status_code == 200:
                html, cost = answer.content.decode(), len(statements_in(captured))
                self.pages.append(Found(route, address, walker, html, cost, tuple(asked)))
                links = Reader(html).links
            elif answer.status_code == 302:
                self.leads_on.add(route)  # as a notice does, to what it is about
                links = [answer["Location"]]
            else:
                self.wrong.append(f"{walker}: {before} → {address}: {answer.status_code}")
                continue
            for link in links:
                parts = urlsplit(urljoin(address, link))
                to = f"{parts.path}{'?' if parts.query else ''}{parts.query}"
                there = None if parts.netloc else route_of(parts.path)
                if (
                    there is not None
                    and to not in seen
                    and met[there] < (1 if there in known else SEVERAL)
                ):
                    seen.add(to)
                    met[there] += 1
                    todo.append((to, address))

    def each_once(self) -> list[Found]:
        """Each page, as the first who was led to it."""
        found: dict[str, Found] = {}
        for one in self.pages:
            found.setdefault(one.route, one)
        return list(found.values())

    def in_english(self, one: Found) -> Any:
        """The answer to whoever reads English."""
        if one.route not in self.english:
            self.english[one.route] = get(self.clients[one.walker], one.address, "en")
        return self.english[one.route]


@contextmanager
def noting() -> Iterator[list[tuple[str, Any]]]:
    """The calls that pages make of the API; of whether somebody may, without an address."""
    asked: list[tuple[str, Any]] = []
    truly, may = Caller.send, Caller.may

    def noted(self, method, address, *, query="", **how):
        asked.append((address, query))
        return truly(self, method, address, query=query, **how)

    def noted_may(self, method, address):
        asked.append(("", ""))
        return may(self, method, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Caller, "send", noted)
        patch.setattr(Caller, "may", noted_may)
        yield asked


def statements_in(captured: CaptureQueriesContext) -> list[str]:
    """The statements that were sent, but for those that begin and end transactions."""
    sent = (query["sql"] for query in captured.captured_queries)
    return [one for one in sent if not one.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))]


def get(client: Client, address: str, language: str = "zh-hans") -> Any:
    cache.clear()
    caches["pages"].clear()
    with undone():
        return client.get(address, headers={"Accept-Language": language})


# --- who walks --------------------------------------------------------------------------------
def leader(lake) -> User:
    """林队长, who leads one of the town's teams."""
    user = somebody("leader", "林队长", "19810000099")
    people.enrol(user=user, community=lake, kind="rider")
    team = Team.objects.filter(community=lake, is_open=True).earliest("pk")
    member, _ = teams.join(team=team, volunteer=user)
    teams.appoint(member=member, appointed_by=None)
    activity = activities.plan_activity(
        community=lake, title="巡河", category="巡逻", team_id=team.pk, is_public=True
    )
    begins = timezone.now() + timedelta(minutes=10)
    activities.plan_shift(activity=activity, starts_at=begins, ends_at=begins + timedelta(hours=2))
    return user


@pytest.fixture
def walkers(town, lake, kept) -> dict[str, User | None]:
    """People of the town by what they are; a stranger is nobody."""
    known = {name: User.objects.get(username=name) for name in ("volunteer", "clerk", "owner")}
    return {"stranger": None, "leader": kept(leader, lake), **known}


@pytest.fixture
def walk(walkers) -> Walk:
    clients = {}
    for walker, roots in WALKERS.items():
        clients[walker] = Client()
        if user := walkers[walker]:
            clients[walker].cookies[settings.SESSION_COOKIE_NAME] = log_in(user, roots[0])
    return Walk(clients)


# --- what is found ----------------------------------------------------------------------------
@pytest.mark.slow
def test_links_lead_to_every_page_and_to_nothing_that_is_not_there(walk):
    assert walk.wrong == []
    found = {one.route for one in walk.pages} | walk.leads_on
    assert sorted(pages() - found - LED_BY_OTHERS.keys()) == []
    assert found.isdisjoint(LED_BY_OTHERS), "A link does lead there."


@pytest.mark.slow
def test_each_page_speaks_the_readers_language(walk, subtests):
    for one in walk.each_once():
        with subtests.test(page=one.route, walker=one.walker):
            english, words = walk.in_english(one), Reader(one.html).words
            assert english.status_code == 200
            assert [text for text in words if ENGLISH.search(text)] == []
            assert any(CHINESE.search(text) for text in words)
            assert '<html lang="en"' in english.content.decode()


# --- what it costs ----------------------------------------------------------------------------
@pytest.mark.slow
def test_a_page_costs_what_its_calls_cost_the_api_and_a_constant(walk, walkers, logged_in):
    told, dear = [], []
    for one in walk.each_once():
        told.append(f"/{one.route:<64} {one.cost:>3}  {one.walker}")
        if (user := walkers[one.walker]) is None:
            continue  # the board asks the database itself
        headers = {"Authorization": logged_in(user).defaults["HTTP_AUTHORIZATION"]}
        most = CONSTANT
        for address, query in one.asked:
            if not address:
                most += A_MAY
                continue
            with undone(), CaptureQueriesContext(connection) as captured:
                send("GET", f"{API}{address}{as_query(query)}", None, headers)
            most += len(captured)
        if one.cost > most:
            dear.append((one.route, one.cost, most))

    lines = "\n".join([HEAD + f"{'page':<65} SQL  as", *sorted(told), ""])
    if WRITES:
        COSTS.write_text(lines, encoding="utf-8")
    assert dear == []
    assert COSTS.read_text(encoding="utf-8") == lines, (
        "pages.txt says otherwise; if as it should be, LINLI_WRITE_GOLDEN=1 writes it anew."
    )


def as_query(query: Any) -> str:
    text = query if isinstance(query, str) else urlencode(query, doseq=True)
    return f"?{text}" if text else ""


# --- whom it keeps out ------------------------------------------------------------------------
@pytest.mark.slow
@needs_chromium
def test_no_page_keeps_anybody_out(walk, look, site, subtests):
    """By axe-core in one language or the other, light or dark; in both it fits a small phone.

    Pages are opened until each script was on one, and all in both languages if the proof is long.
    """
    windows = [look(size=PHONE, language=language, script=NO_WORKER) for language in LANGUAGES]
    pages = walk.each_once()
    chosen = set(one_of_each({one.route: acting(one.html) for one in pages}))
    walker = None
    for number, one in enumerate(one for one in pages if one.route in chosen or IS_LONG):
        if one.walker != walker:
            walker = one.walker
            session = walk.clients[walker].cookies.get(settings.SESSION_COOKIE_NAME)
            cookie = session and {"name": session.key, "value": session.value, "url": site}
            for window in windows:
                window.page.context.clear_cookies()
                if cookie:
                    window.page.context.add_cookies([cookie])
        cache.clear()
        for turn, window in enumerate(windows):
            is_its_turn = turn == number % 2
            if not is_its_turn and not IS_LONG:
                continue
            with subtests.test(page=one.route, walker=walker):
                window.page.emulate_media(color_scheme=SCHEMES[number // 2 % 2])
                assert window.goto(one.address).status == 200
                assert not window.runs_over()
                if is_its_turn:
                    assert window.barriers() == []
                noticed = [*window.foreign, *window.wrong]
                window.foreign.clear()
                window.wrong.clear()
                assert noticed == []


@pytest.mark.slow
@needs_chromium
def test_no_page_is_wider_than_a_phone_as_the_server_writes_it(walk, look, subtests):
    """In both languages; and in one of them, light or dark, a page of each shape is for everybody.

    What scripts add is looked at above.
    """
    window = look(size=PHONE, script=NO_WORKER)
    window.goto("/")
    pages = walk.each_once()
    chosen = set(one_of_each({one.route: shapes(one.html) for one in pages}))
    for number, one in enumerate(pages):
        for turn, html in enumerate((one.html, walk.in_english(one).content.decode())):
            with subtests.test(page=one.route):
                window.show(html)
                assert not window.runs_over()
                if one.route in chosen and turn == number % 2:
                    window.page.emulate_media(color_scheme=SCHEMES[number // 2 % 2])
                    assert window.barriers() == []


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize(("who", "room"), [("wang", "/me/"), ("chen", "/scan/")])
def test_a_room_is_light_when_it_is_first_opened(request, phone, who, room):
    first_time = {"service_workers": "allow"}  # in a browser of its own, which keeps nothing yet
    window = phone(request.getfixturevalue(who), room, **first_time)
    answers: list[Any] = []
    window.page.on("response", lambda answer: answers.append(answer))

    window.page.goto(f"{window.url}{room}", wait_until="networkidle")

    sizes = {one.url: len(gzip.compress(one.body())) for one in answers}
    assert len(sizes) > 2
    assert not [url for url in sizes if "zxing" in url]  # which the first tap loads
    assert sum(sizes.values()) < HEAVIEST_ROOM, sizes


# --- what stands in the code ------------------------------------------------------------------
FILLED_IN = {"uuid": "01920000-0000-7000-8000-000000000000", "int": "1"}


def test_whoever_is_not_logged_in_is_led_to_the_log_in_of_the_room(db):
    for route in behind_a_log_in():
        address = "/" + re.sub(
            r"<(?:(\w+):)?\w+>", lambda found: FILLED_IN.get(found[1], "x"), route
        )
        room = f"/{route.partition('/')[0]}/"
        cache.clear()

        answer = Client().get(address)

        assert answer.status_code == 302, address
        assert answer["Location"] == f"{room}log-in?next={address}"


def imported_by(source: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{one.name}" for one in node.names}
    return names


def test_no_page_of_a_room_asks_the_database_itself():
    sources = [PAGES / "base.py", *(PAGES / "me").rglob("*.py"), *(PAGES / "scan").rglob("*.py")]
    for source in sources:
        for name in imported_by(source):
            assert not {"selectors", "services", "models", "db"} & {*name.split(".")}, (
                f"{source}: {name}"
            )


def test_a_script_is_short_enough_for_a_slow_network():
    for script in (PAGES / "static").rglob("*.js"):
        assert script.stat().st_size < HEAVIEST_SCRIPT, script
