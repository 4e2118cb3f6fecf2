"""A whole Linli, started as `make run` starts it: nothing in these tests is called in-process."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from tests.standins.authenticator import code_of
from tests.year import part_of_the_year

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds for what a worker or the clock has to bring about
START = 300  # seconds; the first start loads a whole community
TOKENS = frozenset({"access_token", "refresh_token", "session_token"})
PERSONAL = frozenset({"password", "name", "phone", "openid", "text", "code"})


@dataclass
class Linli:
    """The running system, as its users meet it.

    ``secrets``: what its users know and its log must not; test_zz_run.py looks.
    """

    home: Path
    process: "subprocess.Popen[bytes]"
    callers: "dict[str, Caller]" = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return json.loads((self.home / "run.json").read_text())["url"]

    def wechat(self, control: str, *, standin: str = "wechat", **body: Any) -> Any:
        """Return the answer of the WeChat or WeChat Pay stand-in to ``/_standin/{control}``."""
        self.note(body)
        url = json.loads((self.home / "run.json").read_text())[standin]
        data = json.dumps(body).encode()
        with urllib.request.urlopen(f"{url}/_standin/{control}", data, timeout=30) as answer:
            told = json.load(answer)
        self.note(told if control == "codes" else {})
        return told

    def note(self, told: Any, names: frozenset[str] = TOKENS | PERSONAL) -> None:
        """Keep what stands under one of ``names`` anywhere in ``told``."""
        if isinstance(told, list):
            for one in told:
                self.note(one, names)
        elif isinstance(told, dict):
            for name, value in told.items():
                if isinstance(value, str) and name in names and len(value) > 1:
                    self.secrets.add(value)
                self.note(value, names)

    def note_answer(self, answer: Any) -> None:
        """Places, offers and problems have codes that everybody knows; a voucher's is secret."""
        self.note(answer, TOKENS)
        if isinstance(answer, dict) and not {"name", "title"} & answer.keys():
            self.note({"code": answer.get("code")})

    @property
    def password(self) -> str:
        return json.loads((self.home / "demo.json").read_text())["password"]

    def log_in(self, username: str) -> "Caller":
        """Log in, once for all stories, because a code of the second factor works once."""
        if username not in self.callers:
            body = {"username": username, "password": self.password}
            _, answer = self.send("POST", "/_allauth/app/v1/auth/login", body, {})
            if (secret := self.totp_secret(username)) is not None:
                code = code_of(secret)
                session = {"X-Session-Token": answer["meta"]["session_token"]}
                _, answer = self.send(
                    "POST", "/_allauth/app/v1/auth/2fa/authenticate", {"code": code}, session
                )
            self.callers[username] = Caller(self, answer["meta"]["access_token"])
        return self.callers[username]

    def totp_secret(self, username: str) -> str | None:
        users = json.loads((self.home / "demo.json").read_text())["users"]
        return next(user.get("totp_secret") for user in users if user["username"] == username)

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        self.note(body)
        status, answer = self._send(method, path, body, headers)
        self.note_answer(answer)
        return status, answer

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"} | headers,
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


@dataclass
class Caller:
    """A logged-in caller of the API."""

    linli: Linli
    token: str

    def get(self, path: str) -> Any:
        status, answer = self.send("GET", path)
        assert status == 200, answer
        return answer

    def post(self, path: str, body: Any = None) -> Any:
        status, answer = self.send("POST", path, body or {})
        assert status in (200, 201), answer
        return answer

    def send(self, method: str, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key or str(uuid4())}
        return self.linli.send(method, f"/api/v1/{path}", body, headers)


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """``eventually(look)``: what ``look`` answers, once it answers something."""

    def wait(look: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not (seen := look()):
            assert time.monotonic() < deadline, "It never came."
            time.sleep(0.2)
        return seen

    return wait


@pytest.fixture(scope="session")
def linli(tmp_path_factory):
    """Web, worker and beat on servers of their own, with the demo community loaded."""
    home = tmp_path_factory.mktemp("home")
    outer = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
    environment = {k: v for k, v in os.environ.items() if k not in outer}
    # The demo's volunteer and rider are the first and third; 177 was at its shop in December.
    year = part_of_the_year(tmp_path_factory.mktemp("year") / "bishahu", of=44, kept=[1, 3])
    environment |= {
        "LINLI_HOME": str(home),
        "LINLI_DEMO_SCENARIO": str(year),
        "LINLI_STANDINS": "tests.standins",
        "LINLI_SWEEP_SECONDS": "1",
        "LINLI_LOG_LEVEL": "INFO",  # whatever is said is to be looked through
        "LINLI_WECHAT_TIMEOUT_SECONDS": "2",
    }
    with (home / "run.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.run"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START
        while "Ctrl-C stops it" not in (said := (home / "run.log").read_text()):
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.2)
        yield Linli(home, process)
        if process.poll() is None:  # test_zz_run.py ends it in its own way
            family = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0, (home / "run.log").read_text()
            assert [p for p in family if p.is_running() and p.status() != "zombie"] == []
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=60)
