"""Asks a live server for ``me``, over one connection: see ``auth``."""

import http.client
import os
from urllib.parse import urlsplit

from bench._team import work


def main() -> None:
    server = urlsplit(os.environ["BENCH_URL"])
    connection = http.client.HTTPConnection(server.hostname or "", server.port)
    headers = {"Authorization": f"Bearer {os.environ['BENCH_TOKEN']}"}

    def ask(path: str) -> None:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{path} answers {answer.status}: {answer.read()!r}")
        answer.read()

    work({"me": lambda: ask("/api/v1/me"), "open": lambda: ask("/open")})


if __name__ == "__main__":
    main()
