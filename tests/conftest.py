"""The cast: one community, its rules, a few people and a merchant."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.core.cache import cache, caches
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient
from xdist.scheduler import LoadScopeScheduling

from backend.accounts import mfa
from backend.accounts.models import Consent, User
from backend.accounts.services import consents
from backend.celery import app
from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from backend.errors import Refusal
from backend.standins import wechatpay
from merchants.catalogue.services import offers as catalogue
from merchants.models import Increase, MerchantMember, Offer
from merchants.partners.services import increases
from merchants.partners.services import partnerships as partners
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.models import Account, Rule, RuleVersion
from tests.standins.authenticator import code_of
from volunteers.activities import services as activities
from volunteers.models import Attendance, Volunteer
from volunteers.people.services import people

SHANGHAI = ZoneInfo("Asia/Shanghai")
PASSWORD = "correct horse battery staple"
TOTP_SECRET = "JBSWY3DPEHPK3PXP"
PATIENCE = 300  # seconds


class Together(LoadScopeScheduling):
    """Deal out tests one by one, but the journeys as one: they share a running system."""

    def _split_scope(self, nodeid: str) -> str:
        return "journeys" if nodeid.startswith("tests/journeys/") else nodeid


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Races empty all tables after themselves: `make quick` leaves them out as well."""
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker and marker.kwargs.get("transaction"):
            item.add_marker("slow")


def pytest_xdist_make_scheduler(config, log):
    return Together(config, log)


def digest_of_migrations() -> str:
    """What names a database that was made of today's migrations."""
    files = sorted(Path(__file__).parents[1].glob("*/**/migrations/*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]


class Template:
    """A database that is migrated while the workers read the tests; theirs are copies of it.

    It is kept for the next run beside a server that stays, as long as no migration changes.
    """

    def __init__(self):
        self.server = os.environ["DATABASE_URL"]
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
        self.tell(f"CREATE DATABASE {self.name}_unfinished")
        address = urlsplit(self.server)._replace(path=f"/{self.name}_unfinished").geturl()
        self.command = subprocess.Popen(
            [sys.executable, "manage.py", "migrate", "--verbosity=0"],
            cwd=Path(__file__).parents[1],
            env=os.environ | {"DATABASE_URL": address},
        )
        if self.command.wait() == 0:
            self.tell(f"ALTER DATABASE {self.name}_unfinished RENAME TO {self.name}")

    def tell(self, statement):
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
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        while not server.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchall():
            assert time.monotonic() < deadline, "The template was not made; see above."
            time.sleep(0.1)
    connection.settings_dict["TEST"]["TEMPLATE"] = name


@pytest.fixture(autouse=True, scope="session")
def _tests_may_empty_tables():
    """Let the test runner's TRUNCATE between transactional tests pass the ledger's triggers."""
    truly = DatabaseOperations.execute_sql_flush

    def execute_sql_flush(self, sql_list):
        return truly(self, ["SET LOCAL session_replication_role = replica", *sql_list])

    DatabaseOperations.execute_sql_flush = execute_sql_flush
    yield
    DatabaseOperations.execute_sql_flush = truly


@pytest.fixture(autouse=True)
def _nothing_was_counted():
    """No request of one test counts in the next, and no page is kept."""
    cache.clear()
    caches["pages"].clear()


@pytest.fixture
def lake(db) -> Community:
    """碧沙湖: the community in which the stories play, with its rules."""
    community = places.found(code="lake", name="碧沙湖社区")
    written = [
        (Rule.Subject.HOURS, "*", {"points_per_hour": 10, "daily_cap_points": 80}),
        (
            Rule.Subject.HOURS,
            "交通劝导",
            {
                "points_per_hour": 10,
                "peak_windows": [["07:00", "09:00"], ["17:00", "19:00"]],
                "peak_multiplier_bp": 15000,
                "daily_cap_points": 90,
            },
        ),
        (Rule.Subject.REPORT, "hazard", {"reward_points": 20}),
    ]
    # As publishing leaves them, in two statements: two thousand tests play here.
    made = Rule.objects.bulk_create(
        Rule(community=community, subject=subject, category=category)
        for subject, category, _ in written
    )
    RuleVersion.objects.bulk_create(
        RuleVersion(
            community=community,
            rule=rule,
            number=1,
            parameters=parameters,
            valid_from=date(2020, 1, 1),
        )
        for rule, (_, _, parameters) in zip(made, written, strict=True)
    )
    return community


@pytest.fixture
def hill(db) -> Community:
    """Another community, whose business is not the lake's."""
    return places.found(code="hill", name="山丹社区")


@pytest.fixture
def person(db) -> Callable[..., User]:
    """Puts somebody on record who can log in with PASSWORD: ``person("wang", name="王小明")``."""
    phones = iter(range(19800000001, 19800009999))

    def make(username: str, name: str = "") -> User:
        user = User(username=username, name=name or username)
        user.phone = str(next(phones))
        user.set_password(PASSWORD)
        user.save()
        return user

    return make


@pytest.fixture
def wang(lake, person) -> User:
    """王小明, a rider who volunteers at the lake and lets it know where he is."""
    user = person("wang", "王小明")
    consents.give(user=user, purpose=Consent.Purpose.LOCATION, version=1)
    people.enrol(user=user, community=lake, kind=Volunteer.Kind.RIDER)
    return user


@pytest.fixture
def li(lake, person) -> User:
    """李阿姨, a resident who volunteers at the lake and lets it know where she is."""
    user = person("li", "李阿姨")
    consents.give(user=user, purpose=Consent.Purpose.LOCATION, version=1)
    people.enrol(user=user, community=lake, kind=Volunteer.Kind.RESIDENT)
    return user


@pytest.fixture
def zhao(lake, person) -> User:
    """赵社工, staff at the lake."""
    user = person("zhao", "赵社工")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


@pytest.fixture
def grant_points(lake) -> Callable[..., Account]:
    """Gives somebody points out of nothing: ``grant_points(wang, 100)``; answers the wallet."""

    def give(user: User, amount: int, community: Community = lake) -> Account:
        wallet = ledger.wallet(community=community, person_id=user.pk)
        ledger.post(
            ledger.Movement(
                debit=ledger.account(community=community, kind=AccountKind.ISSUANCE),
                credit=wallet,
                amount=amount,
                key=f"gift:{user.pk}:{timezone.now().timestamp()}",
                reason="gift",
            )
        )
        return wallet

    return give


@pytest.fixture
def tea_house(lake):
    """茶馆, a partner paid 10 fen a point."""
    return partners.sign_contract(
        community=lake, name="茶馆", trade="餐饮", fen_per_point=10, is_donated=False
    )


@pytest.fixture
def tea(tea_house) -> Offer:
    """A pot of tea: 30 points, 5 left."""
    return catalogue.offer(
        partnership=tea_house, code="TEA", title="一壶茶", price_points=30, stock=5
    )


@pytest.fixture
def by_two(lake, person) -> Callable:
    """Somebody else of the lake's staff confirms what was asked for: ``by_two(partners.agree(…))``.

    Answers what came of it.
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
        return type(asked.offer or asked.wish).objects.get(pk=asked.offer_id or asked.wish_id)

    return confirm


@pytest.fixture
def chen(tea_house, person) -> User:
    """陈店员, a clerk of the tea house."""
    user = person("chen", "陈店员")
    partners.employ(merchant=tea_house.merchant, user=user, role=MerchantMember.Role.CLERK)
    return user


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

    A test that tells its own in ``headers`` sends that; ``None`` there sends none.
    """

    def generic(self, method, path, *args, headers=None, **extra):
        headers = dict(headers or {})
        if method != "GET":
            headers.setdefault("Idempotency-Key", str(uuid4()))
        headers = {name: value for name, value in headers.items() if value is not None}
        return super().generic(method, path, *args, headers=headers, **extra)


@pytest.fixture
def logged_in() -> Callable[[User], APIClient]:
    """A client that has logged in the way the mini-program does: ``logged_in(wang).get(…)``.

    Who owes a code has an authenticator and gives it; a code works once, so one log-in does.
    """
    tokens = {}

    def log_in(user: User) -> APIClient:
        if user.pk not in tokens or not user.second_factor_required:
            tokens[user.pk] = token_of(user)
        return Phone(HTTP_AUTHORIZATION=f"Bearer {tokens[user.pk]}")

    def token_of(user: User) -> str:
        if user.second_factor_required:
            mfa.hand_out(user=user, secret=TOTP_SECRET)
        answer = Client().post(
            "/_allauth/app/v1/auth/login",
            {"username": user.username, "password": PASSWORD},
            content_type="application/json",
        )
        if user.second_factor_required:
            answer = Client().post(
                "/_allauth/app/v1/auth/2fa/authenticate",
                {"code": code_of(TOTP_SECRET)},
                content_type="application/json",
                headers={"X-Session-Token": answer.json()["meta"]["session_token"]},
            )
        return answer.json()["meta"]["access_token"]

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
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE accounts_attempts a SET forgotten_at = forgotten_at - %s,"
                " moments = ARRAY(SELECT m - %s FROM unnest(a.moments) m)",
                [time, time],
            )

    return pass_by


@pytest.fixture
def wechat_pay(settings):
    """WeChat Pay, and that it is set up: ``call_back`` sends what it tells to a client's post."""
    with wechatpay.Server() as standin:
        threading.Thread(target=standin.serve_forever, args=(0.01,), daemon=True).start()
        settings.WECHAT_APP_ID = "wx-standin"
        settings.WECHATPAY_API_BASE = standin.url
        settings.WECHATPAY_MCH_ID = wechatpay.MCH_ID
        settings.WECHATPAY_SERIAL = wechatpay.SERIAL
        settings.WECHATPAY_PRIVATE_KEY = wechatpay.pem(wechatpay.OURS)
        settings.WECHATPAY_PUBLIC_KEY_ID = wechatpay.PUBLIC_KEY_ID
        settings.WECHATPAY_PUBLIC_KEY = wechatpay.pem(wechatpay.THEIRS.public_key())
        settings.WECHATPAY_API_V3_KEY = wechatpay.API_V3_KEY
        settings.WECHATPAY_NOTIFY_URL = "https://linli.example/api/v1/wechatpay/callback"
        settings.WECHATPAY_TIMEOUT_SECONDS = 0.5
        yield standin.pay
        standin.hurry.set()
        standin.shutdown()


@pytest.fixture
def _tasks_run_at_once():
    """A queued task runs where it is queued; tests/journeys/ has real workers."""
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    yield
    app.conf.update(task_always_eager=False, task_eager_propagates=False)
