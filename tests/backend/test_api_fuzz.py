"""The whole API against its own document, ``/api/v1/schema``, whatever is sent and by whom.

Three kinds of request: one that succeeds, for every operation, costs as many SQL statements as
tests/golden/queries.txt says and is sent again if its answer is kept; the same with one thing in it
spoilt; and what schemathesis makes of the document. Every answer is held against the document and
then undone, so each request meets the same rows.
"""

import copy
import itertools
import json
from functools import cache

import hypothesis
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from hypothesis import strategies as st
from rest_framework.test import APIClient
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

from backend.api.throttling import CountingThrottle
from backend.ids import new_id
from backend.wsgi import application
from tests import cluster
from tests.backend.test_shown_again import (
    ENDS_THE_LOG_IN,
    is_done_once_and_shown_to_who_may_see_it,
    keeps,
)
from tests.backend.town import Form, undone
from tests.backend.walks import LOG_IN, statements, ways
from tests.long import IS_LONG, examples

pytestmark = pytest.mark.slow

GENERATED = examples(1)
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
FUZZERS = ("anonymous", "volunteer", "manager", "owner")
UNKNOWN = "nobody_knows_this"
# What is a rule's own, and read by what it is about (points/rules/services.py).
FREE = {
    "POST /api/v1/communities/{code}/rules/versions": ("parameters.",),
    "POST /api/v1/communities/{code}/rules/tryout": ("parameters.",),
    "POST /api/v1/communities/{code}/rules/example": ("parameters.",),
    # A category's own questions say which answers there are: tests/volunteers/test_reporting.py.
    "POST /api/v1/communities/{code}/reports": ("answers.",),
    "POST /api/v1/communities/{code}/reports/relayed": ("answers.",),
    "PATCH /api/v1/reports/{report_id}": ("answers.",),
}
JSON, FORM = "application/json", "multipart/form-data"


# --- what there is to ask about ---------------------------------------------------------------
@pytest.fixture
def rows(town):
    """Values for a path's parameters by name: mostly ids of the lake, and one of nothing."""
    return {name: [*found, str(new_id())] for name, found in town.rows["lake"].items()} | {
        "code": ["lake", "hill", "nowhere", "邻/里", "\0"],
        "purpose": ["location", "phone", "other"],
        "kind": ["notice", "export", "other"],
        "notice_kind": ["shift_moved", "call_out", "other"],
        "language": ["en", "zh-hans", "fr"],
    }


@pytest.fixture(autouse=True)
def _nobody_asks_too_often(monkeypatch):
    """Switch throttling off: a throttled request is refused before anything else is looked at."""
    monkeypatch.setattr(CountingThrottle, "allow_request", lambda *_: True)


@cache
def documented():
    document = schemathesis.openapi.from_wsgi("/api/v1/schema", application)
    document.config.generation.update(with_security_parameters=False)
    found = [one.ok() for one in document.get_all_operations()]
    return [one for one in found if not one.path.startswith(LOG_IN)]


@pytest.fixture
def operations(town):
    """The operations in the document, as the application serves it."""
    # Each request would close the connection, and the test's transaction with it. The town comes
    # first: those who log in there use Django's client, which connects the signals again.
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield documented()
    for signal in signals:
        signal.connect(close_old_connections)


# --- asking -----------------------------------------------------------------------------------
def ask(case, headers, then=None, **sent):
    """The answer to ``case``, after holding it against the document.

    ``then`` is called with it, if it was done, and with the SQL statements that were executed.
    """
    with undone():
        with statements() as executed:
            response = case.call(headers=headers, **sent)
        case.validate_response(response, checks=CHECKS, headers=headers)
        if response.status_code >= 400:
            problem = response.json()
            assert problem["status"] == response.status_code
            assert problem["type"] == f"/problems/{problem['code']}"
            assert problem["title"]
            documented = case.operation.definition.raw["responses"]
            assert str(response.status_code) in documented, problem
        if case.method != "GET":
            connection.check_constraints()  # some the database leaves to the commit
        if then and response.status_code < 300:
            then(response, executed)
    return response


def way_in(operation, way, *, again=False):
    """A request that succeeds, and the headers of who sends it; it is sent ``again``."""
    _, _, sent, headers = way.request
    body = {}
    if sent is not None:
        body = {"body": sent, "media_type": FORM if isinstance(sent, Form) else JSON}
    case = operation.Case(
        path_parameters=way.path_parameters, headers={"Idempotency-Key": "once"}, **body
    )

    costs = []

    def count_and_send_again(first, executed):
        costs.append(len(executed))
        if again and len(costs) == 1:
            is_done_once_and_shown_to_who_may_see_it(
                way.operation_id, first, lambda: case.call(headers=headers)
            )

    # What is looked up once and remembered is no cost of a request.
    while way.cost not in costs and len(costs) < 2:
        answer = ask(case, headers, then=count_and_send_again)
        assert answer.status_code < 300, f"Nobody succeeds with {operation.label}."
    assert way.cost in costs, f"{operation.label} costs {costs[-1]} SQL statements."
    return case, headers


# --- spoilt requests --------------------------------------------------------------------------
UNREADABLE = [
    (JSON, b""),
    (JSON, b"{"),
    (JSON, b"\xff"),
    (JSON, "{}".encode("utf-16")),
    (JSON, b"[" * 10_000),
    (JSON, b'{"a":' * 40 + b"1" + b"}" * 40),
    (JSON, b'{"a": ' + b"9" * 5000 + b"}"),
    (JSON, b'{"a": 1e999}'),
    (JSON, b'{"a": NaN}'),
    (JSON, rb'{"a": "\u0000"}'),
    (JSON, rb'{"\ud800": "a"}'),
    (JSON, b"[]"),
    (JSON, b"null"),
    (JSON, b'"a"'),
    (f"{JSON}; charset=nonsense", b"{"),
    ("application/x-www-form-urlencoded", b"a=1"),
    ("text/plain", b"a"),
    ("nonsense", b"a"),
    (FORM, b"a"),
    (f"{FORM}; boundary=", b"a"),
    (MULTIPART_CONTENT, b"a"),
    (MULTIPART_CONTENT, b"--" + BOUNDARY.encode()),
    (MULTIPART_CONTENT, encode_multipart(BOUNDARY, {"a": "\0"})),
    (MULTIPART_CONTENT, encode_multipart(BOUNDARY, {f"a{n}": "" for n in range(1001)})),
]
MEAN_TEXTS = [
    *("", " ", "\0", "\ufffe\u202e", "x" * 3_000, "²", "-1", "1e400", "NaN"),
    *("0001-01-01", "9999-12-31", "2024-02-30"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00", "2024-01-01T00:00:00"),
]
MEAN_VALUES = [
    *MEAN_TEXTS,
    *("\ud800", None, True, [], [None], {"a": {}}),
    *(-1, 0, 0.5, 2**15, 2**31, 10**400, 1e308),
]
MEAN_HEADERS = {
    "Accept": ["", "text/csv", "*/*; q=2", "nonsense", f"{JSON}; indent=x", f"{JSON}; a=\xff"],
    "Accept-Language": ["", "xx", "en-" + "x" * 600, "zh-hans;q=many"],
    "Content-Type": ["", f"{JSON}; charset=nonsense", f"{JSON}; =\xff"],
    "Cookie": ["sessionid=\xff", "sessionid=" + "x" * 600, "csrftoken=;;;"],
    "Idempotency-Key": ["", "a b", "\xff", "x" * 201],
    "Range": ["bytes=5-1"],
    "If-Modified-Since": ["nonsense"],
    "X-Forwarded-For": ["nonsense"],
    "Authorization": ["", "\xff", "Bearer", "Bearer \xff", "Bearer a.b.c", "Bearer " + "x" * 5_000],
}


def some(spoilt, turn, one_in=60):
    """One in sixty, another one each turn, and one at least: what reads it is the same for many."""
    spoilt = list(spoilt)
    if IS_LONG or not spoilt:
        return spoilt
    return spoilt[turn % min(one_in, len(spoilt)) :: one_in]


def fields(operation, media_type):
    """The names of what may stand in a body."""
    body = operation.definition.raw["requestBody"]["content"][media_type]
    name = body["schema"]["$ref"].rpartition("/")[2]
    return operation.schema.raw_schema["components"]["schemas"][name]["properties"].keys()


def test_every_operation_succeeds_as_documented_and_nothing_spoilt_breaks_it(
    town, operations, subtests
):
    """The short proof spoils a request of one operation in nine, and sends one in nine again:
    what refuses and what is kept are read in one place for all."""
    known, bodies = ways(town), itertools.count()
    for turn, operation in enumerate(operations):
        with subtests.test(operation.label):
            way, is_its_turn = known[operation.label], IS_LONG or turn % 9 == 0
            # The statistics of one transaction on one server tell what was written.
            again = keeps(way) and way.operation_id not in ENDS_THE_LOG_IN and is_its_turn
            case, headers = way_in(operation, way, again=again and not cluster.is_used())
            if operation.body:
                tried = fields(operation, case.media_type)
                assert case.body.keys() == tried, "None may go untried."
            if not is_its_turn:
                continue
            nothing_unknown_is_swallowed(operation, case, headers)
            if operation.body:
                no_body_breaks(operation, case, headers, next(bodies))
            for parameter, value in some(itertools.product(operation.query, MEAN_TEXTS), turn // 9):
                ask(case, headers, params={parameter.name: value})


def nothing_unknown_is_swallowed(operation, case, headers):
    """Check that unknown names are refused by name, wherever they stand."""
    answer = ask(case, headers, params={UNKNOWN: "1"})
    assert codes_in(answer) == {UNKNOWN: ["unknown_parameter"]}
    if isinstance(case.body, Form):
        body = encode_multipart(BOUNDARY, {**case.body, UNKNOWN: "1"})
        answer = ask(case, headers | {"Content-Type": MULTIPART_CONTENT}, data=body)
        assert codes_in(answer) == {UNKNOWN: ["unknown_field"]}
    elif operation.method.upper() != "GET":
        free = FREE.get(operation.label, ())
        for where, body in with_unknown(case.body if operation.body else {}):
            if not where.startswith(free):
                answer = ask(case, headers | {"Content-Type": JSON}, data=json.dumps(body).encode())
                assert codes_in(answer) == {where: ["unknown_field"]}


def codes_in(answer):
    assert answer.status_code == 400, answer.text
    return {
        name: [one["code"] for one in errors] for name, errors in answer.json()["errors"].items()
    }


def with_unknown(body, at=""):
    """(path, body) with a field more in each object of ``body``, those inside others too."""
    if isinstance(body, dict):
        yield f"{at}{UNKNOWN}", {**body, UNKNOWN: 1}
    inner = body.items() if isinstance(body, dict) else enumerate(body)
    for name, value in inner:
        if isinstance(value, dict | list):
            for where, spoilt in with_unknown(value, f"{at}{name}."):
                copied = copy.copy(body)
                copied[name] = spoilt
                yield where, copied


def no_body_breaks(operation, case, headers, turn):
    for content_type, body in some(UNREADABLE, turn):
        answer = ask(case, headers | {"Content-Type": content_type}, data=body)
        assert 400 <= answer.status_code < 500 or not body, (content_type, body)
    if case.media_type == JSON:
        for name, value in some(itertools.product(case.body, MEAN_VALUES), turn):
            body = json.dumps({**case.body, name: value})
            ask(case, headers | {"Content-Type": JSON}, data=body)
    if operation.get_body_for_media_type(FORM):
        mean = itertools.product(fields(operation, FORM), MEAN_TEXTS)
        for name, value in some(mean, turn, one_in=10):
            body = encode_multipart(BOUNDARY, {**case.body, name: value})
            ask(case, headers | {"Content-Type": MULTIPART_CONTENT}, data=body)


def test_no_header_breaks_anything(town, operations, subtests):
    """Headers are read in one place for all, so a page, a photo, a form and a payment will do."""
    mean = [(name, value) for name, values in MEAN_HEADERS.items() for value in values]
    for turn, label in enumerate(
        [
            "GET /api/v1/communities",
            "GET /api/v1/reports/{report_id}/photos/{photo_id}",
            "POST /api/v1/communities/{code}/reports",
            "POST /api/v1/statements/{statement_id}/pay",
        ]
    ):
        (operation,) = (found for found in operations if found.label == label)
        case, headers = way_in(operation, ways(town)[label])
        with subtests.test(label):
            for name, value in some(mean, turn, one_in=4):
                ask(case, headers | {name: value})


def test_no_body_breaks_log_in(town, subtests):
    client = APIClient(raise_request_exception=False)
    for turn, (address, names) in enumerate(
        [
            ("auth/login", ["username", "password"]),
            ("auth/wechat", ["code"]),
            ("auth/2fa/authenticate", ["code"]),
            ("tokens/refresh", ["refresh_token"]),
            ("auth/reauthenticate", ["password"]),
            ("account/password/change", ["current_password", "new_password"]),
        ]
    ):
        sound = dict.fromkeys(names, "correct horse battery staple")
        bodies = [
            *UNREADABLE,
            *((JSON, json.dumps({**sound, name: mean})) for name in names for mean in MEAN_VALUES),
        ]
        with subtests.test(address):
            for content_type, body in some(bodies, turn, one_in=6):
                with undone():
                    answer = client.generic(
                        "POST",
                        f"/_allauth/app/v1/{address}",
                        body,
                        content_type,
                        headers=town.headers["volunteer"],
                    )
                    assert answer.status_code < 500, (content_type, body)


# --- generated requests -----------------------------------------------------------------------
@st.composite
def requests(draw, operation, rows):
    """Requests that fit the document or do not, mostly about existing rows."""
    mode = draw(st.sampled_from(GenerationMode))
    case = draw(operation.as_strategy(generation_mode=mode))
    for name in case.path_parameters:
        row = draw(st.sampled_from([None, *rows[name]]))
        if row is not None:
            case.path_parameters[name] = row
    return case


def test_whatever_is_sent_the_answer_is_as_documented(town, rows, operations, subtests):
    # One operation in 60, for what takes long is to get ready for the first example, and of the
    # callers one, another one each time: who may do what is another test's.
    some_of_them = operations if IS_LONG else operations[::60]
    for number, operation in enumerate(some_of_them):
        for caller in FUZZERS if IS_LONG else FUZZERS[number % len(FUZZERS) :][:1]:
            is_forbidden = caller == "anonymous" and {} not in operation.definition.raw["security"]

            @GENERATED
            @hypothesis.given(case=requests(operation, rows))
            def is_answered_as_documented(case):
                answer = ask(case, town.headers[caller])  # noqa: B023
                assert answer.status_code >= 400 or not is_forbidden  # noqa: B023

            with subtests.test(operation.label, caller=caller):
                is_answered_as_documented()
