"""A database of a bench's own, on the server of DATABASE_URL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from urllib.parse import urlsplit

import psycopg
from django.core.management import call_command
from django.db import connection
from psycopg.sql import SQL, Identifier


@contextmanager
def own_database() -> Iterator[None]:
    """An empty migrated database for us and, by DATABASE_URL, for programs we start."""
    outer_url = os.environ["DATABASE_URL"]
    outer_name = connection.settings_dict["NAME"]
    name = f"bench_{os.getpid()}_{token_hex(6)}"
    with psycopg.connect(outer_url, autocommit=True) as server:
        server.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            os.environ["DATABASE_URL"] = urlsplit(outer_url)._replace(path=f"/{name}").geturl()
            connection.settings_dict["NAME"] = name
            call_command("migrate", verbosity=0)
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = outer_name
            os.environ["DATABASE_URL"] = outer_url
            server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
