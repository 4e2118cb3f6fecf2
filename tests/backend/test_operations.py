"""docs/operations.md, typed as it is written, against the processes of docker-compose.yml."""

import json
import os
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from shutil import which

import psycopg
import pytest
import yaml
from cryptography.fernet import Fernet
from django.conf import settings as ours
from django.utils import timezone

from backend import embedded
from backend.ids import new_id
from backend.metrics import _counted
from backend.notices.models import Notice
from backend.webhooks import services as webhooks
from backend.webhooks.models import Delivery
from points.seals.services import sealing
from tests.long import IS_LONG
from tests.machine import address_of_ours
from tests.standins.compose import Compose
from tests.standins.webhook_receiver import Receiver
from volunteers.attendance.services import hours

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
ALERTS = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text())["groups"][0]["rules"]
PATIENCE = 120  # seconds
NOTICES = 4

SECTIONS = {
    part.partition("\n")[0]: re.findall(r"^```sh\n(.*?)^```", part, re.M | re.S)
    for part in PAGE.split("\n## ")[1:]
}
TYPED = {name: blocks for name, blocks in SECTIONS.items() if blocks}


def eventually(condition):
    deadline = time.monotonic() + PATIENCE
    while not (outcome := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return outcome


class Operator:
    """Somebody at a shell, where docker-compose.yml and ``.env`` lie."""

    def __init__(self, compose, database_url):
        self.compose, self.database_url = compose, database_url

    def types(self, section):
        """Type all that stands in a section of the page, and return what was said."""
        return "".join(self.shell(block) for block in TYPED[section])

    def shell(self, lines):
        shell = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", lines],
            cwd=self.compose.home,
            env={"PATH": f"{self.compose.home}/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            capture_output=True,
            text=True,
        )
        assert shell.returncode == 0, f"{lines}\n{shell.stdout}\n{shell.stderr}"
        return shell.stdout

    def asks(self, statement):
        with psycopg.connect(self.database_url, autocommit=True) as database:
            cursor = database.execute(statement)
            return cursor.fetchall() if cursor.description else None


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def tokens(wang, logged_in, settings):
    """Wang's access token, good for the whole test."""
    settings.HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 3_600
    return {"wang": logged_in(wang).defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer ")}


@pytest.fixture
def left_out():
    """Services that are not started."""
    return []


@pytest.fixture
def linli(
    left_out,
    lake,
    wang,
    zhao,
    zhou,
    tea_house,
    tea,
    tokens,
    served,
    receiver,
    settings,
    tmp_path,
    monkeypatch,
):
    """A community with sealed points, things told, owed and given up, and Linli not yet started."""
    settings.WEBHOOK_ALLOWED = [receiver.name]
    for day in ("01", "02"):
        worked = served(wang, f"2024-03-{day} 09:00", f"2024-03-{day} 11:00")
        hours.verify(attendance=worked, verifier=zhao)
        sealing.seal(community=lake)
    later, now = timezone.now() + timedelta(hours=1), timezone.now()
    Notice.objects.all().update(next_at=None, delivered_at=now)
    Notice.objects.bulk_create(
        Notice(
            community=lake,
            key=str(number),
            recipient=wang,
            kind="shift_reminder",
            due_at=now,
            next_at=later if number % 2 else now,
        )
        for number in range(NOTICES)
    )
    url = f"http://{receiver.name}/"
    endpoint, receiver.secret = webhooks.create(owner_id=tea_house.merchant_id, url=url, by=zhou)
    Delivery.objects.all().delete()
    Delivery.objects.bulk_create(
        Delivery(
            community=lake,
            endpoint=endpoint,
            event="ping",
            object_id=new_id(),
            ordering_id=new_id(),
            happened_at=now,
            **state,
        )
        for state in (
            {"next_at": now},
            {"next_at": later},
            {"next_at": None, "given_up_at": now, "reason": "status_500"},
        )
    )
    dump = subprocess.run(
        [embedded.postgres_programs() / "pg_dump", "--no-owner", address_of_ours()],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    ).stdout
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("REDIS_URL")
    with embedded.servers(tmp_path / "servers", durable=False) as servers:
        with psycopg.connect(servers.database_url, autocommit=True) as database:
            database.execute("CREATE ROLE linli SUPERUSER LOGIN")
        subprocess.run(
            [embedded.postgres_programs() / "psql", "-qv", "ON_ERROR_STOP=1", servers.database_url],
            input=dump,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=PATIENCE,
        )
        env = {
            "POSTGRES_PASSWORD": "one",
            "REDIS_PASSWORD": "two",
            "LINLI_SECRET_KEY": ours.SECRET_KEY,
            "LINLI_FIELD_KEYS": ours.FIELD_KEYS[0],
            "LINLI_PHONE_INDEX_KEY": ours.PHONE_INDEX_KEY,
            "LINLI_ALLOWED_HOSTS": "points.example.org",
            "LINLI_WECHAT_APP_ID": "wx0",
            "LINLI_WECHAT_SECRET": "six",
            "LINLI_METRICS_TOKEN": "seven",
            "LINLI_WEB_WORKERS": "1",
            "LINLI_WORKER_CONCURRENCY": "1",
        }
        compose = Compose.install(
            tmp_path,
            servers,
            env,
            # A second worker like the first, with nothing to do here; and what ticks beside it.
            left_out=["bulk", "beat", *left_out],
            more_words={"worker": ["--beat", "--schedule=/tmp/celerybeat-schedule"]},
            is_begun=not IS_LONG,
            LINLI_SWEEP_SECONDS="2",
            LINLI_WEBHOOK_ALLOWED=receiver.name,
        )
        operator = Operator(compose, servers.database_url)
        with nullcontext() if IS_LONG else compose.beginning():
            try:
                yield operator
            finally:
                operator.shell("docker compose stop")


# --- the page ---------------------------------------------------------------------------------
def test_the_page_types_nothing_that_no_test_below_types():
    text = Path(__file__).read_text("utf-8")
    assert TYPED.keys() == {*re.findall(r'types\("(.*?)"\)', text)}


def test_each_alert_is_told_of_and_asks_for_metrics_that_there_are():
    rows = re.findall(r"^\| `(Linli\w+)` \|", PAGE, re.M)
    assert rows == [alert["alert"] for alert in ALERTS]
    metrics = {*re.findall(r"^\| `(linli_\w+)` \|", PAGE, re.M)}
    for alert in ALERTS:
        for name in re.findall(r"linli_\w+", alert["expr"]):
            assert name.removesuffix("_bucket") in metrics, alert["alert"]
    counted = {name.removesuffix("_created") for name in _counted._names_to_collectors}
    assert {name for name in metrics if "request" in name or "task" in name} <= counted


def test_the_probes_ask_for_what_is_answered(client):
    block = next(
        one for one in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S) if "Probe" in one
    )
    probes = yaml.safe_load(block)
    paths = {name: probe["httpGet"]["path"] for name, probe in probes.items()}
    assert paths == {
        "startupProbe": "/readyz",
        "readinessProbe": "/readyz",
        "livenessProbe": "/healthz",
    }


# --- what it says -----------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.plain
@pytest.mark.django_db(transaction=True)
# Web has no part in it but to start: test_compose.py and the test below have it do so.
@pytest.mark.parametrize(
    "left_out", [[] if IS_LONG else ["web"]], ids=["long" if IS_LONG else "short"]
)
def test_after_a_restore_seals_hold_what_is_owed_goes_on_and_nothing_is_told_twice(linli, receiver):
    def told():
        return sorted(headers["webhook-id"] for headers, _, _ in receiver.journal)

    def delivered():
        rows = linli.asks(
            "SELECT key, delivered_at FROM notices_notice WHERE delivered_at IS NOT NULL"
        )
        return dict(rows)

    at_first = delivered()
    linli.types("Deploy and upgrade")
    eventually(lambda: len(told()) == 1 and len(delivered()) == len(at_first) + NOTICES // 2)
    first, transfers = delivered(), linli.asks("SELECT count(*) FROM points_transfer")
    photo = linli.compose.home / "media" / "photo.jpg"
    photo.write_bytes(b"seen")
    linli.types("Back up")

    # What comes after the dump is lost, and nothing else is.
    photo.unlink()
    linli.asks("UPDATE accounts_user SET username = username || '-changed'")
    said = linli.types("Restore")
    assert "Nothing was found: all that was checked holds." in said
    assert re.search(r"^webhook: \d owed.*, 1 given up$", said, re.M)
    assert photo.read_bytes() == b"seen"
    assert linli.asks("SELECT id FROM accounts_user WHERE username LIKE '%-changed'") == []
    assert linli.asks("SELECT count(*) FROM points_transfer") == transfers
    assert len(told()) == 1

    # An hour later.
    linli.asks("UPDATE notices_notice SET next_at = now() WHERE next_at IS NOT NULL")
    linli.asks("UPDATE webhooks_delivery SET next_at = now() WHERE next_at IS NOT NULL")
    eventually(lambda: len(told()) == 2 and len(delivered()) == len(at_first) + NOTICES)
    assert first.items() <= delivered().items()

    assert "webhook: 1 owed anew" in linli.types("Replay what was given up")
    eventually(lambda: len(told()) == 3)
    assert len({*told()}) == 3

    linli.types("Rotate keys")
    (line,) = re.findall("^LINLI_FIELD_KEYS=(.*)$", (linli.compose.home / ".env").read_text(), re.M)
    ((phone,),) = linli.asks("SELECT phone_encrypted FROM accounts_user WHERE username = 'wang'")
    assert line != ours.FIELD_KEYS[0]
    assert Fernet(line).decrypt(phone.encode())

    def running():
        names = {"web", "worker"} & {*linli.compose.services}
        return {linli.compose.process(name).pid for name in names}

    before = running()
    linli.types("Drain")
    assert not before & running()
    assert len(told()) == 3
    assert first.items() <= delivered().items()


@pytest.mark.slow
@pytest.mark.skipif(
    not all(which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in ("pgbouncer", "nginx")),
    reason="pgbouncer and nginx are not installed",
)
@pytest.mark.plain
@pytest.mark.django_db(transaction=True)
def test_two_webs_share_three_connections_and_one_that_ends_costs_nobody_an_answer(
    linli, receiver, tokens, tea
):
    home, ports = linli.compose.home, linli.compose.decided["ports"]
    pooler = (home / "pgbouncer.ini").read_text()
    ((linlis, where),) = re.findall(r"^(linli = (.*) dbname=linli\n)", pooler, re.M)
    few = pooler.replace("default_pool_size = 40", "default_pool_size = 3")
    assert few != pooler
    (home / "pgbouncer.ini").write_text(
        few.replace(linlis, f"{linlis}fresh = {where} dbname=fresh\n")
    )

    def send(path, token="", body=None, key=""):
        request = urllib.request.Request(
            f"http://127.0.0.1:{ports['proxy']}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
            }
            | ({"Idempotency-Key": key} if key else {}),
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            is_ours = "json" in error.headers["Content-Type"]  # else nginx says it
            return error.code, json.loads(error.read()) if is_ours else None

    linli.types("Several webs")

    # Migrations, in transactions of a pooler.
    environment = Compose(home).environment("migrate")
    address, _, _ = environment["DATABASE_URL"].rpartition("/")
    assert address.endswith(f"@127.0.0.1:{ports['pgbouncer']}")
    linli.asks("CREATE DATABASE fresh")
    subprocess.run(
        ["python", "manage.py", "migrate", "--skip-checks", *([] if IS_LONG else ["accounts"])],
        cwd=ROOT,
        env=environment | {"DATABASE_URL": f"{address}/fresh"},
        timeout=PATIENCE,
        check=True,
    )

    # Requests: 24 that all want to spend the same 40 points, each sent twice.
    wallet = "/api/v1/me/wallets/lake"
    assert send(wallet, tokens["wang"])[1]["available"] == 40

    def spend(number):
        body, key = {"quantity": 1}, f"tea-{number // 2}"
        return send(f"/api/v1/offers/{tea.pk}/vouchers", tokens["wang"], body, key)

    with ThreadPoolExecutor(24) as many:
        answers = list(many.map(spend, range(48)))
    codes = Counter(answer.get("code") for status, answer in answers if status >= 400)
    assert codes.keys() <= {"insufficient_points", "idempotency_key_in_use"}, codes
    assert len({answer["id"] for status, answer in answers if status < 400}) == 1
    told = send(wallet, tokens["wang"])[1]
    assert (told["available"], told["held"]) == (40 - tea.price_points, tea.price_points)
    ((connections,),) = linli.asks(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'linli' AND datname = 'linli'"
    )
    assert connections <= 3

    # Tasks: what is owed gets done.
    eventually(lambda: len(receiver.journal) == 1)

    # One web is killed, and comes back; the other is told to end.
    stopped, statuses = threading.Event(), Counter()

    def keep_asking(_):
        while not stopped.wait(0.1):
            statuses[send(wallet, tokens["wang"])[0]] += 1

    def heard(times):
        begun = statuses.total()
        eventually(lambda: statuses.total() >= begun + times)

    with ThreadPoolExecutor(4) as asking:
        asking.map(keep_asking, range(4))
        try:
            heard(20)
            one = linli.compose.process("web", 1)
            for process in [*one.children(recursive=True), one]:
                process.kill()
            heard(20)
            linli.shell("docker compose up -d --wait")
            two = linli.compose.process("web", 2)
            two.terminate()
            two.wait(PATIENCE)
            heard(20)
        finally:
            stopped.set()
    assert statuses.keys() == {200}, statuses
    assert send("/metrics")[0] == 404
