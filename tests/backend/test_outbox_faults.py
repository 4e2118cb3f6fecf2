"""What is owed is done while workers are killed, Redis forgets and stops, and PostgreSQL dies."""

import os
import random
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.core.files.storage import default_storage
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone
from kombu.exceptions import OperationalError as NoBroker

from backend import embedded
from backend.accounts.models import User
from backend.celery import app
from backend.documents.models import Document
from backend.ids import new_id
from backend.notices.models import Notice
from backend.outbox import kinds
from backend.outbox import services as outbox
from backend.outbox.tasks import sweep_outbox
from backend.webhooks import services as webhooks
from backend.webhooks.models import Delivery
from tests.backend.test_outbox import KINDS, OWED, is_due_again, now_of, write
from tests.forks import forked
from tests.long import IS_LONG, times
from tests.machine import PATIENCE, Machine
from tests.standins.webhook_receiver import Receiver

pytestmark = [
    pytest.mark.slow,
    pytest.mark.plain,
    pytest.mark.django_db(transaction=True),
]

OWED_IN_ALL = times(120)
DOCUMENTS = OWED_IN_ALL // 10
NOTICES = OWED_IN_ALL * 6 // 10
WEBHOOKS = OWED_IN_ALL - NOTICES - DOCUMENTS
WORKERS, KILLS, LEASE, EVERY = 2, 5 if IS_LONG else 2, timedelta(seconds=2), 0.5

# A table that notes each effect within our own house, whoever records it.
EFFECTS = """
CREATE TABLE effects (id uuid);
CREATE FUNCTION effect() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO effects VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER effect AFTER UPDATE OF delivered_at ON notices_notice FOR EACH ROW
    WHEN (NEW.delivered_at IS NOT NULL) EXECUTE FUNCTION effect();
CREATE TRIGGER effect AFTER UPDATE OF finished_at ON documents_document FOR EACH ROW
    WHEN (NEW.finished_at IS NOT NULL) EXECUTE FUNCTION effect();
"""

sweep = app.task(name="sweep")(sweep_outbox)


def work():
    """A Celery worker, until it is killed."""
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if file.readlink().name == "lock":  # of servers that are not ours to hold
                os.close(int(file.name))
    app._after_fork()  # as Celery's own pool does
    worker = app.Worker(pool="solo", loglevel="CRITICAL", quiet=True, without_gossip=True)
    worker.start()


# --- one worker, killed in the midst of it ----------------------------------------------------
def acting(name, act):
    """Return the kind with another act, on one row."""
    kind = kinds.registered[name]
    return replace(kind, act=(lambda rows: [*map(act, rows)]) if kind.acts_on_all else act)


def dies(name, file):
    """Do what is owed, and die before it is recorded."""

    def act(row):
        with file.open("a") as written:
            written.write(f"{row.pk}\n")
        os.kill(os.getpid(), 9)

    kinds.registered[name] = acting(name, act)
    for share in outbox.shares(name):
        outbox.work(name, share)


@pytest.mark.usefixtures("wechat_pay")  # payouts are tried where it is set up
@pytest.mark.parametrize("name", KINDS)
def test_what_a_worker_was_killed_over_is_done_by_the_next(
    name, lake, person, tmp_path, monkeypatch, settings
):
    settings.WECHAT_CHECK_ORIGIN = "https://linli.example"  # screenings are tried where it is set
    settings.DEFAULT_FROM_EMAIL = "linli@example.cn"  # and mails where this is
    (row,), file = write(name, OWED[name](lake, person("somebody"))), tmp_path / "effects"
    worker = forked(dies, name, file)
    worker.join(PATIENCE)
    assert worker.exitcode == -9
    holds_lease = not kinds.registered[name].acts_on_all  # else its end gave the claim back
    # As far as anybody knows, whoever has a lease is at it still.
    assert (outbox.shares(name) == []) == holds_lease

    def act(row):
        with file.open("a") as written:
            written.write(f"{row.pk}\n")

    monkeypatch.setitem(kinds.registered, name, acting(name, act))
    is_due_again([row])
    (share,) = outbox.shares(name)
    outbox.work(name, share)
    outbox.work(name, share)

    (done,) = now_of([row])
    assert (done.next_at, done.given_up_at, done.attempts) == (None, None, 1 + holds_lease)
    assert file.read_text().split() == [str(row.pk)] * 2


# --- everything, killed again and again -------------------------------------------------------
class Outbox(Machine):
    """A machine with two workers, and the test as its clock."""

    def start(self):
        super().start()
        self.everything.callback(setattr, app.conf, "broker_url", app.conf.broker_url)
        app.conf.broker_url = self.redis_url
        self.workers = []
        self.everything.callback(self.stop)
        self.workers += [forked(work) for _ in range(WORKERS)]

    def stop(self):
        for worker in self.workers:
            worker.kill()
            worker.join(PATIENCE)

    def kill_worker(self, draw):
        number = draw.randrange(WORKERS)
        self.workers[number].kill()
        self.workers[number].join(PATIENCE)
        self.workers[number] = forked(work)

    def flush_redis(self, draw):
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()

    def stop_redis(self, draw):
        """Stop Redis for a while; it comes back with nothing, where it was."""
        command = self.queue.process.args
        embedded.stop(self.queue)
        for dump in (self.home / "queue" / "valkey").glob("*.rdb"):
            dump.unlink()
        self.sweep()
        again = subprocess.Popen(
            command,
            cwd=self.home / "queue" / "valkey",
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.everything.callback(again.wait, PATIENCE)
        self.everything.callback(again.kill)

    def sweep(self):
        with suppress(NoBroker), app.connection_for_write() as queue:
            sweep.apply_async(expires=5, retry=False, connection=queue)


@pytest.fixture
def receiver(settings):
    receiver = Receiver()
    settings.WEBHOOK_ALLOWED = [receiver.name]
    settings.WEBHOOK_TIMEOUT_SECONDS = 1.0
    yield receiver
    receiver.stop()


@pytest.fixture
def owed(lake, hill, wang, zhou, shop_of, receiver):
    """Things of three kinds, all due, in two communities."""
    Notice.objects.bulk_create(
        Notice(
            community=(lake, hill)[number % 2],
            key=str(number),
            recipient=wang,
            kind="shift_reminder",
            due_at=timezone.now(),
        )
        for number in range(NOTICES)
    )
    endpoints = []
    for number in range(3):
        url = f"http://{receiver.name}/{number}"
        endpoint, receiver.secret = webhooks.create(owner_id=shop_of, url=url, by=zhou)
        endpoints.append(endpoint)
    Delivery.objects.bulk_create(
        Delivery(
            community=lake,
            endpoint=endpoints[number % 3],
            event="ping",
            object_id=new_id(),
            ordering_id=new_id(),
            happened_at=timezone.now(),
        )
        for number in range(WEBHOOKS)
    )
    askers = User.objects.bulk_create(
        User(username=f"asker{number}") for number in range(max(1, DOCUMENTS // 10))
    )
    Document.objects.bulk_create(
        Document(
            community=lake,
            kind="books",
            about={"filters": {"key": str(number)}},
            ending="csv",
            language="en",
            is_final=False,
            key=f"{number:064}",
            asked_by=askers[number % len(askers)],
            stored_as=f"documents/{number}",
        )
        for number in range(DOCUMENTS)
    )


@pytest.fixture
def shop_of(tea_house):
    return tea_house.merchant_id


@pytest.fixture
def _by_few(monkeypatch, settings, tmp_path):
    """Leases are short and claims small, so that many are cut off and none is waited for long."""
    settings.SWEEP_SECONDS = 5.0  # so long work may wait, also where the machine is busy
    settings.MEDIA_ROOT = tmp_path  # of all processes
    disk = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    settings.STORAGES = settings.STORAGES | {"default": disk}
    for name, kind in [*kinds.registered.items()]:
        few = replace(
            kind,
            lease=LEASE,
            claimed_at_once=min(kind.claimed_at_once, 5),
            swept_at_most=min(kind.swept_at_most, max(10, OWED_IN_ALL // 50)),
            shares_at_most=20,
            waits=(0.2,) * 50,
        )
        monkeypatch.setitem(kinds.registered, name, few)


@pytest.fixture
def machine(owed, _by_few, monkeypatch):
    with tempfile.TemporaryDirectory(prefix="linli-", dir="/tmp") as home, ExitStack() as stack:
        machine = Outbox(Path(home), monkeypatch, stack)
        machine.start()
        with connection.cursor() as cursor:
            cursor.execute(EFFECTS)
        yield machine


def still_owed():
    models = (Notice, Delivery, Document)
    return sum(model.objects.filter(next_at__isnull=False).count() for model in models)


def test_all_that_is_owed_is_done_once_whatever_is_killed(machine, receiver):
    draw = random.Random(16)
    faults = [machine.kill_worker] * KILLS + [
        machine.flush_redis,
        machine.stop_redis,
        machine.kill_database,
    ]
    draw.shuffle(faults)
    at = [OWED_IN_ALL * (number + 1) // (len(faults) + 1) for number in range(len(faults))]
    happened = []

    least, given_up = OWED_IN_ALL + 1, 0.0
    while (owed := still_owed()) or faults:
        if owed < least:
            least, given_up = owed, time.monotonic() + PATIENCE
        assert time.monotonic() < given_up, f"Of {owed} nothing was done for {PATIENCE} s."
        machine.sweep()
        rest = draw.random() * EVERY
        time.sleep(EVERY - rest)  # in the midst of it
        with suppress(DatabaseError, InterfaceError):
            if faults and OWED_IN_ALL - still_owed() >= at[len(happened)]:
                fault = faults.pop()
                fault(draw)
                happened.append(fault.__name__)
        connection.close()
        time.sleep(rest)

    assert Counter(happened)["kill_worker"] == KILLS
    for model in (Notice, Delivery, Document):
        assert not model.objects.filter(given_up_at__isnull=False).exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM effects")
        effects = Counter(effect for (effect,) in cursor.fetchall())
    ours = {*Notice.objects.values_list("pk", flat=True)}
    ours |= {*Document.objects.values_list("pk", flat=True)}
    assert effects == dict.fromkeys(ours, 1)
    assert all(default_storage.exists(f"documents/{number}") for number in range(DOCUMENTS))
    arrived = Counter(headers["webhook-id"] for headers, _, _ in receiver.journal)
    assert arrived.keys() == {str(pk) for pk in Delivery.objects.values_list("pk", flat=True)}
    # Sent twice only where a worker, or what it records in, died between the answer and the record.
    assert arrived.total() - len(arrived) <= KILLS + WORKERS
