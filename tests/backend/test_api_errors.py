"""Errors are problem details (RFC 9457), whatever went wrong and wherever."""

import io
import json

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpResponse
from django.test import Client
from django.urls import include, path
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from backend.api.fields import IntegerField
from backend.api.throttling import PublicThrottle
from backend.errors import Conflict, Forbidden, Invalid, NotFound


class PriceInvalid(Invalid):
    code = "price_invalid"
    title = "No such price."


class NotYours(Forbidden):
    code = "not_yours"
    title = "Not yours."


class OfferUnknown(NotFound):
    code = "offer_unknown"
    title = "No such offer."


class InsufficientPoints(Conflict):
    code = "insufficient_points"
    title = "Not enough points."


RAISED = {
    "invalid": PriceInvalid(),
    "forbidden": NotYours(),
    "not-found": OfferUnknown(),
    # A fact named like a standard member does not replace it.
    "conflict": InsufficientPoints(available=12, needed=20, status="draft", title="x"),
    "http404": Http404("No Offer matches the given query."),
    "denied": PermissionDenied("secret reason"),
    "denied-with-words": exceptions.PermissionDenied("Only on weekdays."),
    "suspicious": SuspiciousOperation("secret reason"),
    "throttled": exceptions.Throttled(wait=7.2),
    "bug": RuntimeError("secret reason"),
}


class RaisingView(APIView):
    permission_classes = (AllowAny,)

    def get(self, request, name):
        raise RAISED[name]


class LineSerializer(serializers.Serializer):
    quantity = IntegerField(min_value=1)


class OrderSerializer(serializers.Serializer):
    title = serializers.CharField()
    amount = IntegerField()
    lines = LineSerializer(many=True, required=False)
    extra = serializers.JSONField(required=False)

    def validate(self, order):
        if order["title"] == "nothing":
            raise serializers.ValidationError("Ask for something.", code="nothing")
        return order


class EchoView(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(request=OrderSerializer, responses=OrderSerializer)
    def post(self, request):
        order = OrderSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        return Response(order.validated_data)


class PrivateView(APIView):
    def get(self, request):
        return Response({})


class TwiceAnHour(PublicThrottle):
    rate = "2/hour"


class ThrottledView(APIView):
    permission_classes = (AllowAny,)
    throttle_classes = (TwiceAnHour,)

    def get(self, request):
        return Response({})


def form_page(request):
    return HttpResponse("saved")


def suspicious_page(request):
    raise SuspiciousOperation("secret reason")


def broken_page(request):
    raise RuntimeError("secret reason")


urlpatterns = [
    path("raise/<str:name>", RaisingView.as_view()),
    path("echo", EchoView.as_view()),
    path("private", PrivateView.as_view()),
    path("throttled", ThrottledView.as_view()),
    path("form-page", form_page),
    path("suspicious-page", suspicious_page),
    path("broken-page", broken_page),
    path("", include("backend.urls")),
]
handler400 = "backend.api.exceptions.request_error"
handler403 = "backend.api.exceptions.request_error"
handler404 = "backend.api.exceptions.request_error"
handler500 = "backend.api.exceptions.server_error"

pytestmark = pytest.mark.urls(__name__)


@pytest.fixture
def client():
    return APIClient(raise_request_exception=False, headers={"Accept-Language": "en"})


def post_json(client, text, content_type="application/json"):
    return client.generic("POST", "/echo", text, content_type=content_type)


def problem_in(response):
    """The body, after checking what is true of every problem."""
    assert response["Content-Type"] == "application/problem+json"
    body = json.loads(response.content)
    assert body["status"] == response.status_code
    assert body["type"] == f"/problems/{body['code']}"
    assert "secret reason" not in response.text
    return body


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("invalid", 400, "price_invalid"),
        ("forbidden", 403, "not_yours"),
        ("not-found", 404, "offer_unknown"),
        ("conflict", 409, "insufficient_points"),
        ("http404", 404, "not_found"),
        ("denied", 403, "permission_denied"),
        ("suspicious", 400, "malformed"),
        ("throttled", 429, "throttled"),
        ("bug", 500, "internal_error"),
    ],
)
def test_every_error_has_its_status_and_code(client, name, status, code):
    response = client.get(f"/raise/{name}")

    assert (response.status_code, problem_in(response)["code"]) == (status, code)


def test_a_refusal_is_answered_with_its_facts(client):
    assert problem_in(client.get("/raise/conflict")) == {
        "type": "/problems/insufficient_points",
        "title": "Not enough points.",
        "status": 409,
        "code": "insufficient_points",
        "available": 12,
        "needed": 20,
    }


def test_words_written_for_this_error_are_its_detail(client):
    assert problem_in(client.get("/raise/denied-with-words"))["detail"] == "Only on weekdays."
    assert "detail" not in problem_in(client.get("/raise/http404"))


def test_invalid_fields_are_named_by_path_with_code_and_message(client):
    response = client.post(
        "/echo", {"amount": "many", "lines": [{"quantity": 1}, {"quantity": 0}]}, format="json"
    )

    body = problem_in(response)
    assert response.status_code == 400
    assert body["code"] == "invalid_input"
    assert body["errors"] == {
        "title": [{"code": "required", "message": "This field is required."}],
        "amount": [{"code": "invalid", "message": "A valid integer is required."}],
        "lines.1.quantity": [
            {
                "code": "min_value",
                "message": "Ensure this value is greater than or equal to 1.",
            }
        ],
    }


def test_an_error_of_no_single_field_stands_under_non_field_errors(client):
    response = client.post("/echo", {"title": "nothing", "amount": 1}, format="json")

    assert problem_in(response)["errors"] == {
        "non_field_errors": [{"code": "nothing", "message": "Ask for something."}]
    }


@pytest.mark.parametrize(
    "text",
    [
        '{"title": ',
        " ",
        b'{"title": "\xff", "amount": 1}',
        '{"title": "tea", "amount": NaN}',
        '{"title": "tea", "amount": 1, "extra": -Infinity}',
        '{"title": "tea", "amount": 1, "extra": 1e999}',
        '{"title": "tea", "amount": 1' + "0" * 5000 + "}",
        r'{"title": "tea\u0000", "amount": 1}',
        r'{"title": "tea", "amount": 1, "extra": {"\u0000": 1}}',
        r'{"title": "tea", "amount": 1, "extra": ["\ud800"]}',
        '{"title": "tea", "amount": 1, "extra": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"title": "tea", "amount": 1, "extra": ' + "[" * 40 + "]" * 40 + "}",
        "[" * 500_000,
    ],
)
def test_a_body_that_can_not_be_read_or_stored_is_malformed(client, text):
    response = post_json(client, text)

    assert (response.status_code, problem_in(response)["code"]) == (400, "malformed")


def test_text_that_only_looks_like_an_escape_is_text(client):
    title = r"back\u0000slash 邻里 😀"

    response = client.post("/echo", {"title": title, "amount": 1}, format="json")

    assert response.status_code == 200
    assert response.json()["title"] == title
    assert "邻里 😀" in response.text


@pytest.mark.parametrize("amount", [2**31, -(2**31) - 1, 10**30, "99999999999999999999"])
def test_a_number_beyond_the_database_column_is_refused(client, amount):
    response = client.post("/echo", {"title": "tea", "amount": amount}, format="json")

    assert response.status_code == 400
    assert list(problem_in(response)["errors"]) == ["amount"]


@pytest.mark.parametrize("text", ["[]", '"tea"', "1", "null", "true"])
def test_a_body_that_is_no_object_is_invalid(client, text):
    response = post_json(client, text)

    assert (response.status_code, problem_in(response)["code"]) == (400, "invalid_input")


def test_a_body_over_the_limit_is_413(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    fits = json.dumps({"title": "x" * 74, "amount": 1})
    assert len(fits) == 100

    assert post_json(client, fits).status_code == 200
    response = post_json(client, fits + " ")
    assert (response.status_code, problem_in(response)["code"]) == (413, "body_too_large")


@pytest.mark.django_db
def test_a_body_over_the_limit_is_413_at_log_in_too(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    response = client.post("/_allauth/app/v1/auth/login", {"username": "x" * 100}, format="json")

    assert (response.status_code, problem_in(response)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "text",
    [
        b"\xff",
        "[" * 100_000,
        r'{"username": "\ud800", "password": "x"}',
        r'{"username": "li", "password": "\ud800"}',
        r'{"username": "\u0000", "password": "x"}',
    ],
)
def test_a_body_that_can_not_be_read_is_malformed_at_log_in_too(client, text):
    response = client.generic(
        "POST", "/_allauth/app/v1/auth/login", text, content_type="application/json"
    )

    assert (response.status_code, problem_in(response)["code"]) == (400, "malformed")


def test_what_a_refusal_leaves_unread_is_read_to_the_end(client):
    # Otherwise the connection is reset under a client that is still sending.
    body = io.BytesIO(b"x" * 3_000_000)

    response = client.generic(
        "GET", "/private", **{"wsgi.input": body, "CONTENT_LENGTH": 3_000_000}
    )

    assert response.status_code == 401
    assert body.tell() == 3_000_000


@pytest.mark.parametrize("address", ["/raise/%00", "/api/v1/schema?lang=%00", "/%00"])
def test_nul_in_the_address_is_malformed(client, address):
    response = client.get(address)

    assert (response.status_code, problem_in(response)["code"]) == (400, "malformed")


def test_a_wrong_method_is_405_and_says_which_are_right(client):
    response = client.put("/echo", {}, format="json")

    assert (response.status_code, problem_in(response)["code"]) == (405, "method_not_allowed")
    assert response["Allow"] == "POST, OPTIONS"


def test_an_unread_format_is_415(client):
    response = post_json(client, "title=tea", content_type="application/x-www-form-urlencoded")

    assert (response.status_code, problem_in(response)["code"]) == (415, "unsupported_media_type")


def test_a_format_we_do_not_write_is_406_in_json(client):
    response = client.get("/private", headers={"Accept": "text/csv"})

    assert (response.status_code, problem_in(response)["code"]) == (406, "not_acceptable")


def test_a_page_that_is_not_json_still_fails_in_json(client):
    response = client.post("/api/v1/docs", headers={"Accept": "text/html"})

    assert (response.status_code, problem_in(response)["code"]) == (405, "method_not_allowed")


def test_who_is_not_logged_in_gets_401_and_a_challenge(client):
    response = client.get("/private")

    assert problem_in(response) == {
        "type": "/problems/not_authenticated",
        "title": "Please log in first.",
        "status": 401,
        "code": "not_authenticated",
    }
    assert response["WWW-Authenticate"] == "Bearer"


def test_throttled_calls_say_when_to_come_back(client):
    assert client.get("/raise/throttled")["Retry-After"] == "8"


@pytest.mark.django_db
def test_the_public_throttle_counts_by_address(client):
    statuses = [client.get("/throttled", REMOTE_ADDR="192.0.2.1").status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert client.get("/throttled", REMOTE_ADDR="192.0.2.2").status_code == 200
    refused = client.get("/throttled", REMOTE_ADDR="192.0.2.1")
    assert problem_in(refused)["code"] == "throttled"
    assert 0 < int(refused["Retry-After"]) <= 3600


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/api/v1/nowhere", 404, "not_found"),
        ("/api/v1/schema/", 404, "not_found"),
        ("/nowhere", 404, "not_found"),
        ("/suspicious-page", 400, "malformed"),
        ("/broken-page", 500, "internal_error"),
    ],
)
def test_errors_outside_of_api_views_are_problems_too(client, address, status, code):
    response = client.get(address)

    assert (response.status_code, problem_in(response)["code"]) == (status, code)


def test_a_form_without_its_csrf_token_is_403():
    response = Client(enforce_csrf_checks=True).post("/form-page")

    assert (response.status_code, problem_in(response)["code"]) == (403, "permission_denied")


def test_a_host_that_is_not_ours_is_400(client):
    response = client.get("/api/v1/docs", headers={"Host": "evil.example"})

    assert (response.status_code, problem_in(response)["code"]) == (400, "malformed")


def test_a_bug_is_logged_with_its_traceback(client, caplog):
    client.get("/raise/bug")

    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.exc_info[1] is RAISED["bug"]
