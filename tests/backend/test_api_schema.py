"""The OpenAPI document and the page that shows it."""

import re

import pytest
from django.test import Client
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.validation import validate_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.idempotency import idempotent, myself


class TeaSerializer(serializers.Serializer):
    title = serializers.CharField()


class TeaView(APIView):
    @extend_schema(responses=TeaSerializer)
    def get(self, request):
        return Response({"title": "tea"})

    @extend_schema(request=TeaSerializer, responses={201: TeaSerializer})
    @idempotent(myself, TeaSerializer)
    def post(self, request):
        return Response({"title": "tea"}, status=201)

    @idempotent(myself, TeaSerializer, is_required=False)
    @extend_schema(request=TeaSerializer, responses=TeaSerializer)
    def put(self, request):
        return Response({"title": "tea"})


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
    (status,) = operation["responses"].keys() - {"default"}
    assert list(operation["responses"][status]["headers"]) == ["Idempotency-Replayed"]


def test_other_operations_have_no_key(document):
    assert "parameters" not in document["paths"]["/api/v1/teas/today"]["get"]


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
