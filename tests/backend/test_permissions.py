"""Permissions: every operation, as everybody, also as whoever is everything in another community.

The answers are kept in tests/golden/permissions.txt, to be read and reviewed; each operation's cost
in queries is in tests/golden/queries.txt. ``LINLI_WRITE_GOLDEN=1`` writes both anew. Everything is
asked about the lake; about an estate's own things one operation in three, for few selectors say who
reaches those, and all of them in the long proof (tests/long.py).
"""

import itertools
import os

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backend.api.renderers import PROBLEM_TYPE
from tests.backend.town import CALLERS
from tests.backend.walks import GOLDEN, LOG_IN, ask, document, kept, operations
from tests.long import IS_LONG

TRANSACTION = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")
WRITES = bool(os.environ.get("LINLI_WRITE_GOLDEN"))
WIDTH = 48
PARTS = 4  # of the walk, for several workers at once
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


def statements_of(request):
    """How many SQL statements it costs, but for those that begin and end transactions.

    It was asked before: what is looked up once and remembered is no cost of this request.
    """
    with CaptureQueriesContext(connection) as captured:
        ask(*request)
    return sum(not query["sql"].startswith(TRANSACTION) for query in captured.captured_queries)


def choices(operation_id, place, numbers):
    """Every choice of rows to ask about, beginning with the one that was kept as succeeding."""
    _, which = kept().get(operation_id, ("", ()))
    if which and place == "lake" and not WRITES:
        yield which
    yield from itertools.product(*map(range, numbers))


def lines_of(name):
    """Return a table's lines by operation, without its head."""
    lines = (GOLDEN / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith(("#", "operation "))]


def subject_of(line):
    """Return the operation that a line is about, and whether it is about an estate."""
    name, place, *_ = line.split()
    return name, place == "estate"


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
    table, costs, codes = {}, {}, documented()
    known = {subject_of(line) for line in lines_of("permissions.txt")}
    for number, (operation_id, method, path, names) in enumerate(list(operations())[part::PARTS]):
        is_list = operation_id.endswith("_list") and not names
        is_list &= operation_id not in OF_NO_COMMUNITY
        asked = {}  # by address: a list has one, and in its answers the things of each place
        for place in ("lake", "estate") if names or is_list else ("",):
            rows = town.rows[place or "lake"]
            if not rows.keys() >= {*names}:
                continue
            if place == "estate" and not is_list and number % 3 and not (IS_LONG or WRITES):
                assert (operation_id, True) in known
                continue
            body = town.bodies[place or "lake"].get(f"{method} {path}")
            # A list has one of the things in it; where nobody's has, one that names the place.
            ids = [*itertools.chain(*(rows[name] for name in rows if name != "code"))]
            cache.clear()  # of how often they asked
            # The first of those things with which anybody succeeds.
            for which in choices(operation_id, place, [len(rows[name]) for name in names]):
                values = {name: rows[name][at] for name, at in zip(names, which, strict=True)}
                address = path.format(**values)
                requests = {
                    caller: (method, address, body, town.headers[caller]) for caller in CALLERS
                }
                if address not in asked:
                    asked[address] = {caller: ask(*one) for caller, one in requests.items()}
                answers = asked[address]
                refused = {
                    (str(one.status_code), one.json()["code"])
                    for one in answers.values()
                    if one.status_code >= 400
                }
                assert refused <= codes[operation_id], operation_id
                for things in (ids, rows["code"]) if is_list else (None,):
                    row = {caller: outcome(answer, things) for caller, answer in answers.items()}
                    if "ok" in row.values():
                        break
                if "ok" in row.values():
                    first = next(caller for caller in CALLERS if row[caller] == "ok")
                    if operation_id not in costs:
                        costs[operation_id] = (statements_of(requests[first]), first, which)
                    break
            table[operation_id, place] = row
        assert operation_id in costs, f"Nobody succeeds with {operation_id}: see town.py."

    head = f"{'operation':<{WIDTH}} of    {' '.join(CALLERS)}"
    agrees("permissions.txt", PERMISSIONS_HEAD + head, permissions(table))
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
