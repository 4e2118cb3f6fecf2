"""Unknown fields and parameters are refused by name, with the nearest known name.

tests/backend/test_api_fuzz.py asks every operation, as somebody who succeeds with it.
"""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import encode_multipart
from django.urls import include, path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from backend.api.known import MOST_NAMED
from backend.api.parsers import JSONParser, PhotoFormParser
from tests.backend.walks import operations


class LineSerializer(serializers.Serializer):
    offer = serializers.CharField(required=False)
    quantity = serializers.IntegerField(required=False)
    total = serializers.IntegerField(read_only=True)


class OrderSerializer(serializers.Serializer):
    title = serializers.CharField(required=False)
    first = LineSerializer(required=False)
    lines = serializers.ListField(child=LineSerializer(), required=False)
    more = LineSerializer(many=True, required=False)
    free = serializers.DictField(required=False)


class OrderFormSerializer(OrderSerializer):
    photo = serializers.FileField(required=False)


class OrderView(APIView):
    permission_classes = (AllowAny,)
    parser_classes = (JSONParser, PhotoFormParser)

    @extend_schema(parameters=[OpenApiParameter("colour")], responses=OrderSerializer)
    def get(self, request):
        return Response({})

    @extend_schema(
        request={
            JSONParser.media_type: OrderSerializer,
            PhotoFormParser.media_type: OrderFormSerializer,
        },
        responses=OrderSerializer,
    )
    def post(self, request):
        return Response({"read": sorted(request.data)})

    @extend_schema(request=None, responses={204: None})
    def delete(self, request):
        return Response(status=204)


class BareView(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(request=None, responses=OrderSerializer)
    def post(self, request):
        return Response({})

    @extend_schema(exclude=True)
    def put(self, request):
        return Response({})


def page(request):
    return Response()


urlpatterns = [
    path("orders", OrderView.as_view()),
    path("bare", BareView.as_view()),
    path("", include("backend.urls")),
]


@pytest.fixture
def client(settings):
    settings.ROOT_URLCONF = __name__
    return APIClient(headers={"Accept-Language": "en"})


def errors_in(answer):
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["code"] == "invalid_input"
    return {
        name: [(one["code"], one["message"]) for one in errors]
        for name, errors in answer.json()["errors"].items()
    }


@pytest.mark.parametrize(
    ("body", "name", "near"),
    [
        ({"titel": "tea"}, "titel", "title"),
        ({"title": "tea", "lines": [{}, {"quantiti": 1}]}, "lines.1.quantiti", "quantity"),
        ({"more": [{"ofer": "tea"}]}, "more.0.ofer", "offer"),
        ({"first": {"price": 1}}, "first.price", None),
        ({"first": {"total": 1}}, "first.total", None),  # is told, not read
        ({"photo": "tea"}, "photo", None),  # a form's
        ({"": 1}, "non_field_errors", None),
        ({"x" * 10_000: 1}, "x" * 10_000, None),
    ],
)
def test_an_unknown_field_is_named_with_the_nearest_known_one(client, body, name, near):
    answer = client.post("/orders", body, format="json")

    meant = f" Is “{near}” meant?" if near else ""
    assert errors_in(answer) == {name: [("unknown_field", f"This is not known here.{meant}")]}


def test_what_is_known_is_read_and_what_is_free_is_free(client):
    body = {"title": "tea", "first": {"offer": "tea"}, "lines": [], "free": {"any": {"thing": 1}}}

    assert client.post("/orders", body, format="json").json()["read"] == sorted(body)


def test_of_very_many_unknown_fields_some_are_named(client):
    answer = client.post("/orders", {f"n{n}": n for n in range(5_000)}, format="json")

    assert len(errors_in(answer)) == MOST_NAMED


def test_a_form_is_read_as_the_form_it_is(client):
    def send(**fields):
        body = encode_multipart("b", fields)
        return client.generic("POST", "/orders", body, "multipart/form-data; boundary=b")

    photo = SimpleUploadedFile("photo.png", b"png")
    assert send(title="tea", photo=photo).json()["read"] == ["photo", "title"]
    assert list(errors_in(send(title="tea", phto=photo))) == ["phto"]


def test_an_unknown_parameter_is_named_with_the_nearest_known_one(client):
    assert client.get("/orders?colour=red").status_code == 200
    assert errors_in(client.get("/orders?color=red")) == {
        "color": [("unknown_parameter", "This is not known here. Is “colour” meant?")]
    }
    assert client.head("/orders?color=red").status_code == 400
    for method in ("PUT", "SCHEMA", "OPTIONS"):
        assert client.generic(method, "/orders?color=red").status_code == 405
    assert list(errors_in(client.post("/orders?colour=red", {}, format="json"))) == ["colour"]


@pytest.mark.parametrize(("method", "address"), [("post", "/bare"), ("delete", "/orders")])
def test_where_no_body_is_read_none_is_swallowed(client, method, address):
    ask = getattr(client, method)

    assert ask(address).status_code < 300
    assert ask(address, {}, format="json").status_code < 300
    assert list(errors_in(ask(address, {"reason": "rain"}, format="json"))) == ["reason"]
    form = client.generic(
        method.upper(),
        address,
        "a=1",
        "application/x-www-form-urlencoded",
        headers={"Authorization": "Bearer x"},
    )
    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")
    broken = client.generic(method.upper(), address, "{", "application/json")
    assert (broken.status_code, broken.json()["code"]) == (400, "malformed")


@pytest.mark.django_db
def test_what_is_not_in_the_document_keeps_rules_of_its_own(client):
    assert client.put("/bare?any=1", {"thing": 1}, format="json").status_code == 200
    assert client.get("/healthz?any=1").status_code == 200
    assert client.get("/?any=1").status_code != 400


def test_it_is_said_in_chinese(client):
    answer = client.get("/orders?color=red", headers={"Accept-Language": "zh-hans"})

    assert answer.json()["errors"]["color"][0]["message"] == "这里没有这一项。是否指“colour”？"


def test_every_operation_refuses_an_unknown_parameter(client):
    nobody = "0" * 8 + "-0000" * 3 + "-" + "0" * 12
    asked = [
        (operation_id, method, path.format(**dict.fromkeys(names, nobody) | {"number": 0}))
        for operation_id, method, path, names in operations()
    ]
    assert len(asked) > 200
    swallowed = []
    for operation_id, method, address in asked:
        answer = client.generic(method, f"{address}?nobody_knows_this=1")
        if errors_in(answer).keys() != {"nobody_knows_this"}:
            swallowed.append(operation_id)

    assert swallowed == []
