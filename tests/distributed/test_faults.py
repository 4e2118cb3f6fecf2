"""Two communities on two workers while a shard is moved, and while a worker is killed.

Whoever posts does again, under the same key, what was not answered. In the end each posting that
was answered is there once, and the books verify.
"""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import psutil
import psycopg
import pytest
from django.db import InterfaceError, InternalError, OperationalError, connection

from backend.communities.services import places
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.ledger.services import Movement
from points.models import Transfer
from tests import cluster
from tests.long import times
from tests.verified import found_in_books

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

POSTINGS = times(40)  # before, while and after something happens
PATIENCE = 120  # seconds
SHARD = """
    SELECT shardid, nodename, nodeport FROM citus_shards
    WHERE table_name = 'points_account'::regclass
        AND shardid = get_shard_id_for_distribution_column('points_account', %s)
"""


def where(community):
    """Return the shard of a community, and the host and port of its worker."""
    with connection.cursor() as cursor:
        cursor.execute(SHARD, [community.pk])
        shard, *node = cursor.fetchone()
        return shard, tuple(node)


@pytest.fixture
def apart(lake):
    """Two communities that are kept by different workers."""
    for number in range(50):
        other = places.found(code=f"other{number}", name="别处")
        if where(other)[1] != where(lake)[1]:
            return lake, other
    raise AssertionError("All communities are kept by one worker.")


class Poster:
    """Posts one award after the other, each until it is answered."""

    def __init__(self, community):
        self.community = community
        self.issuance = ledger.account(community=community, kind=AccountKind.ISSUANCE)
        self.wallet = ledger.account(
            community=community, kind=AccountKind.WALLET, holder="person:1"
        )
        self.answered, self.lost = [], 0

    def post(self, count):
        try:
            for _ in range(count):
                self.persist(f"{self.community.code}:{len(self.answered)}")
        finally:
            connection.close()

    def post_until(self, over):
        while not over.is_set():
            self.post(1)

    def persist(self, key):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                done = ledger.post(
                    Movement(
                        debit=self.issuance,
                        credit=self.wallet,
                        amount=1,
                        key=key,
                        reason="x",
                        source=f"test:{key}",
                    )
                )
                return self.answered.append(done.pk)
            except (OperationalError, InterfaceError, InternalError):
                assert time.monotonic() < deadline, "The worker did not come back."
                self.lost += 1
                connection.close()
                time.sleep(0.1)

    def check(self):
        """Each posting that was answered is there once, and nothing else is."""
        there = Transfer.objects.filter(community=self.community).values_list("pk", flat=True)
        assert sorted(there) == sorted(self.answered)
        assert found_in_books(self.community) == []


def posting_during(posters, act):
    """Have each post before, while and after ``act``. Returns what each has posted meanwhile."""
    with ThreadPoolExecutor(len(posters)) as pool:
        list(pool.map(lambda one: one.post(POSTINGS), posters))
        before, over = [len(one.answered) for one in posters], Event()
        working = [pool.submit(one.post_until, over) for one in posters]
        try:
            act()
            meanwhile = [len(one.answered) for one in posters]
        finally:
            over.set()
        for one in working:
            one.result()
        list(pool.map(lambda one: one.post(POSTINGS), posters))
    return [after - first for first, after in zip(before, meanwhile, strict=True)]


def test_a_shard_is_moved_while_people_post(apart):
    posters = [Poster(community) for community in apart]
    (shard, source), (_, target) = map(where, apart)

    def move():
        name = connection.settings_dict["NAME"]
        with psycopg.connect(cluster.server(name), autocommit=True) as database:
            database.execute(
                "SELECT citus_move_shard_placement(%s, %s, %s, %s, %s, 'force_logical')",
                [shard, *source, *target],
            )

    connection.close()
    meanwhile = posting_during(posters, move)

    assert where(apart[0])[1] == target
    assert all(meanwhile), "People posted while it was moved."
    assert [one.lost for one in posters] == [0, 0], "Nobody noticed."
    for one in posters:
        one.check()


class Worker:
    """A worker on this machine, which may be killed and started again as it was."""

    def __init__(self, host, port):
        self.address = {"conninfo": cluster.server("postgres"), "host": host, "port": port}
        with psycopg.connect(**self.address) as node:
            (told,) = node.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
        try:
            self.process = psutil.Process(int(told.split()[0]))
            if not self.process.name().startswith("postgres"):
                raise psutil.NoSuchProcess(self.process.pid)
        except psutil.NoSuchProcess:
            pytest.skip("the workers run on other machines")
        self.command, self.folder = self.process.cmdline(), self.process.cwd()
        self.user, self.group = self.process.uids().real, self.process.gids().real

    def kill(self):
        family = [self.process, *self.process.children(recursive=True)]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=PATIENCE)

    def start(self):
        subprocess.Popen(
            self.command,
            cwd=self.folder,
            user=self.user,
            group=self.group,
            extra_groups=[],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return psycopg.connect(**self.address).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "The worker does not start."
                time.sleep(0.1)


def test_a_worker_is_killed_and_comes_back_while_people_post(apart):
    posters = [Poster(community) for community in apart]
    worker = Worker(*where(apart[0])[1])

    def kill_and_start():
        worker.kill()
        try:
            deadline, others = time.monotonic() + PATIENCE, len(posters[1].answered)
            while len(posters[1].answered) < others + POSTINGS:
                assert time.monotonic() < deadline, "The other community does not go on."
                time.sleep(0.05)
        finally:
            worker.start()

    connection.close()
    _, of_the_other = posting_during(posters, kill_and_start)

    assert of_the_other >= POSTINGS
    assert posters[0].lost > 0, "Somebody noticed."
    for one in posters:
        one.check()
