"""Permissions: every operation, as everybody, also as whoever is everything in another community.

The answers are kept in tests/golden/permissions.txt, to be read and reviewed; each operation's cost
in queries is in tests/golden/queries.txt. ``LINLI_WRITE_GOLDEN=1`` writes both anew.

The long proof (tests/long.py) asks all that the table tells. The short one asks about each thing of
the lake, and about an estate's own in one operation of three, for few selectors say who reaches
those. As one caller in 36, another one each time, it sends the request, and as whoever is refused
in another way than by 404. As all others who are refused it asks the operation's finder alone, and
sends the request if that finds anything. That the first of those who are not refused succeeds, and
what it costs, test_api_fuzz.py proves for all.
"""

import itertools
import os
import time
from inspect import unwrap

import pytest
from django.core.cache import cache
from django.db.models import QuerySet
from django.test import RequestFactory
from django.urls import resolve
from rest_framework.request import Request

from backend.accounts.models import User
from backend.api.renderers import PROBLEM_TYPE
from backend.api.views import ListView, OpenView
from backend.top.calls import API, REFUSED, Caller
from tests.backend.town import CALLERS, undone
from tests.backend.walks import (
    GOLDEN,
    LOG_IN,
    Kept,
    ask,
    document,
    kept,
    operations,
    statements,
)
from tests.long import IS_LONG

WRITES = bool(os.environ.get("LINLI_WRITE_GOLDEN"))
ASKS_ALL = IS_LONG or WRITES
WIDTH = 48
UNFOUND = ("404", "none")
PARTS = 2  # of the walk, for several workers at once
OF_NO_COMMUNITY = ("consents_list", "labels_list", "me_consents_list", "rule_templates_list")

PERMISSIONS_HEAD = """\
# Who may do what: a row per operation (the OpenAPI document's operationId) and place, a column per
# caller. What is about a thing has a row for the lake's and one for what an estate of the lake has
# of its own; so has a list, and what counts is whether these things are in it.
# volunteer, clerk, owner, staff, manager, auditor: of the lake. street_staff: of the street above
# it, estate_staff: of the estate below it. elsewhere: one who is all of these at the hill, another
# community, in the street above it and at a shop there; what it may not do, none of them may.
# child: a volunteer of the lake's who is under 14 and whose guardian, the volunteer, agrees.
# operator: of the installation, without a role anywhere.
# ok: it is done. none: a list without any of it. 401: log in first. 404: to them there is no such
# thing. 403: they may see it and not do this. Others: they may, but not as things stand.
"""
QUERIES_HEAD = """\
# What each operation costs the database: SQL statements of one request that succeeds, as the first
# caller of permissions.txt who may. Who asks is one of them; transactions' own are not counted.
# Numbers after the caller say which of town.py's rows it was about, if not the first of each.
"""


def codes_of(document, operation):
    """The codes of each status that ``operation`` may be refused with."""
    found = {}
    for status, response in operation["responses"].items():
        if "$ref" in response:
            name = response["$ref"].removeprefix("#/components/responses/")
            schema = document["components"]["responses"][name]["content"][PROBLEM_TYPE]["schema"]
            found[status] = schema["allOf"][1]["properties"]["code"]["enum"]
    return found


def documented():
    """By its operationId, every status and code that an operation may be refused with."""
    return {
        operation["operationId"]: {
            (status, code)
            for status, codes in codes_of(document(), operation).items()
            for code in codes
        }
        for path, methods in document()["paths"].items()
        if not path.startswith(LOG_IN)
        for operation in methods.values()
    }


def outcome(response, things=None):
    """Return the outcome in one word; with ``things``, whether any of them is in the list."""
    if response.status_code >= 300:
        return str(response.status_code)
    if things is not None and not any(f'"{thing}"' in response.text for thing in things):
        return "none"
    return "ok"


def cost_of(*request):
    """How many SQL statements it costs.

    It was asked before: what is looked up once and remembered is no cost of this request.
    """
    with statements() as executed:
        ask(*request)
    return len(executed)


def callers(row, turn, *, first):
    """Whom to ask where the table tells ``row`` of all, with the ``first`` who succeeds or not."""
    if ASKS_ALL or row is None:
        return CALLERS
    succeed = [caller for caller in CALLERS if row[caller] == "ok"]
    refused = [caller for caller in CALLERS if row[caller] not in ("ok", *UNFOUND)]
    in_turn = CALLERS[turn % 36 :][:1]  # in one operation of three
    return [*dict.fromkeys([*succeed[:first], *refused, *in_turn])]


class Inside:
    """A caller who asks finders without a request, each finder once about the same thing."""

    def __init__(self, name):
        asked = RequestFactory().get("/")
        asked.user = User.objects.get(username=name)
        asked.claims = {"methods": ["password", "mfa"], "issued_ms": time.time() * 1_000}
        self.caller, self.request, self.known = Caller(asked), Request(asked), {}
        self.request.user, self.request.places_found = asked.user, {}

    def finds(self, method, address):
        view, _, named = resolve(address)
        handler, finds = getattr(view.cls, method), getattr(view.cls, "finds", None)
        if unwrap(handler) not in (ListView.get, OpenView.get):
            if finds and method == "get":
                return True  # it may find otherwise
            finds, *_ = getattr(handler, "parts", [None])
        if finds is None:
            with undone():
                return self.caller.may(method, address.removeprefix(API))
        key = *named.items(), made_of(finds)
        if key not in self.known:
            try:
                found = finds(self.request, **named)
                self.known[key] = not isinstance(found, QuerySet) or found.exists()
            except REFUSED:
                self.known[key] = False
        return self.known[key]


def made_of(thing):
    """Return what tells a finder from others: its code, and what that was given."""
    given = [cell.cell_contents for cell in getattr(thing, "__closure__", None) or ()]
    return getattr(thing, "__code__", thing), getattr(thing, "__module__", ""), *map(made_of, given)


def found_by(within, row, method, address):
    """Return the callers who find nothing as ``row`` tells, and for whom the finder finds it."""
    refused = [caller for caller in within if row and row[caller] in UNFOUND]
    return [one for one in refused if within[one].finds(method.lower(), address)]


def choices(operation_id, place, numbers, row):
    """Choices of rows to ask about, beginning with the one that was kept as succeeding.

    The long proof has all of them. For the short one there is no other of the lake's and, of an
    estate's with which nobody succeeds as the table tells ``row``, the last alone.
    """
    every = [*itertools.product(*map(range, numbers))]
    if place == "lake" and not WRITES:
        every.insert(0, kept().get(operation_id, Kept()).which or every[0])
    if ASKS_ALL or row is None:
        return every
    if place == "estate":
        return every if "ok" in row.values() else every[-1:]
    return every[:1]


def lines_of(name):
    """Return a table's lines by operation, without its head."""
    lines = (GOLDEN / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith(("#", "operation "))]


def subject_of(line):
    """Return the operation that a line is about, and whether it is about an estate."""
    name, place, *_ = line.split()
    return name, place == "estate"


def rows_told():
    """By subject, what the table tells of each caller."""
    return {
        subject_of(line): dict(zip(CALLERS, line.split()[-len(CALLERS) :], strict=True))
        for line in lines_of("permissions.txt")
    }


def agrees(name, head, told):
    """``told``, which is about some of the operations, is what the table says of them."""
    about = {subject_of(line) for line in told}
    if WRITES:
        asked, there = ({name for name, _ in about}, {one for one, *_ in operations()})
        kept = [line for line in lines_of(name) if line.split()[0] in there - asked]
        (GOLDEN / name).write_text("\n".join([head, *sorted(told + kept), ""]), encoding="utf-8")
    assert (GOLDEN / name).read_text(encoding="utf-8").startswith(f"{head}\n")
    assert told == [line for line in lines_of(name) if subject_of(line) in about], (
        f"{name} says otherwise; if this is as it should be, LINLI_WRITE_GOLDEN=1 writes it anew."
    )


@pytest.mark.parametrize("name", ["permissions.txt", "queries.txt"])
def test_the_tables_are_about_all_operations_and_no_others(name):
    assert {line.split()[0] for line in lines_of(name)} == {one for one, *_ in operations()}


@pytest.mark.slow
def test_what_is_read_of_a_community_holds_nothing_of_anothers(town, subtests):
    """As whoever is everything at the hill: of the lake's things nothing is in the hill's lists,
    and none of them is found below the hill's address."""
    theirs = {name: ids for name, ids in town.rows["lake"].items() if len(ids[0]) == 36}
    lists = 0
    for operation_id, method, path, names in operations():
        if method != "GET" or "code" not in names or not {*names} <= {"code", *theirs}:
            continue
        with subtests.test(operation_id):
            values = {name: theirs[name][0] for name in names if name != "code"}
            address = path.format(code="hill", **values)
            answer = ask(method, address, None, town.headers["elsewhere"])
            told = answer.getvalue()
            assert answer.status_code == (404 if values else 200), told
            assert not [one for ids in theirs.values() for one in ids if one.encode() in told]
            lists += not values
    assert lists > 30


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_everybody_may_do_what_the_table_says_and_it_costs_as_much(town, part):
    table, costs, codes, known = {}, {}, documented(), rows_told()
    within = {} if ASKS_ALL else {name: Inside(name) for name in CALLERS[1:]}
    every = list(operations())
    some = every[len(every) * part // PARTS : len(every) * (part + 1) // PARTS]
    for number, (operation_id, method, path, names) in enumerate(some):
        is_list = operation_id.endswith("_list") and not names
        is_list &= operation_id not in OF_NO_COMMUNITY
        asked = {}  # by address: a list has one, and in its answers the things of each place
        for place in ("lake", "estate") if names or is_list else ("",):
            rows, is_estate = town.rows[place or "lake"], place == "estate"
            if not rows.keys() >= {*names}:
                continue
            told = known.get((operation_id, is_estate))
            if is_estate and not is_list and number % 3 and not ASKS_ALL:
                assert told
                continue
            body = town.bodies[place or "lake"].get(f"{method} {path}")
            # A list has one of the things in it; where nobody's has, one that names the place.
            ids = [*itertools.chain(*(rows[name] for name in rows if name != "code"))]
            cache.clear()  # of how often they asked
            turn = number // 3 if is_estate else number
            # The first of those things with which anybody succeeds, or the last.
            for which in choices(operation_id, place, [len(rows[name]) for name in names], told):
                values = {name: rows[name][at] for name, at in zip(names, which, strict=True)}
                address = path.format(**values)
                answers = asked.setdefault(address, {})
                whom = callers(told, turn, first=is_list or is_estate)
                whom = [*dict.fromkeys([*whom, *found_by(within, told, method, address)])]
                for caller in whom:
                    if caller not in answers:
                        answers[caller] = ask(method, address, body, town.headers[caller])
                    is_done = answers[caller].status_code < 300
                    if not (is_done or ASKS_ALL) and told and told[caller] == "ok":
                        break
                refused = {
                    (str(one.status_code), one.json()["code"])
                    for one in answers.values()
                    if one.status_code >= 400
                }
                assert refused <= codes[operation_id], operation_id
                for things in (ids, rows["code"]) if is_list else (None,):
                    row = {
                        caller: outcome(answers[caller], things)
                        for caller in whom
                        if caller in answers
                    }
                    if "ok" in row.values():
                        break
                if "ok" in row.values():
                    if ASKS_ALL and operation_id not in costs:
                        first = next(caller for caller in CALLERS if row[caller] == "ok")
                        request = (method, address, body, town.headers[first])
                        costs[operation_id] = (cost_of(*request), first, which)
                    break
            table[operation_id, place] = {**(told or {}), **row}
        if ASKS_ALL:
            assert operation_id in costs, f"Nobody succeeds with {operation_id}: see town.py."

    head = f"{'operation':<{WIDTH}} of    {' '.join(CALLERS)}"
    agrees("permissions.txt", PERMISSIONS_HEAD + head, permissions(table))
    if ASKS_ALL:
        agrees("queries.txt", QUERIES_HEAD + f"{'operation':<{WIDTH}} SQL  as", queries(costs))


def permissions(table):
    return [
        f"{operation_id:<{WIDTH}} {place:<4}"
        + "".join(f" {row[caller]:>{len(caller)}}" for caller in CALLERS)
        for (operation_id, place), row in sorted(table.items())
    ]


def queries(costs):
    return [
        f"{operation_id:<{WIDTH}} {count:>3}  {caller}{numbers(which)}"
        for operation_id, (count, caller, which) in sorted(costs.items())
    ]


def numbers(which):
    return f"  {' '.join(map(str, which))}" if any(which) else ""
