"""A database of a bench's own, on the server of DATABASE_URL."""

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from secrets import token_hex
from urllib.parse import urlsplit

import psycopg
from django.core.management import call_command
from django.db import connection
from psycopg.sql import SQL, Identifier


@contextmanager
def own_database() -> Iterator[None]:
    """Make an empty migrated database for us and, by DATABASE_URL, for programs we start."""
    outer_url, template = os.environ["DATABASE_URL"], _migrated(os.environ["DATABASE_URL"])
    name = _fresh_name()
    with psycopg.connect(outer_url, autocommit=True) as server:
        server.execute(
            SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template))
        )
        try:
            with _connected_to(name):
                os.environ["DATABASE_URL"] = urlsplit(outer_url)._replace(path=f"/{name}").geturl()
                yield
        finally:
            os.environ["DATABASE_URL"] = outer_url
            _drop(outer_url, name)


@cache
def _migrated(outer_url: str) -> str:
    """Return the name of a database that was migrated once, to be copied; dropped at exit.

    The tests have one, and name it.
    """
    if theirs := os.environ.get("LINLI_TEMPLATE_DATABASE"):
        return theirs
    name = _fresh_name()
    with psycopg.connect(outer_url, autocommit=True) as server:
        server.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    atexit.register(_drop, outer_url, name)
    with _connected_to(name):
        call_command("migrate", verbosity=0)
    return name


@contextmanager
def _connected_to(name: str) -> Iterator[None]:
    outer_name = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = outer_name


def _fresh_name() -> str:
    return f"bench_{os.getpid()}_{token_hex(6)}"


def _drop(outer_url: str, name: str) -> None:
    with psycopg.connect(outer_url, autocommit=True) as server:
        server.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
