"""Walks through every page of the console: who may open it, what it costs, whom it keeps out.

Pages come from their registry and who may see them from the API: a new page is walked by itself.
"""

import os
import re
from functools import cache
from typing import NamedTuple

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backend.accounts.models import User
from backend.top.console.pages import Page, all_pages
from backend.top.console.site import site as console
from tests.backend.town import CALLERS, undone
from tests.backend.walks import GOLDEN, Kept, document, kept, operations, send
from tests.browser import LANGUAGES, needs_chromium
from tests.console.conftest import log_in
from tests.long import IS_LONG
from tests.shapes import acting, one_of_each, shapes
from tests.verified import untriggered
from volunteers.models import Report

API, CONSOLE = "/api/v1/", "/console/"
HOME = "communities/<str:code>"
NAME = re.compile(r"<\w+:(\w+)>")
BRACED = re.compile(r"\{[^}]*\}")
COSTS = GOLDEN / "console.txt"
WRITES = bool(os.environ.get("LINLI_WRITE_GOLDEN"))
# What a page costs above what its address costs the API: the session, its person, their places and
# the zone, and for each action that is offered whether it may be.
CONSTANT, AN_ACTION = 24, 6
HEAD = f"""\
# What each page costs the database: SQL statements of one request, as the first caller who may,
# once the navigation is known. It is at most what its address costs the API, {CONSTANT} more, and
# {AN_ACTION} for each action that the page declares.
"""


@cache
def readable():
    """By the API's path, the operation that reads it and the names in it."""
    return {
        path: (operation_id, names)
        for operation_id, method, path, names in operations()
        if method == "GET"
    }


def path_of(page: Page) -> str:
    """The API's path of a page, as the document has it."""
    return API + NAME.sub(r"{\1}", page.route)


def address_of(page: Page, town) -> str:
    """The address of a page, about things of the lake's that somebody may read."""
    operation_id, names = readable()[path_of(page)]
    rows, which = town.rows["lake"], kept().get(operation_id, Kept()).which
    values = {
        name: rows[name][number]
        for name, number in zip(names, which or [0] * len(names), strict=True)
    }
    return NAME.sub(r"{\1}", page.route).format(**values)


@pytest.fixture
def desks(town, desk):
    """By caller, a client at the console; anonymous has not logged in."""
    made = {}

    def of(caller, client):
        if caller not in made:
            is_known = caller != "anonymous"
            made[caller] = desk(User.objects.get(username=caller)) if is_known else client
        return made[caller]

    return of


def first_who_may(page, town):
    """The first caller whom the API lets read the address of a page."""
    if page.route != HOME and (known := kept().get(readable()[path_of(page)][0])):
        return known.caller if known.caller != "anonymous" else "staff"
    address = address_of(page, town) + ("/work" if page.route == HOME else "")
    for caller in CALLERS[1:]:
        with undone():
            if send("GET", API + address, None, town.headers[caller]).status_code == 200:
                return caller
    raise AssertionError(f"Nobody may read {address}: see town.py.")


# --- who may ----------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_page_answers_everybody_as_its_address_of_the_api_does(town, desks, client, subtests):
    """Each page with code of its own, and eight others, as one of the callers in turn.

    If the proof is long, each page as all of them. As whom it lets in each page is drawn below.
    """
    pages = sorted(all_pages().values(), key=lambda page: not (page.template or page.adds))
    own = sum(1 for page in pages if page.template or page.adds)
    for number, page in enumerate(pages if IS_LONG else pages[: own + 8]):
        address = address_of(page, town)
        asked = f"{address}/work" if page.route == HOME else address  # it is for who works there
        for caller in CALLERS if IS_LONG else CALLERS[number % len(CALLERS) :][:1]:
            with subtests.test(page=page.route, caller=caller):
                browser = desks(caller, client)
                with undone():
                    status = send("GET", API + asked, None, town.headers[caller]).status_code
                with undone():
                    answer = browser.get(CONSOLE + address)
                if caller == "anonymous":
                    assert answer.status_code == 302
                    assert answer["Location"].startswith("/console/account/login")
                else:
                    assert answer.status_code == status


def test_nothing_is_registered_with_django_admin():
    assert console._registry == admin.site._registry == {}


def test_every_action_of_every_page_is_an_operation_of_the_api():
    documented = {
        (method, BRACED.sub("{}", path))
        for path, methods in document()["paths"].items()
        for method in methods
    }

    for page in all_pages().values():
        assert ("get", BRACED.sub("{}", path_of(page))) in documented, page.route
        for action in page.actions:
            address = BRACED.sub("{}", f"{API}{action.address}")
            assert (action.method, address) in documented, (page.route, action.address)


# --- what it costs ----------------------------------------------------------------------------
class Drawn(NamedTuple):
    """A page as the first caller who may."""

    caller: str
    html: str
    cost: int  # SQL statements


pages_drawn: dict[str, Drawn] = {}  # by route, for all tests of a worker


@pytest.fixture
def drawn(town, desks, client):
    """By route, each page as the first caller who may."""
    known = costs()
    for page in [] if pages_drawn else all_pages().values():
        caller = first_who_may(page, town)
        browser, address = desks(caller, client), address_of(page, town)
        html, sent = statements_of(browser, address, is_warm=True)
        if WRITES or len(sent) != known.get(page.route):  # what is asked for once a minute was now
            html, sent = statements_of(browser, address, is_warm=True)
        pages_drawn[page.route] = Drawn(caller, html, len(sent))
    return pages_drawn


def statements_of(client, address, *, is_warm=False):
    """A page, and its statements but for those that begin and end transactions."""
    if not is_warm:
        with undone():
            client.get(CONSOLE + address)  # the navigation is asked for once a minute
    with undone(), CaptureQueriesContext(connection) as captured:
        answer = client.get(CONSOLE + address)
    assert answer.status_code == 200
    sent = (query["sql"] for query in captured.captured_queries)
    return answer.text, [
        one for one in sent if not one.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))
    ]


def costs():
    """By route, the statements that a page cost when they were written down."""
    lines = (line.rsplit(maxsplit=2) for line in COSTS.read_text(encoding="utf-8").splitlines())
    return {line[0]: int(line[1]) for line in lines if len(line) == 3 and line[1].isdigit()}


@pytest.mark.slow
def test_a_page_costs_what_the_api_costs_and_a_constant(drawn):
    told, dear = [], []
    for page in all_pages().values():
        caller, _, cost = drawn[page.route]
        told.append(f"{page.route:<72} {cost:>3}  {caller}")
        if page.related or page.adds or page.route == HOME:
            continue
        most = kept()[readable()[path_of(page)][0]].cost + CONSTANT + AN_ACTION * len(page.actions)
        if cost > most:
            dear.append((page.route, cost, most))

    lines = "\n".join([HEAD + f"{'page':<72} SQL  as", *sorted(told), ""])
    if WRITES:
        COSTS.write_text(lines, encoding="utf-8")
    assert dear == []
    assert COSTS.read_text(encoding="utf-8") == lines, (
        "console.txt says otherwise; if as it should be, LINLI_WRITE_GOLDEN=1 writes it anew."
    )


MANY = 1_000_000 if IS_LONG else 3_000
REPORTS = """
    INSERT INTO volunteers_report
        (id, community_id, source, reporter_id, category, is_confidential, colour, answers, text,
         place, coord_type, status, is_by_child, is_screened, answer, ruled_as, reporter_group,
         reason, due_at, submitted_at)
    SELECT uuid7(), '{community}', 'app', '{reporter}', 'facility', false, 'blue', '{{}}',
        '路灯不亮', '', 'wgs84', 'submitted', false, true, '', '', '', '',
        now() - interval '1 hour', now()
    FROM generate_series(1, {count})
"""


@pytest.mark.slow
@pytest.mark.django_db
def test_a_list_of_a_million_rows_opens_without_counting_them(desk, zhao, wang, lake):
    client, lists = desk(zhao), ("reports?community=lake", "communities/lake")
    few = 30  # more than a page
    values = {"community": lake.pk, "reporter": wang.pk}
    untriggered(REPORTS.format(count=few, **values))
    before = {address: statements_of(client, address)[1] for address in lists}
    untriggered(REPORTS.format(count=MANY - few, **values))

    assert Report.objects.filter(community=lake).count() == MANY
    for address in lists:
        _, sent = statements_of(client, address)
        assert len(sent) == len(before[address])
        for statement in sent:
            if 'FROM "volunteers_report"' in statement:
                assert " LIMIT " in statement
    assert "200+" in client.get("/console/communities/lake").text


# --- whom it keeps out ------------------------------------------------------------------------
@pytest.mark.slow
@needs_chromium
def test_no_page_keeps_anybody_out(drawn, town, look, site, subtests):
    """By axe-core, with the town's rows, in one language or the other.

    Pages are opened until each script was on one, and then shown until each shape was; all are
    opened if the proof is long.
    """
    pages = {route: one.html for route, one in drawn.items()}
    acted = list(one_of_each({route: acting(html) for route, html in pages.items()}))
    opened = sorted(pages, key=lambda route: drawn[route].caller) if IS_LONG else acted
    windows = [look(language=language) for language in LANGUAGES]
    sessions = {}

    def open_in(window, route):
        caller = drawn[route].caller
        if caller not in sessions:
            sessions[caller] = log_in(User.objects.get(username=caller))
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": sessions[caller], "url": site}
        window.page.context.add_cookies([cookie])
        assert window.goto(CONSOLE + address_of(all_pages()[route], town)).status == 200

    for number, route in enumerate(opened):
        window = windows[number % 2]
        with subtests.test(page=route):
            open_in(window, route)
            assert window.barriers() == []
            window.check()
    window = windows[0]
    open_in(window, acted[0])
    for route in one_of_each({route: shapes(html) for route, html in pages.items()}):
        with subtests.test(page=route):
            window.show(pages[route])
            assert window.barriers() == []
