"""The OpenAPI document and the page that shows it."""

import re

import jsonschema
import pytest
from django.test import Client
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.validation import validate_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.views import writes
from tests.backend import walks
from tests.backend.test_permissions import codes_of


class TeaSerializer(serializers.Serializer):
    title = serializers.CharField()


class TeaView(APIView):
    @extend_schema(responses=TeaSerializer)
    def get(self, request):
        return Response({"title": "tea"})

    @writes(TeaSerializer, body=TeaSerializer, needs_key=True, status=201)
    def post(self, user, title):
        return {"title": title}

    @writes(TeaSerializer, body=TeaSerializer)
    def put(self, user, title):
        return {"title": title}


@pytest.fixture
def document():
    patterns = [path("api/v1/teas/today", TeaView.as_view())]
    document = SchemaGenerator(patterns=patterns).get_schema(request=None, public=True)
    validate_schema(document)
    return document


@pytest.mark.parametrize("method", ["get", "post", "put"])
def test_every_operation_documents_its_errors(document, method):
    operation = document["paths"]["/api/v1/teas/today"][method]

    assert operation["responses"]["default"]["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    assert operation["tags"] == ["teas"]
    assert operation["security"] == [{"accessToken": []}]
    assert document["components"]["schemas"]["Problem"]["required"] == [
        "type",
        "title",
        "status",
        "code",
    ]


@pytest.mark.parametrize(("method", "is_required"), [("post", True), ("put", False)])
def test_an_idempotent_operation_documents_its_key(document, method, is_required):
    operation = document["paths"]["/api/v1/teas/today"][method]

    (parameter,) = operation["parameters"]
    assert (parameter["name"], parameter["in"], parameter.get("required", False)) == (
        "Idempotency-Key",
        "header",
        is_required,
    )
    (status,) = (status for status in operation["responses"] if status[0] == "2")
    assert list(operation["responses"][status]["headers"]) == ["Idempotency-Replayed"]


def test_other_operations_have_no_key(document):
    assert "parameters" not in document["paths"]["/api/v1/teas/today"]["get"]


# --- what every operation says ----------------------------------------------------------------
@pytest.fixture(scope="module")
def ours():
    """The document of the whole API."""
    return walks.document()


def operations(document):
    for address, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {address}", operation


def test_every_operation_has_a_summary_of_its_own_at_its_address(ours):
    for address, methods in ours["paths"].items():
        summaries = [operation["summary"] for operation in methods.values()]
        assert all(summaries), address
        assert len(set(summaries)) == len(summaries), address
        for summary in summaries:
            assert "``" not in re.sub(r"``[\w.-]+``", "", summary), summary
            assert len(summary) < 100, summary


@pytest.mark.parametrize(
    ("label", "status", "codes"),
    [
        ("GET /api/v1/shifts", "400", {"malformed", "invalid_input", "invalid_cursor"}),
        ("GET /api/v1/me", "401", {"not_authenticated"}),
        ("GET /api/v1/communities/{code}", "404", {"not_found", "community_unknown"}),
        ("GET /api/v1/communities", "429", {"throttled"}),
        ("PATCH /api/v1/communities/{code}/contact", "412", {"precondition_failed"}),
        ("POST /api/v1/attendances/{attendance_id}/reject", "422", {"idempotency_key_reused"}),
        (
            "POST /api/v1/attendances/{attendance_id}/reject",
            "409",
            {"attendance_status_wrong", "community_moved", "idempotency_key_in_use"},
        ),
        (
            "POST /api/v1/attendances/{attendance_id}/reject",
            "403",
            {"own_hours", "own_record", "second_factor_required", "suspended"},
        ),
    ],
)
def test_the_codes_of_an_operation_are_those_that_it_can_raise(ours, label, status, codes):
    assert set(codes_of(ours, dict(operations(ours))[label])[status]) == codes


def test_what_needs_no_log_in_or_reads_nothing_says_so(ours):
    found = dict(operations(ours))

    assert "401" not in codes_of(ours, found["GET /api/v1/communities"])
    assert not {"409", "412", "413", "415", "422"} & found["GET /api/v1/me"]["responses"].keys()


def nullable(schema):
    """``schema`` of OpenAPI 3.0 as JSON Schema has it, which knows no ``nullable``."""
    if isinstance(schema, list):
        return [nullable(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: nullable(part) for name, part in schema.items() if name != "nullable"}
    return {"anyOf": [inner, {"type": "null"}]} if schema.get("nullable") is True else inner


def test_every_operation_has_an_example_that_its_schema_allows(ours):
    components = nullable(ours["components"])
    without = []
    for label, operation in operations(ours):
        if "/_allauth/" in label:
            continue
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        contents = [body.get("content", {}).get("application/json", {}) for body in bodies]
        examples = [content for content in contents if "example" in content]
        for content in examples:
            schema = {**nullable(content["schema"]), "components": components}
            jsonschema.Draft202012Validator(schema).validate(content["example"])
        if not examples and any(contents):
            without.append(label)

    assert without == []


# --- labels -----------------------------------------------------------------------------------
def test_every_enum_has_a_label_in_both_languages_for_each_value(ours):
    enums = {
        name: schema
        for name, schema in ours["components"]["schemas"].items()
        if "enum" in schema and schema["enum"] != [None] and not name.startswith("LogIn")
    }
    assert len(enums) > 30
    for name, schema in enums.items():
        assert [one["value"] for one in schema["x-labels"]] == schema["enum"], name
        for one in schema["x-labels"]:
            assert re.search("[\u4e00-\u9fff]", one["zh"]), (name, one)
            assert re.fullmatch(r"[A-Z][\w \-]*", one["en"], re.ASCII), (name, one)
            assert f"* `{one['value']}` - {one['zh']} / {one['en']}" in schema["description"]


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_labels_are_told_to_whoever_asks(ours, language):
    answer = Client().get("/api/v1/labels", headers={"Accept-Language": language})

    told = {one["name"]: one["labels"] for one in answer.json()}
    assert told == {
        name.removesuffix("Enum"): schema["x-labels"]
        for name, schema in ours["components"]["schemas"].items()
        if "x-labels" in schema
    }
    assert {"value": "courier", "zh": "快递员", "en": "Courier"} in told["VolunteerKind"]
    assert {"value": "day", "zh": "每天", "en": "Day"} in told["LimitPeriod"]


@pytest.mark.django_db
def test_the_document_is_public_json():
    response = Client().get("/api/v1/schema")

    assert response.status_code == 200
    assert response["Content-Type"].startswith("application/vnd.oai.openapi+json")
    assert response.json()["info"]["title"] == "Linli 邻里"


def test_the_docs_page_needs_no_other_site():
    client = Client()
    page = client.get("/api/v1/docs").text
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    start = assets.pop()
    script = client.get(start).text

    for text in (page, script):
        assert "//" not in re.sub(r"^\s*//.*", "", text.replace("\\/", "/"), flags=re.MULTILINE)
    assert start == "/api/v1/docs?script="
    assert '"validatorUrl": null' in script
    assert len(assets) == 5
    for asset in assets:
        assert asset.startswith(("/static/drf_spectacular_sidecar/", "/static/pages/"))
        assert client.get(asset).status_code == 200
