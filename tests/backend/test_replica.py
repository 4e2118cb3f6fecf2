"""Reads of a replica: a real standby, which lags, fails, vanishes, comes back and is promoted."""

import os
import re
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import django.db
import environ
import httpx
import psycopg
import pytest
from django.db import connection, connections, transaction
from django.urls import resolve
from django.utils import timezone

from backend import embedded, replica, routing
from backend.accounts.models import User
from backend.communities.models import Community, Membership, Role
from backend.communities.services import roles
from backend.metrics import REPLICA_READS
from backend.outbox import services as outbox
from backend.privacy.services import exports
from bench._web import live_server
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.seals.services import sealing
from tests.backend.walks import ways
from tests.machine import DUMP, address_of_ours

pytestmark = [pytest.mark.plain, pytest.mark.django_db(transaction=True)]

PATIENCE = 60  # seconds
PROGRAMS = embedded.postgres_programs()
SETTINGS = "tests.backend.replica_settings"
STATEMENT = "/api/v1/me/wallets/lake/transfers", "volunteer"
BOOKS = "/api/v1/communities/lake/accounts", "staff"
SEALS = ("/api/v1/communities/lake/seals",)
BOARD = ("/c/lake/",)


def eventually(condition):
    deadline = time.monotonic() + PATIENCE
    while not (outcome := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)  # a look may be three requests
    return outcome


class Pair:
    """A primary, and a standby of it that streams."""

    def __init__(self, home, primary_url):
        self.home, self.primary_url = home, primary_url
        self.data, self.standby = home / "standby", None
        self.log = home / "standby.log"
        owner = (home / "postgresql").stat()
        self.account = (owner.st_uid, owner.st_gid) if os.geteuid() == 0 else None
        self.data.mkdir(mode=0o700)
        if self.account:
            os.chown(self.data, *self.account)
        sockets = primary_url.partition("host=")[2].replace("%2F", "/")
        copying = embedded.start(
            "pg_basebackup",
            [
                *(PROGRAMS / "pg_basebackup", "-D", self.data, "-h", sockets, "-U", "postgres"),
                *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
            ],
            log=home / "copying.log",
            account=self.account,
        )
        assert embedded.finish(copying) == 0, copying.log_tail()
        self.start()

    @property
    def standby_url(self):
        return f"postgresql://postgres@:5432/linli?host={quote(str(self.data), safe='')}"

    def start(self):
        for left in ("postmaster.pid", ".s.PGSQL.5432.lock"):  # copied, or of one that was killed
            (self.data / left).unlink(missing_ok=True)
        settings = ("listen_addresses=", f"unix_socket_directories={self.data}", "fsync=off")
        settings += ("max_connections=200", "log_statement=all")
        self.standby = embedded.start(
            "standby",
            [PROGRAMS / "postgres", "-D", self.data, *(p for one in settings for p in ("-c", one))],
            log=self.log,
            account=self.account,
        )
        eventually(self.is_up)

    def is_up(self):
        try:
            return self.at_standby("SELECT 1")
        except psycopg.OperationalError:
            assert self.standby.running, self.standby.log_tail()
            return False

    def vanish(self):
        self.standby.process.kill()
        self.standby.process.wait(PATIENCE)

    def at_standby(self, statement):
        return self._ask(self.standby_url, statement)

    def at_primary(self, statement):
        return self._ask(self.primary_url, statement)

    def _ask(self, url, statement):
        with psycopg.connect(url, autocommit=True) as database:
            return database.execute(statement).fetchall()

    def catch_up(self):
        ((position,),) = self.at_primary("SELECT pg_current_wal_flush_lsn()::text")
        has = f"SELECT pg_last_wal_replay_lsn() >= '{position}'"
        eventually(lambda: self.at_standby(has) == [(True,)])

    @contextmanager
    def standing_still(self):
        """Have the standby replay nothing."""
        self.catch_up()
        self.at_standby("SELECT pg_wal_replay_pause()")
        paused = "SELECT pg_get_wal_replay_pause_state()"
        eventually(lambda: self.at_standby(paused) == [("paused",)])
        try:
            yield
        finally:
            self.at_standby("SELECT pg_wal_replay_resume()")

    def asked(self, table):
        """How many statements the standby was asked about ``table``, as its own log tells."""
        return len(re.findall(rf'LOG:.*"{table}"', self.log.read_text()))

    def environment(self, **more):
        return {
            "DATABASE_URL": self.primary_url,
            "DATABASE_REPLICA_URL": self.standby_url,
            "LINLI_METRICS_TOKEN": "seven",
            **more,
        }


def load(url):
    """Copy the database of this test to ``url``."""
    dump = subprocess.run(
        [PROGRAMS / "pg_dump", *DUMP, address_of_ours()],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    ).stdout
    words = [PROGRAMS / "psql", "-qv", "ON_ERROR_STOP=1", url]
    subprocess.run(words, input=dump, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)


@contextmanager
def environment(**values):
    with pytest.MonkeyPatch.context() as patched:
        for name, value in values.items():
            patched.setenv(name, value)
        yield


@contextmanager
def at(url):
    """Make what this process does happen in the database ``url``."""
    ours = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict.update(environ.Env.db_url_config(url))
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(ours)


@pytest.fixture
def paired():
    """``paired()`` starts two servers, with what is in the database of the test."""
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="linli-", dir="/tmp"))

        def start():
            home = Path(name)
            home.chmod(0o755)
            with pytest.MonkeyPatch.context() as only:
                only.delenv("DATABASE_URL")
                servers = stack.enter_context(embedded.servers(home, durable=False))
            with psycopg.connect(servers.database_url, autocommit=True) as database:
                # What is seen at home is in its log first, as it is where the server is durable.
                database.execute("ALTER DATABASE linli SET synchronous_commit = on")
            load(servers.database_url)
            pair = Pair(home, servers.database_url)
            stack.callback(lambda: embedded.stop(pair.standby))
            return pair

        yield start


def give(person, amount):
    lake = Community.objects.get(code="lake")
    key = f"gift:{timezone.now().timestamp()}"
    ledger.post(
        ledger.Movement(
            debit=ledger.account(community=lake, kind=AccountKind.ISSUANCE),
            credit=ledger.wallet(community=lake, person_id=person.pk),
            amount=amount,
            key=key,
            reason="gift",
            source=f"test:{key}",
        )
    )


class Web:
    """A running web and its readers, whose names are those of the town."""

    def __init__(self, url, headers):
        self.url, self.headers = url, {**headers, "": {}}
        # One for all requests, for it takes long to make; each of them has its own connection.
        self.client = httpx.Client(
            timeout=PATIENCE, limits=httpx.Limits(max_keepalive_connections=0)
        )

    def get(self, path, who=""):
        return self.send(path, self.headers[who])

    def send(self, path, headers):
        answer = self.client.get(f"{self.url}{path}", headers=headers)
        assert answer.status_code < 500, (path, answer.text)
        return answer

    def amounts(self):
        return [line["amount"] for line in self.get(*STATEMENT).json()["results"]]

    def newest_seal(self):
        seals = self.get(*SEALS).json()["results"]
        return seals[0]["number"] if seals else 0

    def told(self):
        text = self.send("/metrics", {"Authorization": "Bearer seven"}).text
        return {
            name: float(value)
            for name, value in re.findall(r"^(linli_replica\S+) (\S+)$", text, re.M)
        }

    def outcomes(self):
        name = r'linli_replica_reads_total\{outcome="(\w+)"\}'
        told = {re.fullmatch(name, one): value for one, value in self.told().items()}
        return Counter({found[1]: value for found, value in told.items() if found})

    def outcome_of(self, *request):
        """Ask, and tell what came of it: ``replica``, or why home answered."""
        before = self.outcomes()
        answer = self.get(*request)
        assert answer.status_code == 200, answer.text
        (outcome,) = self.outcomes() - before
        return outcome

    def goes(self, *request, to):
        eventually(lambda: self.outcome_of(*request) == to)


# --- over HTTP --------------------------------------------------------------------------------
def test_the_replica_answers_as_long_as_nobody_can_tell_the_difference(town, paired):
    pair = paired()
    patient = pair.environment(LINLI_REPLICA_MAX_LAG_SECONDS="3600")
    with environment(**patient), live_server(SETTINGS) as url, at(pair.primary_url):
        web = Web(url, town.headers)
        each_view_that_says_so_is_answered_by_the_replica(pair, web, town)
        whoever_is_signed_in_misses_nothing(pair, web)
        whoever_is_not_sees_what_the_replica_has(pair, web)
        reads_go_home_while_it_is_away_and_come_back(pair, web)


def each_view_that_says_so_is_answered_by_the_replica(pair, web, town):
    pair.catch_up()
    asked = {}
    for label, way in ways(town).items():
        method, path, _, headers = way.request
        get = getattr(getattr(resolve(path.partition("?")[0]).func, "cls", None), "get", None)
        if method == "GET" and getattr(get, "__globals__", None) is vars(replica):
            asked[label.removeprefix("GET /api/v1/")] = path, headers

    def are_answered():
        """Ask all; on a busy machine the replica may be a moment behind for one of them."""
        before = web.outcomes()
        for request in asked.values():
            assert web.send(*request).status_code == 200, request
        outcomes = web.outcomes() - before
        assert outcomes.keys() <= {"replica", "behind"}
        return outcomes == {"replica": len(asked)}

    web.goes(*SEALS, to="replica")
    eventually(are_answered)
    assert {"me/wallets/{code}/transfers", "statements/{statement_id}"} <= asked.keys()
    assert {"communities/{code}/accounts", "communities/{code}/audit-entries"} <= asked.keys()
    assert {"communities/{code}/findings", "samples/{sample_id}/items"} <= asked.keys()

    for request, table in (
        (STATEMENT, "points_transfer"),
        ((f"{STATEMENT[0]}.csv", STATEMENT[1]), "points_transfer"),
        (BOOKS, "points_account"),
        (BOARD, "communities_community"),
    ):
        before = pair.asked(table)
        web.goes(*request, to="replica")
        assert pair.asked(table) > before, request
    before = pair.log.read_text()
    assert web.get("/api/v1/me/vouchers", "volunteer").status_code == 200  # says nothing of it
    assert pair.log.read_text() == before


def whoever_is_signed_in_misses_nothing(pair, web):
    staff = Membership.objects.get(user__username="staff", role=Role.STAFF)
    give(User.objects.get(username="volunteer"), 7)
    web.goes(*STATEMENT, to="replica")
    web.goes(*BOOKS, to="replica")
    with pair.standing_still():
        give(User.objects.get(username="volunteer"), 11)
        assert web.amounts()[0] == 11
        assert web.outcome_of(*STATEMENT) == "behind"
        roles.end(membership=staff, ended_by=None, reason="gone")
        assert web.get(*BOOKS).status_code == 404
        eventually(lambda: web.told()["linli_replica_lag_seconds"] > 0)  # at the next look
    roles.give(user=staff.user, community=staff.community, role=Role.STAFF)

    web.goes(*STATEMENT, to="replica")
    assert web.amounts()[0] == 11


def whoever_is_not_sees_what_the_replica_has(pair, web):
    web.goes(*SEALS, to="replica")
    before = web.newest_seal()
    with pair.standing_still():
        give(User.objects.get(username="volunteer"), 13)
        sealing.seal(community=Community.objects.get(code="lake"))

        assert web.outcome_of(*SEALS) == "replica"
        assert web.newest_seal() == before
        # What is not there is not believed.
        assert web.get(f"{SEALS[0]}/{before + 1}").json()["number"] == before + 1

    eventually(lambda: web.newest_seal() == before + 1)
    web.goes(*SEALS, to="replica")


def reads_go_home_while_it_is_away_and_come_back(pair, web):
    asked = [STATEMENT, BOOKS, BOARD, SEALS]
    for request in asked:
        web.goes(*request, to="replica")
    answers = [web.get(*request).content for request in asked]

    # Its sessions are ended, as PostgreSQL ends those that are in the way of what it replays.
    pair.at_standby(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = 'linli' AND pid <> pg_backend_pid()"
    )
    assert [web.get(*request).content for request in asked] == answers

    pair.vanish()
    assert [web.get(*request).content for request in asked] == answers
    web.goes(*STATEMENT, to="unreachable")
    assert [web.get(*request).content for request in asked] == answers
    # Each of its processes looks for itself.
    eventually(lambda: web.told()["linli_replica_used"] == 0)
    eventually(lambda: "linli_replica_lag_seconds" not in web.told())
    assert web.get("/readyz").status_code == 200
    give(User.objects.get(username="volunteer"), 17)
    assert web.amounts()[0] == 17

    pair.start()
    for request in asked:
        web.goes(*request, to="replica")
    assert web.amounts()[0] == 17
    eventually(lambda: web.told()["linli_replica_used"] == 1)


# --- in this process --------------------------------------------------------------------------
@pytest.fixture
def near(wang, paired, monkeypatch, django_db_blocker):
    """Two servers, both known to this process; whoever reads looks anew."""
    pair = paired()
    replica_url = environ.Env.db_url_config(pair.standby_url)
    known = connections.configure_settings({"default": {}, "replica": replica_url})
    monkeypatch.setitem(connections.settings, "replica", known["replica"])
    monkeypatch.setattr(django.db.router, "routers", [routing.Router()])
    # A test may ask the databases that there were when it began; this one is new.
    with django_db_blocker.unblock(), at(pair.primary_url):
        pair.catch_up()
        replica._forget()
        yield pair
        replica._forget()
    del connections["replica"]


def counted(outcome):
    return REPLICA_READS.labels(outcome)._value.get()


def asked_at():
    """Ask something, and return of whom: ``replica`` or ``default``."""
    User.objects.exists()
    return routing.reading().alias


def reads(ask, **how):
    """Read as soon as the replica is not a moment behind because the machine is busy."""

    def tried():
        before = counted("behind")
        answer = replica.read(ask, **how)
        return None if counted("behind") > before else (answer,)

    (answer,) = eventually(tried)
    return answer


def test_what_is_asked_of_the_replica_and_what_is_not(near, wang, tmp_path, monkeypatch, settings):
    # What follows a write, or stands in a transaction, is read at home.
    def read():
        seen = [asked_at()]
        with transaction.atomic():
            seen.append(asked_at())
        seen.append(asked_at())
        User.objects.filter(pk=wang.pk).update(name="王小明")
        return [*seen, asked_at()]

    assert reads(read) == ["replica", "default", "replica", "default"]
    assert asked_at() == "default"
    near.catch_up()

    # What fails half-way is done again, at home.
    def fail():
        if routing.is_away():
            with routing.reading().cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return asked_at()

    before = counted("failed")
    assert reads(fail) == "default"
    assert counted("failed") == before + 1
    assert reads(asked_at) == "replica"

    # A refusal is believed of what is exact alone.
    seen = []

    def refuse():
        seen.append(asked_at())
        raise LookupError

    def refused_at(is_exact):
        seen.clear()
        with pytest.raises(LookupError):
            replica.read(refuse, is_exact=is_exact)
        return seen

    eventually(lambda: refused_at(is_exact=True) == ["replica"])
    eventually(lambda: refused_at(is_exact=False) == ["replica", "default"])

    # One that is too far behind is not asked.
    with near.standing_still():
        give(wang, 11)
        replica._forget()
        settings.REPLICA_MAX_LAG_SECONDS = 3_600.0
        assert replica.told()["state"] == "used"
        assert replica.told()["lag_seconds"] > 0
        assert replica.read(asked_at, is_exact=False) == "replica"
        settings.REPLICA_MAX_LAG_SECONDS = 0.0
        assert replica.told()["state"] == "behind"
        assert replica.read(asked_at, is_exact=False) == "default"
    assert reads(asked_at, is_exact=False) == "replica"
    assert replica.told() == {"state": "used", "lag_seconds": 0.0}

    # A copy of what is held about somebody is read from it, within the task's transaction.
    export = exports.ask(user=wang, language="en")
    near.catch_up()
    reads(asked_at)
    consents, answered = near.asked("accounts_consent"), counted("replica")
    outbox.attempt("export", pk=export.pk)
    assert exports.fetch(export_id=export.pk, user=wang).read(2) == b"PK"
    assert counted("replica") == answered + 1
    assert near.asked("accounts_consent") > consents

    # A copy of another database is not asked, nor one that was promoted.
    with monkeypatch.context() as only:
        only.delenv("DATABASE_URL")
        with embedded.servers(tmp_path, durable=False) as other, at(other.database_url):
            replica._forget()
            assert replica.told() == {"state": "foreign", "lag_seconds": None}
    replica._forget()
    assert reads(asked_at) == "replica"
    near.at_standby("SELECT pg_promote()")
    assert replica.read(asked_at) == "default"
    replica._forget()
    assert replica.told() == {"state": "promoted", "lag_seconds": None}
