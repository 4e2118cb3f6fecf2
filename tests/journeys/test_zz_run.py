"""`make run`, as a person at a terminal meets it: one process started, watched, stopped, killed.

The last of the journeys: it ends, in every way there is, what they were played on.
"""

import csv
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from backend.top.scenarios import demo as the_demo
from tests.long import IS_LONG

BASE_DIR = Path(__file__).resolve().parents[2]
PATIENCE = 300  # seconds; the first start loads a whole community

# A line of our log: when, how grave, the id of the request or task (or none), who says what.
LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ (?P<id>-|[0-9a-f]{32}|[0-9a-f-]{36}) [\w.]+ .*"
)

pytestmark = pytest.mark.slow


def eventually(condition):
    deadline = time.monotonic() + PATIENCE
    while not (outcome := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return outcome


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Terminal:
    """Starts of Linli on one directory, the newest last."""

    def __init__(self, home):
        self.home = home
        self.starts = []

    def start(self, port):
        """Begin, without waiting. ``said()`` is what it has printed so far."""
        said = Path(tempfile.mkstemp(dir=self.home.parent)[1])
        with said.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "backend.run"],
                cwd=BASE_DIR,
                env={
                    "PATH": os.environ["PATH"],
                    "LINLI_HOME": str(self.home),
                    "LINLI_PORT": str(port),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        process.said = said.read_text
        self.starts.append(process)
        return process

    def start_and_wait(self, port):
        process = self.start(port)
        eventually(lambda: process.poll() is not None or "Ctrl-C stops it" in process.said())
        assert process.poll() is None, process.said()
        return process

    def status_of(self, path):
        url = json.loads((self.home / "run.json").read_text())["url"]
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status

    def processes(self):
        """Return the processes that have this directory's path in environment or command line."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            try:
                words = [*(process.info["cmdline"] or []), *process.environ().values()]
            except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
                continue
            if any(str(self.home) in word for word in words):
                found.append(process)
        return found


@pytest.fixture
def terminal(linli):
    ours = Terminal(linli.home)
    yield ours
    for process in ours.starts:
        process.terminate()
        process.wait(PATIENCE)
    eventually(lambda: ours.processes() == [])


def said_by_all(linli):
    """Return each process's output by name, without the log-ins that `make run` prints for us."""
    terminal = (linli.home / "run.log").read_text()
    before, _, after = terminal.partition("\nLog-ins, all with")
    logs = {path.stem: path.read_text() for path in (linli.home / "log").iterdir()}
    return {"terminal": before + after.partition("Ctrl-C stops it.")[2], **logs}


def known_to_few(linli):
    """Return the names and secrets of the stories, the demo, the servers and the tokens."""
    greeting = (linli.home / "run.log").read_text()
    demo = json.loads((linli.home / "demo.json").read_text())
    with (the_demo.SCENARIO / "volunteers.csv").open(encoding="utf-8") as file:
        volunteers = [value for row in csv.DictReader(file) for value in list(row.values())[:2]]
    return {
        *linli.secrets,
        *volunteers,
        *(user["name"] for user in demo["users"]),
        *(user["totp_secret"] for user in demo["users"] if "totp_secret" in user),
        *json.loads((linli.home / "secrets.json").read_text()).values(),
        *re.findall(r"redis://:([^@]+)@", (linli.home / "env").read_text()),
        *re.findall(r"with the code (\S+)", greeting),
        "o6_tour",
    }


def is_part_of_longer_numbers(secret, text):
    """Six digits may be found in an id, and are no code there."""
    return secret.isdigit() and not re.search(rf"(?<![\w-]){secret}(?![\w-])", text)


def test_the_log_of_all_stories_tells_of_nobody_and_each_line_whose_request_it_is(linli):
    linli.log_in("volunteer")  # so that there is a story, even if this is run alone
    eventually(lambda: "succeeded in" in (linli.home / "log" / "worker.log").read_text())
    logs, secrets = said_by_all(linli), known_to_few(linli)

    for name in ("web", "worker", "bulk", "beat"):
        lines = [line for line in logs[name].splitlines() if re.match(r"\[?\d{4}-\d\d-", line)]
        assert lines, name
        assert [line for line in lines if not LINE.fullmatch(line)] == [], name
    answered = re.findall(r"^.*gunicorn\.access.*$", logs["web"], re.M)
    assert answered
    assert [line for line in answered if LINE.fullmatch(line)["id"] == "-"] == []
    told = [
        (name, secret)
        for name, text in logs.items()
        for secret in secrets
        if secret in text and not is_part_of_longer_numbers(secret, text)
    ]
    assert told == []


def test_it_says_where_it_is_and_every_way_to_end_it_is_in_good_order(linli, terminal):
    """Told as one story, because the first start takes longer than all the others together."""
    first = linli.process
    said = (linli.home / "run.log").read_text
    assert terminal.status_of("/readyz") == 200
    assert terminal.status_of("/api/v1/docs") == 200
    demo = json.loads((linli.home / "demo.json").read_text())
    assert f"{linli.url}/api/v1/docs" in said()
    assert demo["password"] in said()
    for page in ("/me/", "/scan/", "/console/", "/c/bishahu/"):
        assert f"{linli.url}{page}" in said()
    told = ["Linli is up", "Demo community: loading", "Demo community: loaded", "Log-ins"]
    assert sorted(told, key=said().index) == told  # web was up before the year was played
    for user in demo["users"]:
        assert re.search(rf"{user['username']} +{user['role']} +{user['name']}", said())
    secrets = (linli.home / "secrets.json").read_text()
    for name in ("secrets.json", "run.json", "env"):
        assert (linli.home / name).stat().st_mode & 0o077 == 0

    # A single command beside it, in a shell that knows nothing else.
    subprocess.run(
        ["sh", "-ec", f'. "{linli.home}/env"; "{sys.executable}" manage.py migrate --check'],
        cwd=BASE_DIR,
        env={"PATH": os.environ["PATH"]},
        timeout=PATIENCE,
        check=True,
    )

    # A second start by mistake.
    second = terminal.start(free_port())
    assert second.wait(PATIENCE) == 1
    assert f"already runs on {linli.home} (process {first.pid})" in second.said()
    assert linli.url in second.said()
    assert terminal.status_of("/readyz") == 200

    # Ctrl-C.
    first.send_signal(signal.SIGINT)
    assert first.wait(PATIENCE) == 0
    assert said().endswith("Stopping\nStopped\n")
    assert terminal.processes() == []
    assert not (linli.home / "run.json").exists()
    assert not (linli.home / "env").exists()

    # The next day; and a part dies.
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        third = terminal.start_and_wait(port)
        assert f"Port {port} is taken" in third.said()
    assert (linli.home / "secrets.json").read_text() == secrets
    assert json.loads((linli.home / "demo.json").read_text()) == demo
    ends_with_its_worker(terminal, third)

    # The supervisor itself is killed. The next start carries on, until Ctrl-C before it is up.
    fourth = terminal.start(free_port())
    eventually(lambda: "applying migrations" in fourth.said())
    fourth.kill()
    fourth.wait(PATIENCE)
    fifth = terminal.start(free_port())
    eventually(lambda: "applying migrations" in fifth.said())
    fifth.send_signal(signal.SIGINT)
    assert fifth.wait(PATIENCE) == 0
    assert terminal.processes() == []

    if not IS_LONG:
        return
    # All of it when everything is up, or all but the demo community, which is being loaded.
    sixth = terminal.start_and_wait(free_port())
    sixth.kill()
    sixth.wait(PATIENCE)
    seventh = terminal.start(free_port())
    eventually(lambda: "Demo community: loading" in seventh.said())
    assert terminal.status_of("/readyz") == 200
    ends_with_its_worker(terminal, seventh)
    eighth = terminal.start(free_port())
    eventually(lambda: "Demo community: loading" in eighth.said())
    eighth.terminate()
    assert eighth.wait(PATIENCE) == 0
    assert "Demo community: loaded" not in eighth.said()
    assert terminal.processes() == []


def ends_with_its_worker(terminal, process):
    """Kill the worker of ``make run``, which ends and says what has died."""
    worker_log = terminal.home / "log" / "worker.log"
    eventually(lambda: " ready." in worker_log.read_text())
    worker = next(
        child
        for child in psutil.Process(process.pid).children()
        if {"celery", "worker"} <= set(child.cmdline())
    )
    worker.kill()
    assert process.wait(PATIENCE) == 1
    assert f"worker has died (status {-signal.SIGKILL})" in process.said()
    assert worker_log.read_text().splitlines()[-1] in process.said()  # the end of its log
    assert terminal.processes() == []
