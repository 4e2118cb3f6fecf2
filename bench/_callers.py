"""One of the clients of a live server, BENCH_URL, with BENCH_TOKEN: see the benches over HTTP."""

import http.client
import json
import os
import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from bench._team import PROCESSES, work
from volunteers.attendance.codes import Kind, code_of


class Shift:
    """The shift of BENCH_SHIFT: its community's id and its own."""

    def __init__(self) -> None:
        self.community_id, self.pk = map(UUID, os.environ["BENCH_SHIFT"].split())


def main(number: int) -> None:
    ours = _connected_to(url := os.environ["BENCH_URL"])
    bare = _connected_to(os.environ.get("BENCH_BARE_URL", url))
    told = {
        "Authorization": f"Bearer {os.environ['BENCH_TOKEN']}",
        "Content-Type": "application/json",
    }
    all_codes = Path(os.environ.get("BENCH_CODES", os.devnull)).read_text().splitlines()
    codes = islice(all_codes, number, None, PROCESSES)  # each is some one's of us
    others = islice(reversed(all_codes), number, None, PROCESSES)

    def ask(
        method: str,
        path: str,
        body: str | None = None,
        headers: dict[str, str] | None = None,
        connection: http.client.HTTPConnection = ours,
    ) -> None:
        """Send a request. Raises RuntimeError for any answer but a success."""
        try:
            connection.request(method, path, body, told | (headers or {}))
            answer = connection.getresponse()
        except ConnectionError:  # the server lets go of who was silent for two seconds
            connection.close()
            connection.request(method, path, body, told | (headers or {}))
            answer = connection.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} answers {answer.status}: {said!r}")

    def scan() -> None:
        body = {"code": (code := next(codes))}
        ask("POST", os.environ["BENCH_SCANS"], json.dumps(body), {"Idempotency-Key": code})

    def check_in() -> None:
        """Scan the code that hangs at the shift now, as the next person."""
        code = code_of(Kind.VENUE, Shift(), at=datetime.now(UTC))
        body = json.dumps({"code": code, "nonce": "bench"})
        token = {"Authorization": f"Bearer {next(codes)}"}
        ask("POST", "/api/v1/me/attendances", body, token)

    def floor_as_another() -> None:
        """Insert a row as the next person from the end: a token is read once, as in a check-in."""
        ask("POST", "/floor", "{}", {"Authorization": f"Bearer {next(others)}"})

    work(
        {
            "me": lambda: ask("GET", "/api/v1/me"),
            "notices": lambda: ask("GET", "/api/v1/me/notices"),
            "open": lambda: ask("GET", "/open"),
            "scan": scan,
            "check_in": check_in,
            "floor": lambda: ask("POST", "/floor", "{}"),
            "floor_as_another": floor_as_another,
            "bare": lambda: ask("POST", "/bare", "{}", connection=bare),
        }
    )


def _connected_to(url: str) -> http.client.HTTPConnection:
    server = urlsplit(url)
    return http.client.HTTPConnection(server.hostname or "", server.port, timeout=120)


if __name__ == "__main__":
    main(int(sys.argv[1]))
