"""Every thing that a list shows can be opened at an address of its own."""

import pytest

from tests.backend.walks import document

# A list of which a row is all there is to tell, and why.
WHOLE = {
    "/api/v1/communities/{code}/notice-texts": "texts, which open by kind and language",
    "/api/v1/communities/{code}/reports/near": "reports, which open",
    "/api/v1/reports/due": "reports, which open",
    "/api/v1/reports/{report_id}/assignees": "people, who open as members and in cells",
    "/api/v1/reports/{report_id}/near": "reports, which open",
    "/api/v1/consents": "the words that somebody agrees to",
    "/api/v1/me/consents": "what was agreed to when",
    "/api/v1/labels": "what values are called",
    "/api/v1/me/wechat-templates": "what the operator has set up, and what is left of it",
    "/api/v1/shops": "what everybody may know of a shop",
    "/api/v1/communities/{code}/fund-claims": "claims, which open at their fund",
    "/api/v1/communities/{code}/refunds": "a line of a redemption, which opens",
    "/api/v1/communities/{code}/statement-questions": "questions, which open at their statement",
    "/api/v1/redemptions/{redemption_id}/refunds": "a line of a redemption, which opens",
    "/api/v1/communities/{code}/people/{user_id}/alike": "people, who open",
    "/api/v1/imports/{import_id}/rows": "what is wrong in a row of a file, which is kept for days",
    "/api/v1/rule-templates": "drafts of rules, which are no rules yet",
    "/api/v1/statements/{statement_id}/refunds": "a line of a redemption, which opens",
}


def named(schema):
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def is_list(operation):
    content = operation["responses"].get("200", {}).get("content", {})
    schema = named(content.get("application/json", {}).get("schema", {}))
    return schema.get("type") == "array" or "results" in schema.get("properties", {})


def reads():
    paths = document()["paths"].items()
    return {path: methods["get"] for path, methods in paths if "get" in methods}


def unopened():
    opened = {path.split("/")[-2] for path in reads() if path.endswith("}")}
    return {
        path
        for path, operation in reads().items()
        if is_list(operation) and path.rpartition("/")[2] not in opened
    }


def test_whatever_is_listed_can_be_opened():
    assert unopened() == set(WHOLE)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/api/v1/offers", True), ("/api/v1/offers/{offer_id}", False), ("/api/v1/labels", True)],
)
def test_a_list_is_told_from_what_is_no_list(path, expected):
    assert is_list(reads()[path]) is expected
