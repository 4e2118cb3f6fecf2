"""The whole API against its own document, ``/api/v1/schema``, whatever is sent and by whom.

Three kinds of request: one that succeeds, for every operation; the same with one thing in it
spoilt; and what schemathesis makes of the document. Every answer is held against the document
and then undone, so each request meets the same rows.

``LINLI_FUZZ_EXAMPLES`` asks for so many of the last kind per operation and caller, other ones
each time; without it they are few and always the same.
"""

import io
import itertools
import json
import logging
import os
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from types import SimpleNamespace

import hypothesis
import pytest
import schemathesis
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, transaction
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils import timezone
from hypothesis import strategies as st
from PIL import Image
from rest_framework.test import APIClient
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

from backend.accounts.models import Consent
from backend.accounts.services import consents
from backend.communities.models import Role
from backend.communities.services import places
from backend.ids import new_id
from backend.notices.models import Notice
from backend.notices.services import notices
from backend.wsgi import application
from merchants.models import MerchantMember
from merchants.services import partners, redemption, settlement
from points import selectors as points
from points.services import sealing, verifying
from volunteers.models import Volunteer
from volunteers.services import activities, hours, people, reports

pytestmark = pytest.mark.slow

EXAMPLES = os.environ.get("LINLI_FUZZ_EXAMPLES")
GENERATED = hypothesis.settings(
    max_examples=int(EXAMPLES or 4),
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
)
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
STRANGER = "stranger"
JSON, FORM = "application/json", "multipart/form-data"


# --- what there is to ask about ---------------------------------------------------------------
@pytest.fixture
def town(
    lake,
    hill,
    wang,
    li,
    zhao,
    person,
    tea_house,
    tea,
    patrol,
    served,
    grant_points,
    logged_in,
    wechat,
):
    """Who asks, and rows in each state that something can be done about.

    ``headers`` tell who is calling; ``rows`` are what a path's parameter of each name may be,
    ``bodies`` what succeeds where one is asked for.
    """
    wechat.codes_work_once = False  # what is asked here is undone, but not there
    consents.give(user=wang, purpose=Consent.Purpose.PHONE, version=1)
    boss = person("boss", "茶老板")
    tea_shop = tea_house.merchant
    partners.employ(merchant=tea_shop, user=boss, role=MerchantMember.Role.OWNER)
    places.grant(user=zhao, community=lake, role=Role.MANAGER)  # who publishes rules
    yacht = partners.offer(
        partnership=tea_house, code="YACHT", title="游艇", price_points=2**31 - 1, stock=100
    )

    now = timezone.now()
    going = activities.sign_up(shift=patrol, volunteer=wang)
    back = served(wang, "2024-03-01 07:00", "2024-03-01 09:00", "交通劝导")
    free, tomorrow = (
        activities.plan_shift(
            activity=patrol.activity, starts_at=start, ends_at=start + timedelta(hours=2)
        )
        for start in (now, now + timedelta(days=1))
    )
    activities.sign_up(shift=tomorrow, volunteer=wang)
    reminder = Notice.objects.get(recipient=wang)
    notices.deliver(notice_id=reminder.pk)
    # At the hill, for at the lake nobody who is there could check in to something else.
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RIDER)
    up_there = activities.plan_activity(community=hill, title="探访", category="探访")
    there = activities.sign_up(
        shift=activities.plan_shift(
            activity=up_there, starts_at=now, ends_at=now + timedelta(hours=2)
        ),
        volunteer=wang,
    )
    hours.check_in(attendance=there)

    png = io.BytesIO()
    Image.new("RGB", (2, 2)).save(png, "PNG")
    draft = {"subject": "hours", "category": "*", "parameters": {"points_per_hour": 20}}
    facts = {"text": "井盖松动", "latitude": 28.2, "longitude": 112.9}
    hazard = reports.submit(
        community=lake,
        reporter=wang,
        category="hazard",
        photo=SimpleUploadedFile("photo.png", png.getvalue()),
        **facts,
    )
    dispute = reports.submit(community=lake, reporter=wang, category="dispute", **facts)

    wallet = grant_points(wang, 1_000)
    held = redemption.take(offer=tea, volunteer=wang)
    statements = []
    for month in (3, 4, 5):
        voucher = redemption.take(offer=tea, volunteer=wang)
        scanned_at = datetime(2024, month, 5, tzinfo=UTC)
        redemption.scan(merchant=tea_shop, clerk=boss, code=voucher.code, now=scanned_at)
        if month < 5:
            statements += settlement.draft(
                community=lake,
                period_start=date(2024, month, 1),
                period_end=date(2024, month + 1, 1),
            )
    settlement.approve(statement=statements[1], approver=li)
    sealing.seal(community=lake)
    grant_points(wang, 1)  # not sealed yet

    tokens = {
        caller: logged_in(user).defaults["HTTP_AUTHORIZATION"]
        for caller, user in {"volunteer": wang, "staff": zhao, "owner": boss}.items()
    }
    rows = {
        "activity_id": [patrol.activity],
        "shift_id": [patrol, free],
        "attendance_id": [going, there, back],
        "report_id": [hazard, dispute],
        "notice_id": [reminder],
        "offer_id": [tea, yacht],
        "redemption_id": [held],
        "merchant_id": [tea_shop],
        "statement_id": statements,
        "transfer_id": points.transfers_of(wallet)[:2],
        "account_id": points.accounts_in(lake)[:2],
        "verification_id": [verifying.verify(community=lake)],
        "rule_id": points.rules_known_in(lake)[:2],
    }
    return SimpleNamespace(
        headers={
            **{caller: {"Authorization": token} for caller, token in tokens.items()},
            STRANGER: {},
        },
        rows={
            name: [*(str(row.pk) for row in found), str(new_id())] for name, found in rows.items()
        }
        | {
            "code": ["lake", "hill", "nowhere", "邻/里", "\0"],
            "purpose": ["location", "phone", "other"],
        },
        bodies={
            "POST /api/v1/activities/{activity_id}/shifts": {
                "starts_at": "2031-05-01T08:00:00+08:00",
                "ends_at": "2031-05-01T10:00:00+08:00",
                "capacity": 3,
            },
            "POST /api/v1/attendances/{attendance_id}/reject": {"because": "没有来"},
            "POST /api/v1/communities/{code}/activities": {
                "title": "清扫",
                "category": "清扫",
                "place": "西门",
            },
            "POST /api/v1/communities/{code}/expiry/policies": {
                "kind": "months",
                "months": 12,
                "valid_from": "2100-01-01",
            },
            "POST /api/v1/communities/{code}/reports": {
                "category": "hazard",
                "place": "西门",
                "coord_type": "gcj02",
                **facts,
            },
            "POST /api/v1/communities/{code}/rules/tryout": {
                "since": "2024-03-01",
                "until": "2024-03-31",
                **draft,
            },
            "POST /api/v1/communities/{code}/rules/versions": {
                "valid_from": "2100-01-01",
                "valid_to": None,
                **draft,
            },
            "POST /api/v1/communities/{code}/statements": {
                "period_start": "2024-05-01",
                "period_end": "2024-06-01",
            },
            "POST /api/v1/me/attendances/{attendance_id}/check-in": {
                "at": now.isoformat(),
                "nonce": "tap",
            },
            "POST /api/v1/me/attendances/{attendance_id}/check-out": {
                "at": timezone.now().isoformat()
            },
            "POST /api/v1/merchants/{merchant_id}/scans": {"code": held.code},
            "POST /api/v1/offers/{offer_id}/redemptions": {"quantity": 1},
            "PUT /api/v1/me/consents/{purpose}": {"version": 1},
            "PUT /api/v1/me/phone": {
                "code": wechat.new_code("19900000077"),
                "name": "王小明",
            },
            "POST /api/v1/reports/{report_id}/close": {"outcome": "verified", "answer": "已修好"},
            "POST /api/v1/statements/{statement_id}/pay": {"reference": "2024-17"},
        },
    )


@pytest.fixture(autouse=True)
def _refusals_are_no_news(caplog):
    """Of thousands of requests, the log tells of those that broke something."""
    caplog.set_level(logging.ERROR, "django")


@cache
def documented():
    document = schemathesis.openapi.from_wsgi("/api/v1/schema", application)
    document.config.generation.update(with_security_parameters=False)
    return [found.ok() for found in document.get_all_operations()]


@pytest.fixture
def operations(town):
    """What the document, as the application serves it, says can be done."""
    # Each request would close the connection, and the test's transaction with it. The town comes
    # first: those who log in there use Django's client, which connects the signals again.
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield documented()
    for signal in signals:
        signal.connect(close_old_connections)


# --- asking -----------------------------------------------------------------------------------
@contextmanager
def undone():
    """What is written inside was never written, also where a view asked for a durable block."""
    block = transaction.atomic()
    block._from_testcase = True  # as django.test.TestCase marks its own
    with block:
        yield
        transaction.set_rollback(True)


def ask(case, headers, **sent):
    """The answer to ``case``, after holding it against the document."""
    with undone():
        response = case.call(headers=headers, **sent)
        case.validate_response(response, checks=CHECKS, headers=headers)
        if response.status_code >= 400:
            problem = response.json()
            assert problem["status"] == response.status_code
            assert problem["type"] == f"/problems/{problem['code']}"
            assert problem["title"]
        connection.check_constraints()  # some the database leaves to the commit
    return response


def way_in(operation, town):
    """A request that succeeds, and the headers of who sends it."""
    names = [parameter.name for parameter in operation.path_parameters]
    body = {}
    if operation.label in town.bodies:
        body = {"body": town.bodies[operation.label], "media_type": JSON}
    for headers in town.headers.values():
        for values in itertools.product(*(town.rows[name] for name in names)):
            case = operation.Case(
                path_parameters=dict(zip(names, values, strict=True)),
                headers={"Idempotency-Key": "once"},
                **body,
            )
            if ask(case, headers).status_code < 300:
                return case, headers
    raise AssertionError(f"Nobody succeeds with {operation.label}.")


def test_every_operation_succeeds_for_somebody_as_documented(town, operations, subtests):
    for operation in operations:
        with subtests.test(operation.label):
            way_in(operation, town)


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


def fields(operation, media_type):
    """The names of what may stand in a body."""
    body = operation.definition.raw["requestBody"]["content"][media_type]
    name = body["schema"]["$ref"].rpartition("/")[2]
    return operation.schema.raw_schema["components"]["schemas"][name]["properties"].keys()


def test_no_body_breaks_anything(town, operations, subtests):
    for operation in operations:
        if not operation.body:
            continue
        case, headers = way_in(operation, town)
        with subtests.test(operation.label):
            assert case.body.keys() == fields(operation, JSON), "None may go untried."
            for content_type, body in UNREADABLE:
                answer = ask(case, headers | {"Content-Type": content_type}, data=body)
                assert 400 <= answer.status_code < 500 or not body, (content_type, body)
            for name, value in itertools.product(case.body, MEAN_VALUES):
                body = json.dumps({**case.body, name: value})
                ask(case, headers | {"Content-Type": JSON}, data=body)
        if operation.get_body_for_media_type(FORM):
            with subtests.test(f"{operation.label} as a form"):
                for name, value in itertools.product(fields(operation, FORM), MEAN_TEXTS):
                    body = encode_multipart(BOUNDARY, {**case.body, name: value})
                    ask(case, headers | {"Content-Type": MULTIPART_CONTENT}, data=body)


def test_no_query_breaks_anything(town, operations, subtests):
    for operation in operations:
        if operation.query:
            case, headers = way_in(operation, town)
            with subtests.test(operation.label):
                for parameter, value in itertools.product(operation.query, MEAN_TEXTS[:9]):
                    ask(case, headers, params={parameter.name: value})


def test_no_header_breaks_anything(town, operations, subtests):
    """Headers are read in one place for all, so a page, a photo, a form and a payment will do."""
    for label in [
        "GET /api/v1/communities",
        "GET /api/v1/me/reports/{report_id}/photo",
        "POST /api/v1/communities/{code}/reports",
        "POST /api/v1/statements/{statement_id}/pay",
    ]:
        (operation,) = (found for found in operations if found.label == label)
        case, headers = way_in(operation, town)
        with subtests.test(label):
            for name, values in MEAN_HEADERS.items():
                for value in values:
                    ask(case, headers | {name: value})


def test_no_body_breaks_log_in(town, subtests):
    client = APIClient(raise_request_exception=False)
    for address, names in [
        ("auth/login", ["username", "password"]),
        ("auth/wechat", ["code"]),
        ("auth/2fa/authenticate", ["code"]),
        ("tokens/refresh", ["refresh_token"]),
        ("auth/reauthenticate", ["password"]),
        ("account/password/change", ["current_password", "new_password"]),
    ]:
        sound = dict.fromkeys(names, "correct horse battery staple")
        bodies = [
            *UNREADABLE,
            *((JSON, json.dumps({**sound, name: mean})) for name in names for mean in MEAN_VALUES),
        ]
        with subtests.test(address):
            for content_type, body in bodies:
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
    """What fits the document or does not, mostly about rows that there are."""
    mode = draw(st.sampled_from(GenerationMode))
    case = draw(operation.as_strategy(generation_mode=mode))
    for name in case.path_parameters:
        row = draw(st.sampled_from([None, *rows[name]]))
        if row is not None:
            case.path_parameters[name] = row
    return case


@pytest.mark.parametrize("caller", [STRANGER, "volunteer", "staff", "owner"])
def test_whatever_is_sent_the_answer_is_as_documented(town, operations, caller, subtests):
    for operation in operations:
        is_forbidden = caller == STRANGER and {} not in operation.definition.raw["security"]

        @GENERATED
        @hypothesis.given(case=requests(operation, town.rows))
        def is_answered_as_documented(case):
            answer = ask(case, town.headers[caller])
            assert answer.status_code >= 400 or not is_forbidden  # noqa: B023

        with subtests.test(operation.label):
            is_answered_as_documented()
