"""A live web server on a bench's database, and four clients that ask it."""

import http.client
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from backend.embedded import stopping
from backend.run import listen, start_web, wait_until_ready

WORKERS = 2
PASSWORD = "correct horse battery staple"  # noqa: S105  # of a bench's people alone


@contextmanager
def live_server() -> Iterator[str]:
    """As `make run` starts it, but for the number of workers and ``_web_urls``; its address."""
    with tempfile.TemporaryDirectory(prefix="linli-") as name, listen(8000) as listener:
        home = Path(name)
        (home / "log").mkdir()
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "bench._web_settings"}
        port = listener.getsockname()[1]
        with stopping(web := start_web(home, environment, listener, workers=WORKERS)):
            wait_until_ready(port, [web])
            yield f"http://127.0.0.1:{port}"


def token_of(url: str, username: str) -> str:
    """The access token of somebody with PASSWORD, who logs in there."""
    answer = httpx.post(
        f"{url}/_allauth/app/v1/auth/login", json={"username": username, "password": PASSWORD}
    )
    token: str = answer.json()["meta"]["access_token"]
    return token


class Caller:
    """Somebody who has logged in, over one connection: BENCH_URL and BENCH_TOKEN."""

    def __init__(self) -> None:
        server = urlsplit(os.environ["BENCH_URL"])
        self._connection = http.client.HTTPConnection(server.hostname or "", server.port)
        self._headers = {
            "Authorization": f"Bearer {os.environ['BENCH_TOKEN']}",
            "Content-Type": "application/json",
        }

    def ask(self, method: str, path: str, body: str | None = None, key: str = "") -> None:
        """Raises RuntimeError for any answer but a success."""
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
        except ConnectionError:  # the server lets go of who was silent for two seconds
            self._connection.close()
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} answers {answer.status}: {said!r}")
