"""Requests beyond the limits are refused by the running web server with a message."""

import http.client
import json

import pytest

pytestmark = pytest.mark.slow

REPORTS = "/api/v1/communities/bishahu/reports"
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="photos"; filename="p.jpg"\r\n'
    b"Content-Type: image/jpeg\r\n\r\n"
)


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("multipart/form-data; boundary=b", FORM + b"\0" * 30_000_000, 413, "body_too_large"),
        ("application/json", b" " * 30_000_000, 413, "body_too_large"),
        ("application/json", b"[" * 100_000 + b"]" * 100_000, 400, "malformed"),
        ("application/json", (b"{}" for _ in range(2)), 411, "length_required"),
        ("application/json", (b"\0" * 65_536 for _ in range(100)), 411, "length_required"),
    ],
    ids=["photo", "JSON", "deep", "chunks", "many chunks"],
)
def test_a_body_that_is_too_much(linli, kind, body, status, code):
    token = linli.log_in("rider").token
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": kind,
        "Idempotency-Key": "too-much",
    }
    connection = http.client.HTTPConnection(linli.url.removeprefix("http://"), timeout=30)

    connection.request("POST", REPORTS, body, headers)  # an iterator is sent in chunks
    answer = connection.getresponse()

    assert (answer.status, json.loads(answer.read())["code"]) == (status, code)
    connection.close()
    assert linli.log_in("rider").get("me")
