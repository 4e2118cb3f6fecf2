"""Fixtures that all tests share: their database, their order, and the cast of tests/cast.py."""

import gc
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache, caches
from django.db import connection
from django.http import HttpRequest
from django.test import TransactionTestCase
from django.utils import timezone, translation
from rest_framework.test import APIClient, ForceAuthClientHandler
from xdist.scheduler import LoadScopeScheduling

from backend.accounts import mfa
from backend.accounts.models import Attempts, User
from backend.accounts.tokens import TokenStrategy
from backend.api import documents
from backend.api.middleware import ROOM
from backend.celery import app
from backend.communities.models import Community, Role
from backend.communities.services import roles
from backend.errors import Refusal
from backend.standins import wechatpay
from backend.verification.services import running
from merchants.models import Increase, Offer, Wish
from merchants.partners.services import increases
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.models import Account
from tests import cast as makers
from tests import (
    cluster,
    events,  # noqa: F401  # registers those of what tests post by hand
    shared,
    whose,
)
from tests.browser import browser, left, look, site, visited  # noqa: F401  # one browser a worker
from tests.cast import Cast, Live, name_of, somebody
from tests.standins.wechatpay import Server as PayServer
from tests.standins.wechatpay import WeChatPay
from volunteers.activities import services as activities
from volunteers.models import Attendance

SHANGHAI = ZoneInfo("Asia/Shanghai")
TOTP_SECRET = "JBSWY3DPEHPK3PXP"
PATIENCE = 300  # seconds


# Tests that took longer than QUICK seconds a case, and how long. ``LINLI_WRITE_SECONDS=1`` adds
# what is run to it; best alone on a machine.
SECONDS = Path(__file__).parent / "golden" / "seconds.txt"
QUICK = 0.06


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="One case of all that is not slow.")


# Journeys share a running system, and walks what they saw of each page.
TOGETHER = ("tests/journeys/", "tests/console/test_walks.py", "tests/pages/test_walks.py")


class Together(LoadScopeScheduling):
    """Deal out tests one by one, but as one those that share what takes long to make."""

    def _split_scope(self, nodeid: str) -> str:
        return next((one for one in TOGETHER if nodeid.startswith(one)), nodeid)


def pytest_xdist_make_scheduler(config, log):
    return Together(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config, items):
    """Long ones first, that no worker is left with one while the others have nothing to do.

    Races are slow too: what they write has to be taken away again. All workers have one order,
    in whichever they read the files.
    """
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker and marker.kwargs.get("transaction"):
            item.add_marker("slow")
    yield
    seconds = known_seconds()
    items.sort(key=lambda item: how_soon(item, seconds.get(name_without_case(item.nodeid), 0)))
    if cluster.is_used():
        items[:] = [item for item in items if not item.get_closest_marker("plain")]
    if config.option.quick:
        kept = {id(item) for item in one_of_each(items, seconds)}
        config.hook.pytest_deselected(items=[item for item in items if id(item) not in kept])
        items[:] = [item for item in items if id(item) in kept]


class FromTheEnd(pytest.Dir):
    """A directory read from its end."""

    def collect(self):
        return reversed([*super().collect()])


def pytest_collect_directory(path, parent):
    """Have every other worker read from the end.

    Python keeps what assertions were rewritten to, so on a fresh clone they meet half-way and each
    rewrites half.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    is_package = (path / "__init__.py").exists()
    return FromTheEnd.from_parent(parent, path=path) if int(worker) % 2 and not is_package else None


# The garbage collector comes seldom: what a test makes is gone with the test.
gc.set_threshold(50_000, 20, 20)


def pytest_collection_finish():
    """Keep the garbage collector from going over modules and tests, which stay."""
    gc.collect()
    gc.freeze()


def how_soon(item, seconds):
    """Journeys, in their order, for their system takes long to start; then what takes long."""
    if item.nodeid.startswith("tests/journeys/"):
        return (0, item.path)
    return (1, -seconds, item.get_closest_marker("slow") is None, item.path)


def one_of_each(items, seconds):
    """The first case of every test that is not slow, and was not the last time."""
    seen = set(seconds)
    for item in items:
        name = name_without_case(item.nodeid)
        if name not in seen and not item.get_closest_marker("slow"):
            seen.add(name)
            yield item


def name_without_case(nodeid):
    return nodeid.partition("[")[0]


def known_seconds():
    lines = (line.split() for line in SECONDS.read_text(encoding="utf-8").splitlines())
    return {name: float(seconds) for seconds, name in lines}


took = defaultdict(lambda: defaultdict(float))  # seconds of each case of a test that has run


def pytest_runtest_logreport(report):
    took[name_without_case(report.nodeid)][report.nodeid] += report.duration


def pytest_sessionfinish(session):
    gc.freeze()  # pytest collects five times more, and all of it ends now
    if os.environ.get("LINLI_WRITE_SECONDS") and not hasattr(session.config, "workerinput"):
        mean = {name: sum(cases.values()) / len(cases) for name, cases in took.items()}
        known = known_seconds() | mean
        lines = [f"{known[name]:7.2f} {name}" for name in sorted(known) if known[name] > QUICK]
        SECONDS.write_text("\n".join([*lines, ""]), encoding="utf-8")


def digest_of_migrations() -> str:
    """Return the digest that names a database made by today's migrations."""
    root = Path(__file__).parents[1]
    files = sorted([*root.glob("*/**/migrations/*.py"), *root.glob("[bpvm]*/**/*.sql")])
    if cluster.is_used():
        files += sorted(root.glob("backend/cluster/*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]


class Template:
    """A database that is migrated while the workers read the tests; theirs are copies of it.

    It is kept for the next run beside a server that stays, as long as no migration changes.
    """

    def __init__(self):
        self.server = cluster.server()
        self.name = f"template_{digest_of_migrations()}"
        self.command = None
        self.thread = threading.Thread(target=self.make)

    def make(self):
        with psycopg.connect(self.server, autocommit=True) as server:
            asked = "SELECT datname FROM pg_database WHERE datname LIKE 'template\\_%'"
            templates = {name for (name,) in server.execute(asked).fetchall()}
        for outdated in templates - {self.name}:
            self.tell(f"DROP DATABASE {outdated} WITH (FORCE)")
        if self.name in templates:
            return
        if cluster.is_used():
            failed = cluster.make(f"{self.name}_unfinished")
            made = f"{self.name}_failed" if failed else self.name
            self.tell(f"ALTER DATABASE {self.name}_unfinished RENAME TO {made}")
            return
        self.tell(f"CREATE DATABASE {self.name}_unfinished")
        address = urlsplit(self.server)._replace(path=f"/{self.name}_unfinished").geturl()
        self.command = subprocess.Popen(
            [sys.executable, "manage.py", "migrate", "--verbosity=0", "--skip-checks"],
            cwd=Path(__file__).parents[1],
            env=os.environ | {"DATABASE_URL": address},
        )
        made = self.name if self.command.wait() == 0 else f"{self.name}_failed"
        self.tell(f"ALTER DATABASE {self.name}_unfinished RENAME TO {made}")

    def tell(self, statement):
        if cluster.is_used():
            cluster.tell(statement)
            return
        with psycopg.connect(self.server, autocommit=True) as server:
            server.execute(statement)

    def stop(self):
        if self.command:
            self.command.terminate()
        self.thread.join()


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        template = Template()
        os.environ["LINLI_TEMPLATE_DATABASE"] = template.name
        template.thread.start()
        config.add_cleanup(template.stop)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    name = os.environ["LINLI_TEMPLATE_DATABASE"]
    deadline = time.monotonic() + PATIENCE
    asked = "SELECT datname FROM pg_database WHERE datname IN (%s, %s)"
    with psycopg.connect(cluster.server(), autocommit=True) as server:
        while not (found := server.execute(asked, [name, f"{name}_failed"]).fetchall()):
            assert time.monotonic() < deadline, "The template was not made."
            time.sleep(0.1)
    if found != [(name,)]:
        pytest.exit("The migrations failed; what they said is above.", returncode=1)
    connection.settings_dict["TEST"]["TEMPLATE"] = name


# Few tables of a hundred have rows after a test. To find those and to take their rows out costs a
# twentieth of a TRUNCATE of all, or of another copy of the template. Triggers do not look on.
EMPTY = """
DO $$
DECLARE
    found regclass;
    has_rows bool;
BEGIN
    SET LOCAL session_replication_role = replica;
    SET LOCAL lock_timeout = '1min';  -- a test that left a transaction open fails the next
    FOR found IN
        SELECT oid FROM pg_class
        WHERE relkind IN ('r', 'p') AND NOT relispartition
            AND relnamespace = 'public'::regnamespace
            AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', found) INTO has_rows;
        IF has_rows THEN
            EXECUTE format('DELETE FROM %s', found);
        END IF;
    END LOOP;
END $$
"""


@pytest.fixture(autouse=True, scope="session")
def _races_leave_nothing():
    """After a test that commits, the database is as the migrations left it."""
    truly = TransactionTestCase._fixture_teardown

    def empty(self):
        if cluster.is_used():
            cluster.empty()
            return
        with connection.cursor() as cursor:
            cursor.execute(EMPTY)

    TransactionTestCase._fixture_teardown = empty
    yield
    TransactionTestCase._fixture_teardown = truly


# A lease is renewed by a connection that does not see a test's transaction, or the run in it.
running.BEAT_SECONDS = PATIENCE

whose.watch()
if cluster.is_used():
    cluster.watch()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    """Fail a test of which a statement was refused, also where what was raised was caught."""
    whose.refused.clear()
    outcome = yield
    if whose.refused:
        raise whose.CommunityLeftOut(whose.refused[0])
    return outcome


@pytest.fixture(autouse=True)
def _nothing_was_counted():
    """No request of one test counts in the next, no page is kept, and nobody's language."""
    cache.clear()
    caches["pages"].clear()
    translation.deactivate()


@pytest.fixture(autouse=True, scope="session")
def _one_worker_makes_what_all_take_over(tmp_path_factory, worker_id):
    """The OpenAPI document among it, which takes seconds."""
    if worker_id != "master":
        shared.folder = tmp_path_factory.getbasetemp().parent
        make = documents.openapi._make

        def made():
            return shared.once(f"openapi.{translation.get_language()}", make)

        documents.openapi._make = made


@pytest.fixture(autouse=True)
def _documents_are_of_our_own_addresses(request, monkeypatch):
    """A test with addresses of its own has an OpenAPI document of its own."""
    if request.node.get_closest_marker("urls"):
        monkeypatch.setattr(documents.openapi, "_made", {})
        monkeypatch.setattr(documents.openapi, "_make", documents.make_openapi)
        documents.all_labels.cache_clear()
    yield
    if request.node.get_closest_marker("urls"):
        documents.all_labels.cache_clear()


@pytest.fixture(scope="session")
def cast(django_db_setup, django_db_blocker, worker_id) -> Cast:
    """The whole cast of tests/cast.py, built when the first of a run's tests asks for it."""
    built = Live() if cluster.is_used() else Cast()
    with django_db_blocker.unblock():
        built.build(int(worker_id.removeprefix("gw")) if worker_id != "master" else 0)
    return built


@pytest.fixture
def called(request, db, cast) -> Callable:
    """Fetch one of the cast: ``called(makers.lake)``.

    The first call fetches all whom the test names, in one statement; not those whom its module
    makes itself.
    """
    names = {name for name in request.fixturenames if not hasattr(request.module, name)}
    named = [maker for maker in makers.MAKERS if maker.__name__ in names]
    there = set()

    def call(maker):
        if maker not in there:
            missing = {maker, *named} - there
            cast.write(*(one for one in makers.MAKERS if one in missing))
            there.update(missing)
        return cast.object_of(maker)

    return call


@pytest.fixture
def kept(db, cast) -> Callable:
    """Call ``make`` once a run for many tests of a file: ``kept(make, lake, wang)``.

    Later tests are given its rows and its answer. So the answer must depend on the cast alone and
    fit into a pickle, and ``make`` may write rows but delete none.
    """

    def once(maker, *of_whom):
        name, since = name_of(maker), cast.last_written
        made = name not in cast.kept and cast.share(
            name, lambda: cast.keep(maker, *of_whom, since=since())[:1]
        )
        if made:
            return made[0]
        cast.write(maker)
        return cast.object_of(maker)

    return once


@pytest.fixture
def lake(called) -> Community:
    """碧沙湖: the community in which the stories play, with its rules."""
    return called(makers.lake)


@pytest.fixture
def hill(called) -> Community:
    """Another community, with business of its own."""
    return called(makers.hill)


@pytest.fixture
def person(db) -> Callable[..., User]:
    """Puts somebody on record who can log in with PASSWORD: ``person("wang", name="王小明")``."""
    phones = iter(range(19800000001, 19800009999))

    def make(username: str, name: str = "") -> User:
        return somebody(username, name, phone=str(next(phones)))

    return make


@pytest.fixture
def wang(lake, called) -> User:
    """王小明, a rider who volunteers at the lake and lets it know where he is."""
    return called(makers.wang)


@pytest.fixture
def li(lake, called) -> User:
    """李阿姨, a resident who volunteers at the lake and lets it know where she is."""
    return called(makers.li)


@pytest.fixture
def zhao(lake, called) -> User:
    """赵社工, staff at the lake."""
    return called(makers.zhao)


@pytest.fixture
def grant_points(lake) -> Callable[..., Account]:
    """Gives somebody points out of nothing: ``grant_points(wang, 100)``; answers the wallet."""

    def give(user: User, amount: int, community: Community = lake) -> Account:
        wallet = ledger.wallet(community=community, person_id=user.pk)
        gift = f"gift:{user.pk}:{timezone.now().timestamp()}"
        ledger.post(
            ledger.Movement(
                debit=ledger.account(community=community, kind=AccountKind.ISSUANCE),
                credit=wallet,
                amount=amount,
                key=gift,
                reason="gift",
                source=f"test:{gift}",
            )
        )
        return wallet

    return give


@pytest.fixture
def tea_house(lake, called):
    """茶馆, a partner paid 10 fen a point."""
    return called(makers.tea_house)


@pytest.fixture
def tea(tea_house, called) -> Offer:
    """A pot of tea: 30 points, 5 left."""
    return called(makers.tea)


@pytest.fixture
def by_two(lake, person) -> Callable:
    """Have another of the lake's staff confirm an increase: ``by_two(partners.agree(…))``.

    Returns the result.
    """
    second = []

    def confirm(asked):
        if not isinstance(asked, Increase):
            return asked
        if not second:
            second.append(person("sun", "孙社工"))
            roles.give(user=second[0], community=lake, role=Role.STAFF)
        increases.decide(increase=asked, accept=True, by=second[0])
        if asked.kind == Increase.Kind.TERMS:
            return asked.partnership.terms.latest("version")
        model = Wish if asked.kind == Increase.Kind.WISH else Offer
        return model.objects.get(pk=asked.subject_id)

    return confirm


@pytest.fixture
def chen(tea_house, called) -> User:
    """陈店员, a clerk of the tea house."""
    return called(makers.chen)


@pytest.fixture
def zhou(tea_house, called) -> User:
    """周老板, who owns the tea house."""
    return called(makers.zhou)


@pytest.fixture
def patrol(lake):
    """A shift of traffic duty that began an hour ago and ends in three, for 10 volunteers."""
    now = timezone.now().replace(second=0, microsecond=0)
    activity = activities.plan_activity(
        community=lake, title="交通劝导", category="交通劝导", place="东门"
    )
    return activities.plan_shift(
        activity=activity,
        starts_at=now - timedelta(hours=1),
        ends_at=now + timedelta(hours=3),
        capacity=10,
    )


@pytest.fixture
def served(lake) -> Callable[..., Attendance]:
    """Hours that wait for verification: ``served(wang, "2024-03-01 07:00", "2024-03-01 09:00")``.

    Times are the community's own.
    """

    def serve(
        user: User,
        checked_in: str,
        checked_out: str,
        category: str = "邻里服务",
        community: Community = lake,
    ) -> Attendance:
        starts_at, ends_at = (
            datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI).astimezone(UTC)
            for moment in (checked_in, checked_out)
        )
        activity = activities.plan_activity(community=community, title=category, category=category)
        shift = activities.plan_shift(activity=activity, starts_at=starts_at, ends_at=ends_at)
        return Attendance.objects.create(
            community=community,
            shift=shift,
            volunteer=user,
            status=Attendance.Status.CHECKED_OUT,
            checked_in_at=starts_at,
            checked_out_at=ends_at,
            worked_minutes=int((ends_at - starts_at).total_seconds() // 60),
        )

    return serve


class Phone(APIClient):
    """Sends an ``Idempotency-Key`` with whatever changes something, another one each time.

    A test that tells its own in ``headers`` sends that; ``None`` there sends none. All phones ask
    one server: each would make the chain of middleware anew, a tenth of what a request costs.
    """

    server = ForceAuthClientHandler(enforce_csrf_checks=False)

    def __init__(self, **defaults):
        super().__init__(**defaults)
        self.handler = self.server

    def generic(self, method, path, *args, headers=None, **extra):
        headers = dict(headers or {})
        if method != "GET":
            headers.setdefault("Idempotency-Key", str(uuid4()))
        headers = {name: value for name, value in headers.items() if value is not None}
        return super().generic(method, path, *args, headers=headers, **extra)


def session_of(user: User, *methods: str, room: str | None = None) -> SessionStore:
    """The session of a log-in that proved who it is by ``methods``, as django-allauth keeps it: a
    phone's, or that of a browser in a room."""
    session = SessionStore()
    if room:
        session[ROOM] = room
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session["account_authentication_methods"] = [
        {"method": method, "at": time.time()} for method in methods
    ]
    session.save()
    UserSession.objects.create(user=user, session_key=session.session_key, ip="192.0.2.1")
    return session


@pytest.fixture
def logged_in() -> Callable[[User], APIClient]:
    """A client with what a log-in hands out: ``logged_in(wang).get(…)``.

    Who owes a code has an authenticator and gave one. Nobody goes through the log-in itself:
    tests/backend/test_api_authentication.py and test_second_factor.py do.
    """
    tokens = {}

    def log_in(user: User) -> APIClient:
        if user.pk not in tokens or not user.second_factor_required:
            tokens[user.pk] = token_of(user)
        return Phone(HTTP_AUTHORIZATION=f"Bearer {tokens[user.pk]}")

    def token_of(user: User) -> str:
        methods = ["password"]
        if user.second_factor_required:
            mfa.hand_out(user=user, secret=TOTP_SECRET)
            methods.append("mfa")
        session = session_of(user, *methods)
        request = HttpRequest()
        request.user, request.session = user, session
        return TokenStrategy().create_access_token(request)

    return log_in


@pytest.fixture
def at_once() -> Callable[..., list]:
    """``at_once(20, work)`` runs ``work(0)`` … ``work(19)`` in as many threads at one moment.

    Answers what each returned, or the code of what it was refused with, in their order.
    """

    def run(count, work):
        together = threading.Barrier(count)

        def one(number):
            try:
                connection.ensure_connection()
                together.wait(timeout=30)
                return work(number)
            except Refusal as refusal:
                return refusal.code
            finally:
                connection.close()

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(one, range(count)))

    return run


@pytest.fixture
def since_tried() -> Callable[[timedelta], None]:
    """Lets time pass for what counts as tried: ``since_tried(timedelta(hours=1))``."""

    def pass_by(time):
        for tried in Attempts.objects.all():
            tried.moments = [moment - time for moment in tried.moments]
            tried.forgotten_at -= time
            tried.save()

    return pass_by


@pytest.fixture(scope="session")
def wechat_pay_server():
    """Where WeChat Pay is found: at one address, so that our keys are read and checked once."""
    with PayServer() as standin:
        # It stays, so it need not ask a hundred times a second whether it shall end.
        threading.Thread(target=standin.serve_forever, daemon=True).start()
        yield standin
        standin.shutdown()


@pytest.fixture
def wechat_pay(settings, wechat_pay_server):
    """WeChat Pay, and that it is set up: ``call_back`` sends what it tells to a client's post."""
    standin = wechat_pay_server
    standin.pay, standin.hurry = WeChatPay(), threading.Event()
    settings.WECHAT_APP_ID = "wx-standin"
    settings.WECHATPAY_API_BASE = standin.url
    settings.WECHATPAY_MCH_ID = wechatpay.MCH_ID
    settings.WECHATPAY_SERIAL = wechatpay.SERIAL
    settings.WECHATPAY_PRIVATE_KEY = wechatpay.pem(wechatpay.OURS)
    settings.WECHATPAY_PUBLIC_KEYS = wechatpay.PUBLIC_KEYS
    settings.WECHATPAY_API_V3_KEY = wechatpay.API_V3_KEY
    settings.WECHATPAY_NOTIFY_URL = "https://linli.example/api/v1/wechatpay/callback"
    settings.WECHATPAY_TIMEOUT_SECONDS = 0.5
    yield standin.pay
    standin.hurry.set()


@pytest.fixture
def _tasks_run_at_once():
    """A queued task runs where it is queued; tests/journeys/ has real workers."""
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    yield
    app.conf.update(task_always_eager=False, task_eager_propagates=False)
