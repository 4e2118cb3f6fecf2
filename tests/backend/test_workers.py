"""Workers as `make run` starts them: the urgent waits for nobody, and all work is ended well."""

import os
import signal
import time
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.conf import settings

from backend import celery, embedded, queues, run
from backend.celery import app
from backend.queues import Queue
from tests.backend import working

pytestmark = [pytest.mark.slow, pytest.mark.plain]
PATIENCE = 60  # seconds


class Workers:
    """The two workers, what they are sent, and the journal of what they did."""

    def __init__(self, home, redis_url):
        self.home, self.flag, self.journal = home, home / "flag", home / "journal"
        self.journal.touch()
        (home / "log").mkdir()
        self.environment = os.environ | {
            "REDIS_URL": redis_url,
            "LINLI_LOG_LEVEL": "INFO",
            "DJANGO_SETTINGS_MODULE": "tests.backend.working_settings",
        }
        self.children = []

    def start(self):
        self.children = run.start_workers(self.home, self.environment)
        return self.children

    def stop(self):
        embedded.stop(*self.children)

    def send(self, task, *arguments):
        with app.connection_for_write() as queue:
            task.apply_async((str(self.journal), *map(str, arguments)), connection=queue)

    def told(self):
        """What the journal says, without the processes' numbers."""
        return [line.rpartition(" ")[0] for line in self.journal.read_text().splitlines()]

    def eventually(self, look, within=PATIENCE):
        until = time.monotonic() + within
        while not look():
            assert time.monotonic() < until, (self.told(), [c.log_tail() for c in self.children])
            time.sleep(0.05)

    def says(self, line, within=PATIENCE):
        self.eventually(lambda: line in self.told(), within)


@pytest.fixture
def workers(tmp_path, monkeypatch):
    before = app.conf.broker_url
    with ExitStack() as stack:
        with monkeypatch.context() as only:
            only.delenv("REDIS_URL")
            servers = stack.enter_context(embedded.servers(tmp_path / "queue", durable=False))
        app.conf.broker_url = servers.redis_url
        stack.callback(setattr, app.conf, "broker_url", before)
        workers = Workers(tmp_path, servers.redis_url)
        stack.callback(workers.stop)
        for child in workers.start():
            workers.eventually(lambda child=child: " ready." in child.log.read_text())
        yield workers


def test_bulk_delays_nothing_urgent_and_what_takes_too_much_is_ended_or_given_back(
    workers, monkeypatch
):
    # Work that takes long, more than there are processes for.
    for number in range(3):
        workers.send(working.wait_for, f"bulk{number}", workers.flag)
    workers.says("bulk0 began")
    workers.send(working.nap, "default0", 1)
    workers.says("default0 began", within=5)
    workers.send(working.nap, "default1", 0)
    workers.send(working.run_to, "urgent")

    workers.says("default1 ended", within=10)
    workers.flag.touch()
    workers.says("bulk2 ended")

    # What is urgent went before what waited for longer, and bulk waited for itself alone.
    told = workers.told()
    assert told[:6] == [
        "bulk0 began",
        "default0 began",
        "default0 ended",
        "urgent came",
        "default1 began",
        "default1 ended",
    ]
    assert told[6:] == [f"bulk{n} {what}" for n in range(3) for what in ("began", "ended")][1:]

    # What is tried again stays as urgent as it was.
    workers.send(working.stumble, "again")
    workers.eventually(lambda: workers.told()[-2:] == ["again was at urgent"] * 2)

    # A process that took much memory is replaced, and so is one that does not end in its time.
    workers.send(working.grow, "large", settings.CELERY_WORKER_MAX_MEMORY_PER_CHILD)
    monkeypatch.setitem(queues.LIMITS, Queue.BULK, timedelta(seconds=1))
    monkeypatch.setattr(celery, "GRACE", timedelta(seconds=1))
    workers.send(working.hang, "hung")
    workers.says("hung was told")
    monkeypatch.undo()
    workers.send(working.grow, "small", 1)
    workers.says("small held 1024")

    processes = {
        line.split()[0]: line.split()[-1] for line in workers.journal.read_text().splitlines()
    }
    assert len({processes[name] for name in ("bulk2", "hung", "small")}) == 3
    assert processes["large"] == processes["bulk2"]

    # Told to stop, a worker finishes what is short and gives back the rest.
    workers.journal.write_text("")
    workers.flag.unlink()
    quick, bulk = workers.children
    workers.send(working.nap, "short", 1)
    workers.send(working.wait_for, "long", workers.flag)
    workers.says("short began")
    workers.says("long began")

    for child in (quick, bulk):
        child.process.send_signal(signal.SIGTERM)
    for child in (quick, bulk):
        child.process.wait(PATIENCE)
    assert "Cold shutdown" not in quick.log.read_text()  # it went when it was done
    assert "Restoring 1 unacknowledged message" in bulk.log.read_text()
    assert workers.told().count("short ended") == 1
    assert "long ended" not in workers.told()

    workers.flag.touch()
    quick, _ = workers.start()
    quick.process.kill()  # nothing is left for it
    workers.says("long ended")

    assert Counter(workers.told()) == {
        "short began": 1,
        "short ended": 1,
        "long began": 2,
        "long ended": 1,
    }
