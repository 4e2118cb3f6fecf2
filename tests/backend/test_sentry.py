"""What Sentry's server gets to read, from a process with a DSN, when things go wrong."""

import gzip
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECRETS = ("13800000001", "王小明", "sesame", "o6_wang", "Mozilla", "203.0.113.9")

# A view and a task that fail over somebody, and a line that names somebody.
FAILS = """
import logging
import django
django.setup()
import sentry_sdk
from django.test import Client
from django.urls import path
from backend import urls
from backend.celery import app

def fails(request, name):
    phone = "13800000001"
    raise ValueError(f"王小明 {phone} {request.body} {name}")

@app.task(name="fails")
def task(phone):
    raise KeyError(phone)

urls.urlpatterns.append(path("fails/<str:name>", fails))
client = Client(raise_request_exception=False, SERVER_NAME="localhost")
client.cookies["sessionid"] = "sesame"
answer = client.post(
    "/fails/o6_wang?phone=13800000001",
    {"name": "王小明"},
    headers={"Authorization": "Bearer sesame", "User-Agent": "Mozilla"},
    REMOTE_ADDR="203.0.113.9",
)
assert answer.status_code == 500
task.apply(["13800000001"])
logging.getLogger("linli").error("%s was not told", "王小明", extra={"phone": "13800000001"})
print(answer["X-Request-ID"])
sentry_sdk.flush(10)
"""


class Sentry(ThreadingHTTPServer):
    """A server that keeps what it is told, as text and as events."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.text, self.events = "", []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.text += f"{self.headers}{body.decode()}"
        lines = body.decode().splitlines()
        for head, item in zip(lines[1::2], lines[2::2], strict=False):
            if json.loads(head)["type"] == "event":
                self.server.events.append(json.loads(item))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def told():
    """``(server, the id of the request that failed)``"""
    server = Sentry()
    done = subprocess.run(
        [sys.executable, "-c", FAILS],
        cwd=ROOT,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "backend.test_settings",
            "LINLI_SENTRY_DSN": f"http://key@127.0.0.1:{server.server_port}/1",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    yield server, done.stdout.strip()
    server.shutdown()
    server.server_close()


def test_what_went_wrong_is_told_with_its_place_and_request(told):
    server, request_id = told
    raised = {
        event["exception"]["values"][-1]["type"]: event
        for event in server.events
        if "exception" in event
    }

    assert raised.keys() == {"ValueError", "KeyError"}
    assert raised["ValueError"]["tags"]["request_id"] == request_id
    assert raised["ValueError"]["transaction"] == "/fails/{name}"
    frames = raised["ValueError"]["exception"]["values"][-1]["stacktrace"]["frames"]
    assert frames[-1]["function"] == "fails"
    assert raised["KeyError"]["tags"]["task"] == "fails"
    (logged,) = [event for event in server.events if "exception" not in event]
    assert logged["logentry"] == {"message": "%s was not told"}


@pytest.mark.parametrize("secret", SECRETS)
def test_nobody_is_named(told, secret):
    server, _ = told

    assert server.events
    assert secret not in server.text
    assert json.dumps(secret).strip('"') not in server.text
