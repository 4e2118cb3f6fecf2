"""Another installation, with its own database and keys: commands and answers are lines of JSON.

``Elsewhere`` starts it for a test, on a copy of the template.
"""

import io
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from select import select
from uuid import uuid4

import psycopg
from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120  # seconds


class Elsewhere:
    def __init__(self, database_url, **env):
        keys = {
            "LINLI_SECRET_KEY": "the other installation's, with which it signs",
            "LINLI_FIELD_KEYS": Fernet.generate_key().decode(),
            "LINLI_PHONE_INDEX_KEY": "the other installation's",
            "LINLI_ALLOWED_HOSTS": "testserver",
        }
        self.database_url, self._env = database_url, os.environ | keys | env
        self._env["DATABASE_URL"] = database_url
        self._start()

    def _start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.backend.elsewhere"],
            cwd=ROOT,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _send(self, command, *arguments):
        self.process.stdin.write(json.dumps([command, *arguments]) + "\n")
        self.process.stdin.flush()

    def _tell(self, command, *arguments):
        self._send(command, *arguments)
        assert select([self.process.stdout], [], [], PATIENCE)[0], "There is no answer."
        answer = self.process.stdout.readline()
        assert answer, "It died: what it said is above."
        return json.loads(answer)

    def manage(self, *arguments):
        """Run a command of manage.py. Returns what it said; of a refusal, its words."""
        return self._tell("manage", *map(str, arguments))

    def is_killed_within(self, *arguments, waiting_for):
        """Kill the process where a command of manage.py waits for a table; start another one."""
        with psycopg.connect(self.database_url) as locked:
            locked.execute(f"LOCK TABLE {waiting_for}")
            self._send("manage", *map(str, arguments))
            self._eventually(lambda: self.sql("SELECT pid FROM pg_locks WHERE NOT granted"))
            self.process.kill()
            self.process.wait(PATIENCE)
        others = (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        self._eventually(lambda: not self.sql(others))
        self._start()

    def _eventually(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.05)

    def asks(self, method, path, body=None, token=None, key=None):
        """Send a request. Returns the status and the body of its answer."""
        return self._tell("ask", method, path, body, token, key)

    def has(self, name):
        """Return the SHA-256 of a stored file, None if there is none."""
        return self._tell("has", name)

    def sql(self, statement, *values):
        with psycopg.connect(self.database_url, autocommit=True) as database:
            cursor = database.execute(statement, values)
            return cursor.fetchall() if cursor.description else None


@contextmanager
def copy_of_template():
    """Make a database as the migrations left it, for as long as the block. Yields its address."""
    name = f"elsewhere_{uuid4().hex[:12]}"
    server, template = os.environ["DATABASE_URL"], os.environ["LINLI_TEMPLATE_DATABASE"]
    with psycopg.connect(server, autocommit=True) as database:
        database.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield server.replace("/linli?", f"/{name}?")
        finally:
            database.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def started(**env):
    """Start another installation on a database of its own."""
    with copy_of_template() as address:
        other = Elsewhere(address, **env)
        try:
            yield other
        finally:
            other.process.stdin.close()
            other.process.wait(PATIENCE)


# --- in the other process ---------------------------------------------------------------------
def manage(*arguments):
    from django.core.management import call_command
    from django.core.management.base import CommandError

    said = io.StringIO()
    try:
        call_command(*arguments, stdout=said)
    except CommandError as refusal:
        return f"{said.getvalue()}{refusal}"
    return said.getvalue()


def ask(method, path, body, token, key):
    from rest_framework.test import APIClient

    headers = {"Idempotency-Key": key or str(uuid4())}
    if token and path.startswith("/_allauth/"):
        headers["X-Session-Token"] = token
    elif token:
        headers["Authorization"] = f"Bearer {token}"
    answer = APIClient().generic(
        method,
        path,
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers=headers,
    )
    is_json = "json" in answer.headers.get("Content-Type", "")
    return [answer.status_code, answer.json() if is_json else None]


def has(name):
    import hashlib

    from django.core.files.storage import default_storage

    if not default_storage.exists(name):
        return None
    return hashlib.sha256(default_storage.open(name).read()).hexdigest()


def main():
    os.environ["DJANGO_SETTINGS_MODULE"] = "backend.test_settings"
    import django

    django.setup()
    from tests import events  # noqa: F401  # what tests post by hand has its event there as well

    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        answer = {"manage": manage, "ask": ask, "has": has}[command](*arguments)
        answers.write(json.dumps(answer, default=str) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
