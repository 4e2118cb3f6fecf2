"""A database and a queue of a test's own, which it may kill; all that it has made is there."""

import os
import signal
import subprocess
from contextlib import ExitStack
from urllib.parse import urlsplit

import environ
import psutil
from django.db import connection

from backend import embedded
from tests import cluster

DUMP = ("--no-owner", "--format=plain")
PATIENCE = 180  # seconds; once a minute a cluster ends what a killed session had prepared


def address_of_ours():
    """Return the address of the database of this test."""
    server = urlsplit(os.environ["DATABASE_URL"])
    return server._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


class Machine:
    """A database as durable as a real one, its queue, and what uses them.

    A test on a cluster keeps its own database, whose servers are not ours to kill.
    """

    def __init__(self, home, monkeypatch, everything):
        self.home, self.monkeypatch, self.everything = home, monkeypatch, everything
        self.database_up = everything.enter_context(ExitStack())

    def start(self):
        address = address_of_ours() if cluster.is_used() else self.copy_database()
        with self.monkeypatch.context() as only:
            only.setenv("DATABASE_URL", address)
            only.delenv("REDIS_URL")
            queue = self.everything.enter_context(
                embedded.servers(self.home / "queue", durable=True)
            )
        (self.queue,), self.redis_url = queue.children, queue.redis_url
        for name, value in (
            ("DATABASE_URL", address),
            ("REDIS_URL", queue.redis_url),
            ("LINLI_SWEEP_SECONDS", "0.5"),
        ):
            self.monkeypatch.setenv(name, value)
        connection.close()
        ours = dict(connection.settings_dict)
        self.everything.callback(connection.settings_dict.update, ours)
        self.everything.callback(connection.close)
        connection.settings_dict.update(environ.Env().db_url("DATABASE_URL"))

    def copy_database(self):
        dump = subprocess.run(
            [embedded.postgres_programs() / "pg_dump", *DUMP, address_of_ours()],
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        ).stdout
        address = self.start_database()
        subprocess.run(
            [embedded.postgres_programs() / "psql", "-qv", "ON_ERROR_STOP=1", address],
            input=dump,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=PATIENCE,
        )
        return address

    def start_database(self):
        with self.monkeypatch.context() as only:
            only.delenv("DATABASE_URL")
            only.setenv("REDIS_URL", "redis://unused")
            servers = self.database_up.enter_context(
                embedded.servers(self.home / "data", durable=True)
            )
        (self.postgres,) = servers.children
        return servers.database_url

    # --- what is killed -----------------------------------------------------------------------
    def kill_database(self, draw):
        """Kill the whole database; the next start replays its log. Of a cluster, all sessions."""
        if cluster.is_used():
            cluster.kill_sessions(connection.settings_dict["NAME"])
            return
        self.kill(self.postgres)
        self.database_up.close()
        self.start_database()

    def kill(self, child, *, with_family=False):
        process = psutil.Process(child.process.pid)
        process.suspend()  # so that it has no child more than we find
        family = [process, *process.children(recursive=True)]
        child.process.send_signal(signal.SIGKILL)
        if with_family:
            for process in family[1:]:
                process.kill()
        child.process.wait(PATIENCE)
        psutil.wait_procs(family[1:], timeout=PATIENCE)
