"""Basis of all walks through town: every operation of the API, and a way to succeed with it.

The walk in test_permissions.py asks everything as everybody, and keeps who succeeds with what, and
by how many SQL statements, in tests/golden/queries.txt. The other walks need not look for it again.
"""

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.client import BOUNDARY

from backend.api.documents import openapi
from tests.backend.town import Form, Town, undone

GOLDEN = Path(__file__).parents[1] / "golden"
TRANSACTION = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")
LOG_IN = "/_allauth/"  # django-allauth's; tests/backend/test_api_authentication.py
CLIENT = Client()
Request = tuple[str, str, Any, dict[str, str]]  # method, address, body, headers


@functools.cache
def document() -> dict[str, Any]:
    """The OpenAPI document of the whole API, made once and served to whoever asks as well."""
    return json.loads(openapi.made().content)


def operations() -> Iterator[tuple[str, str, str, list[str]]]:
    """(operationId, method, path, names of its parameters) of all there is, but to log in."""
    for path, methods in document()["paths"].items():
        if path.startswith(LOG_IN):
            continue
        for method, operation in methods.items():
            names = [
                parameter["name"]
                for parameter in operation.get("parameters", [])
                if parameter["in"] == "path"
            ]
            yield operation["operationId"], method.upper(), path, names


@dataclass(frozen=True)
class Way:
    """A request about something of the lake's that succeeds."""

    operation_id: str
    label: str  # "PUT /api/v1/…"
    path_parameters: dict[str, str]
    request: Request
    cost: int  # in SQL statements


class Kept(NamedTuple):
    """A line of the table of costs: SQL statements, the caller, and rows that are not the first."""

    cost: int | None = None
    caller: str = ""
    which: tuple[int, ...] = ()


@functools.cache
def kept() -> dict[str, Kept]:
    """By operation, what the table says."""
    lines = (GOLDEN / "queries.txt").read_text(encoding="utf-8").splitlines()
    told = (line.split() for line in lines if not line.startswith(("#", "operation ")))
    return {
        name: Kept(int(cost), caller, tuple(map(int, which))) for name, cost, caller, *which in told
    }


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the SQL statements inside, but for those that begin and end transactions."""
    found: list[str] = []

    def collect(execute: Any, statement: Any, params: Any, many: bool, context: Any) -> Any:
        if not (text := str(statement)).startswith(TRANSACTION):
            found.append(text)
        return execute(statement, params, many, context)

    with connection.execute_wrapper(collect):
        yield found


def ways(town: Town) -> dict[str, Way]:
    """The way to succeed with each operation, as the walk that looked for it kept it."""
    found = {}
    rows, bodies = town.rows["lake"], town.bodies["lake"]
    for operation_id, method, path, names in operations():
        assert operation_id in kept(), f"Nobody is known to succeed with {operation_id}."
        cost, caller, which = kept()[operation_id]
        numbers = which or [0] * len(names)
        values = {name: rows[name][number] for name, number in zip(names, numbers, strict=True)}
        label = f"{method} {path}"
        request = method, path.format(**values), bodies.get(label), town.headers[caller]
        found[label] = Way(operation_id, label, values, request, cost)
    return found


def ask(*request: Any) -> HttpResponse:
    """The answer to what was then never asked."""
    with undone():
        return send(*request)


def send(
    method: str, path: str, body: Any, headers: dict[str, str], boundary: str = BOUNDARY
) -> HttpResponse:
    is_form = isinstance(body, Form)
    return CLIENT.generic(
        method,
        path,
        body.encoded(boundary) if is_form else "" if body is None else json.dumps(body),
        f"multipart/form-data; boundary={boundary}" if is_form else "application/json",
        headers={**headers, "Idempotency-Key": "once"},
    )
