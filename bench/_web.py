"""A live web server on a bench's database, with BENCH_WORKERS (2), and four clients of it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from backend.embedded import stopping
from backend.run import listen, start_web, wait_until_ready
from bench._outcome import asked
from bench._team import first, team

WORKERS = asked("WORKERS", 2)
TRANSACTION = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT")
PASSWORD = "correct horse battery staple"  # noqa: S105  # of a bench's people alone


@contextmanager
def live_server(settings: str = "bench._web_settings") -> Iterator[str]:
    """Start web as `make run` does, but for ``settings`` and the workers. Yields its address.

    The project is read once for all workers.
    """
    with tempfile.TemporaryDirectory(prefix="linli-") as name, listen(8000) as listener:
        home = Path(name)
        (home / "log").mkdir()
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": settings,
            "GUNICORN_CMD_ARGS": "--preload",
        }
        port = listener.getsockname()[1]
        with stopping(web := start_web(home, environment, listener, workers=WORKERS)):
            wait_until_ready(port, [web])
            yield f"http://127.0.0.1:{port}"


def token_of(url: str, username: str) -> str:
    """Return the access token of a person with PASSWORD, who logs in there."""
    answer = httpx.post(
        f"{url}/_allauth/app/v1/auth/login", json={"username": username, "password": PASSWORD}
    )
    token: str = answer.json()["meta"]["access_token"]
    return token


def statements(path: str, body: dict[str, str], token: str, **headers: str) -> int:
    """Count the statements of one POST, without those that begin and end transactions."""
    with CaptureQueriesContext(connection) as captured:
        answer = Client(SERVER_NAME="localhost").post(
            path,
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}", **headers},
        )
    if answer.status_code >= 300:
        raise RuntimeError(f"{path} answers {answer.status_code}: {answer.content!r}")
    return sum(not query["sql"].startswith(TRANSACTION) for query in captured.captured_queries)


def versus(task: str, floor: str, each: int, **environment: str) -> float:
    """Return requests a second, ``task`` ÷ ``floor`` (``_callers``), the median of the rounds."""
    with team("bench._callers", **environment) as clients:

        def ratio(times: int) -> float:
            of_floor = clients.rate(floor, times)
            return clients.rate(task, times) / of_floor

        ratio(first(each))
        return median(ratio(each) for _ in range(asked("ROUNDS", 5)))
