"""One POST to a checked address. Redirects are answers like others and are not followed.

Our own code, because no maintained library limits the time of the whole request: ssrfguard,
httpx-secure and microsoft-antissrf leave it to httpx and requests, which limit each read. Celery's
limits stop a task, not a call, and only some of its pools have them.
"""

import socket
import ssl
import time
from collections.abc import Mapping

from backend.webhooks.addresses import Target

STATUS_LINE_BYTES = 1024


class NoAnswer(Exception):
    """The error of a receiver that is unreachable, breaks off, speaks no HTTP or takes too long."""


def post(*, target: Target, headers: Mapping[str, str], body: bytes, seconds: float) -> int:
    """Post and return the answer's status, reading nothing after its first line. Raises NoAnswer.

    ``seconds`` limits the whole request, so that a receiver that drips bytes holds no worker.
    """
    until = time.monotonic() + seconds
    bracketed = f"[{target.host}]" if ":" in target.host else target.host
    standard = 443 if target.tls else 80
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {bracketed}" + ("" if target.port == standard else f":{target.port}"),
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "User-Agent: Linli-Webhooks/1",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    try:
        connection = socket.create_connection((target.ip, target.port), timeout=seconds)
        try:
            if target.tls:
                connection.settimeout(_left(until))
                connection = ssl.create_default_context().wrap_socket(
                    connection, server_hostname=target.host
                )
            connection.settimeout(_left(until))
            connection.sendall("\r\n".join([*lines, "", ""]).encode("ascii") + body)
            return _status(connection, until)
        finally:
            connection.close()
    except OSError as error:
        raise NoAnswer(type(error).__name__) from error


def _status(connection: socket.socket, until: float) -> int:
    answer = b""
    while b"\n" not in answer and len(answer) < STATUS_LINE_BYTES:
        connection.settimeout(_left(until))
        some = connection.recv(STATUS_LINE_BYTES - len(answer))
        if not some:
            break
        answer += some
    words = answer.split(b"\n")[0].split()
    if b"\n" not in answer or len(words) < 2 or not words[0].startswith(b"HTTP/1."):
        raise NoAnswer("not HTTP")
    if len(words[1]) != 3 or not words[1].isdigit():
        raise NoAnswer("not HTTP")
    return int(words[1])


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
