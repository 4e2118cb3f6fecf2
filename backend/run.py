"""`make run`: everything on one machine, from nothing to a community one can log in to.

Starts servers, secrets, migrations, then web, workers and beat, and beside them the demo community,
whose year takes a while to play; until Ctrl-C or until one of them dies. All data is under
LINLI_HOME (``var/`` unless named).
"""

import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet

from backend.embedded import (
    AlreadyRunningError,
    Child,
    StartError,
    finish,
    servers,
    signals,
    start,
    stop,
)
from backend.environment import NAME as ENV_FILE
from backend.environment import as_shell, write_private
from backend.queues import Queue

RUN_FILE = "run.json"
STANDINS = ("wechat", "wechatpay")  # for whom, and their files in LINLI_HOME: how to ask them
STANDINS_IN = os.environ.get("LINLI_STANDINS") or "backend.standins"  # or where they fail as told
BASE_DIR = Path(__file__).resolve().parent.parent
WEB_THREADS = 8
READY_SECONDS = 120
STOP_SECONDS = 20  # for a request or a task in hand; a task cut short is done again


def say(line: str) -> None:
    """Print at once, ignoring a terminal that is gone, so that everything can still be stopped."""
    with suppress(OSError):
        print(line, flush=True)


def run(home: Path, first_port: int) -> None:
    """Start everything and keep it running until a signal comes, as SystemExit.

    Raises StartError if a part can not be started, or dies later. All is stopped by then.
    """
    with servers(home, durable=True, say=say) as running:
        environment = os.environ | running.environment | secrets_kept_in(home)
        environment["LINLI_HOME"] = str(home)
        environment["PYTHONUNBUFFERED"] = "1"
        # So that we may ask whether it is ready, whatever name the world knows it by.
        if hosts := environment.get("LINLI_ALLOWED_HOSTS"):
            environment["LINLI_ALLOWED_HOSTS"] = f"{hosts},127.0.0.1"
        if not environment.get("LINLI_EMAIL_URL"):  # mails are written to the worker's log
            environment["LINLI_EMAIL_URL"] = "consolemail://"
            environment["LINLI_EMAIL_FROM"] = "Linli <linli@localhost>"
        environment.pop("LINLI_DB_POOL", None)  # only for web: workers and beat fork

        say("Database: applying migrations")
        migrations = manage("migrate", environment)
        if finish(migrations) != 0:
            raise StartError("`manage.py migrate` failed; what it said is above.")

        parts: list[Child] = []
        try:
            with listen(first_port) as listener:
                port = listener.getsockname()[1]
                told = {"url": f"http://127.0.0.1:{port}"}
                if not environment.get("LINLI_WECHAT_APP_ID"):
                    parts += start_wechat(home)
                    environment |= settings_of(parts, home)
                    callback = f"{told['url']}/api/v1/wechatpay/callback"
                    environment["LINLI_WECHATPAY_NOTIFY_URL"] = callback
                    for name in STANDINS:
                        told[name] = environment[f"LINLI_{name.upper()}_API_BASE"]
                if port != first_port:
                    say(f"Port {first_port} is taken; using {port}")
                say("Starting web, workers and beat")
                parts.append(start_web(home, environment, listener))
            parts += start_workers(home, environment)
            schedule = f"--schedule={home / 'celerybeat-schedule'}"
            parts.append(start_celery("beat", "beat", [schedule], home, environment))

            everything = [*running.children, *parts]
            wait_until_ready(port, everything)
            if wechat := told.get("wechat"):
                ask_standin(wechat, "push-to", url=f"{told['url']}/api/v1/wechat/push")
            write_private(home / RUN_FILE, json.dumps({"pid": os.getpid(), **told}))
            write_private(home / ENV_FILE, as_shell(environment))
            greet(home, told["url"])
            demo = manage("load_demo", environment, "--skip-checks")  # migrate made them
            parts.append(demo)
            watch(everything, until=demo)
            if demo.process.returncode != 0:
                raise StartError("`manage.py load_demo` failed; what it said is above.")
            introduce(home, **told)
            link = manage("setup_link", environment, "--first", f"--console={told['url']}/console")
            parts.append(link)
            watch(everything, until=link)
            watch(everything)
        finally:
            say("Stopping")
            for name in (RUN_FILE, ENV_FILE):  # they tell others about us
                (home / name).unlink(missing_ok=True)
            stop(*parts, patience=STOP_SECONDS)


def secrets_kept_in(home: Path) -> dict[str, str]:
    """Return the three secrets, from the environment or made once, in ``secrets.json``.

    Losing that file makes the phone numbers in the database unreadable for good.
    """
    path = home / "secrets.json"
    if not path.exists():
        made = {
            "LINLI_SECRET_KEY": secrets.token_urlsafe(50),
            "LINLI_FIELD_KEYS": Fernet.generate_key().decode(),
            "LINLI_PHONE_INDEX_KEY": secrets.token_urlsafe(50),
        }
        write_private(path, json.dumps(made, indent=2))
        say(f"Secrets: made, kept in {path}")
    kept: dict[str, str] = json.loads(path.read_text())
    return {name: os.environ.get(name) or value for name, value in kept.items()}


def manage(command: str, environment: Mapping[str, str], *options: str) -> Child:
    """Start one management command, on our own output."""
    return start(
        command,
        [sys.executable, BASE_DIR / "manage.py", command, *options],
        env=environment,
        cwd=BASE_DIR,
    )


def listen(first_port: int) -> socket.socket:
    """Return a socket listening on the first free port from ``first_port`` on.

    The web server gets the socket itself, so nobody can take the port in between.
    """
    for port in range(first_port, first_port + 100):
        with suppress(OSError):
            return socket.create_server(("127.0.0.1", port), backlog=128)
    raise StartError(f"None of the ports {first_port} to {first_port + 99} can be used.")


def start_web(
    home: Path, environment: Mapping[str, str], listener: socket.socket, workers: int = 1
) -> Child:
    return start(
        "web",
        [
            *(sys.executable, "-m", "gunicorn", "backend.wsgi:application"),
            f"--bind=fd://{listener.fileno()}",
            *("--worker-class=gthread", f"--workers={workers}", f"--threads={WEB_THREADS}"),
            *("--graceful-timeout=10", "--no-control-socket"),
            "--config=python:backend.gunicorn_config",
        ],
        log=home / "log" / "web.log",
        env={**environment, "LINLI_DB_POOL": str(WEB_THREADS)},
        cwd=BASE_DIR,
        pass_fds=[listener.fileno()],
    )


def start_wechat(home: Path) -> list[Child]:
    """Start the stand-ins for WeChat and WeChat Pay, used without credentials for the real ones.

    No money moves: whoever is paid confirms to the stand-in.
    """
    say(
        "WeChat: no credentials (LINLI_WECHAT_APP_ID), so a stand-in on this machine plays its part"
    )
    started = []
    for name in STANDINS:
        (file := home / f"{name}.json").unlink(missing_ok=True)
        command = [sys.executable, "-m", f"{STANDINS_IN}.{name}", str(file)]
        started.append(start(name, command, log=home / "log" / f"{name}.log", cwd=BASE_DIR))
    return started


def settings_of(standins: Iterable[Child], home: Path) -> dict[str, str]:
    """Return the settings with which web finds the stand-ins, once they have written them."""
    files = [home / f"{name}.json" for name in STANDINS]
    while not all(file.exists() for file in files):
        raise_if_one_died(standins)
        time.sleep(0.05)
    return {name: value for file in files for name, value in json.loads(file.read_text()).items()}


def start_workers(home: Path, environment: Mapping[str, str]) -> list[Child]:
    """Start a worker for what is wanted soon, what is urgent first, and one for what takes long."""
    number = os.environ.get("LINLI_WORKER_CONCURRENCY") or "1"
    workers = {"worker": (number, Queue.URGENT, Queue.DEFAULT), "bulk": ("1", Queue.BULK)}
    started = []
    for name, (processes, *queues) in workers.items():
        options = [
            f"--hostname={name}@%h",
            f"--queues={','.join(queues)}",
            f"--concurrency={processes}",
            # Nobody listens to a worker's heartbeats, and one that is to end when Redis has ended
            # would wait for ever to send the last.
            *("--without-heartbeat", "--without-gossip"),
        ]
        started.append(start_celery(name, "worker", options, home, environment))
    return started


def start_celery(
    name: str, part: str, options: Iterable[str], home: Path, environment: Mapping[str, str]
) -> Child:
    return start(
        name,
        [sys.executable, "-m", "celery", "-A", "backend", part, *options],
        log=home / "log" / f"{name}.log",
        env=environment,
        cwd=BASE_DIR,
    )


def wait_until_ready(port: int, everything: Iterable[Child]) -> None:
    """Return once /readyz answers 200. Raises StartError if that takes too long, or one dies."""
    deadline = time.monotonic() + READY_SECONDS
    client = httpx.Client(timeout=10, trust_env=False)  # one, for it takes long to make
    while True:
        raise_if_one_died(everything)
        answer: object = "nothing"
        with suppress(httpx.HTTPError):
            answer = client.get(f"http://127.0.0.1:{port}/readyz").status_code
        if answer == 200:
            return
        if time.monotonic() > deadline:
            raise StartError(f"Web is not ready: /readyz answers {answer}. See log/web.log.")
        time.sleep(0.2)


def watch(everything: Iterable[Child], until: Child | None = None) -> None:
    """Wait until ``until`` has ended. Raises StartError if one of ``everything`` dies."""
    while until is None or until.running:
        raise_if_one_died(everything)
        time.sleep(0.2)


def raise_if_one_died(everything: Iterable[Child]) -> None:
    for child in everything:
        if not child.running:
            raise StartError(
                f"{child.name} has died (status {child.process.returncode}). "
                f"The end of {child.log}:\n{child.log_tail()}"
            )


def greet(home: Path, url: str) -> None:
    """Print the addresses, and that the demo community is being loaded."""
    say(f"\nLinli is up.\n  Web   {url}/\n  API   {url}/api/v1/docs\n  Logs  {home / 'log'}")
    say(f"  Pages {url}/me/ for volunteers, {url}/scan/ for shops, {url}/console/ for offices")
    say("  Commands beside it: .venv/bin/python manage.py help")
    say("\nDemo community: loading (what is there already stays; the first time plays a year).")
    say("Who can log in is told when it is done.")


def introduce(home: Path, *, url: str, wechat: str = "", wechatpay: str = "") -> None:
    """Print who can log in, as the demo community wrote it down."""
    demo = json.loads((home / "demo.json").read_text())
    say(f"\nDemo community: loaded\n  {url}/c/{demo['community']}/ is for everybody")
    say(f"Log-ins, all with the password {demo['password']}")
    for user in demo["users"]:
        say(f"  {user['username']:<20} {user['role']:<16} {user['name']}")
    say(f"  volunteer, rider at {url}/me/; clerk, owner at {url}/scan/; others at {url}/console/")
    asked = " and ".join(user["username"] for user in demo["users"] if "totp_secret" in user)
    say(f"  {asked} are asked for a code as well: .venv/bin/python manage.py demo_code USERNAME")
    if wechat:
        say(f"\nWeChat's part is played by {wechat}. A newcomer logs in, within five minutes:")
        say(f"  POST {url}/_allauth/app/v1/auth/wechat with the code {log_in_code(wechat)}")
        say(f"  POST {wechat}/_standin/codes gives the next (README.md has it all)")
        say(f"  In a browser: {url}/me/log-in, and choose who holds the phone")
        say(f"Whom WeChat Pay pays confirms: POST {wechatpay}/_standin/confirm (README.md)")
    say("\nCtrl-C stops it.")


def log_in_code(wechat: str) -> str:
    """Return a code as ``wx.login`` would give it to the phone of a newcomer."""
    return str(ask_standin(wechat, "codes", openid=f"o6_{secrets.token_urlsafe(16)}")["code"])


def ask_standin(wechat: str, control: str, **body: str) -> dict[str, Any]:
    """Ask the stand-in for WeChat for what a phone, or WeChat's console, would do there."""
    url = f"{wechat}/_standin/{control}"
    answer: dict[str, Any] = httpx.post(url, json=body, timeout=10, trust_env=False).json()
    return answer


def main() -> int:
    """Run until stopped. Returns 0 after a signal, 1 if it could not start or a part died."""
    signals.install()
    home = Path(os.environ.get("LINLI_HOME") or BASE_DIR / "var").resolve()
    try:
        run(home, first_port=int(os.environ.get("LINLI_PORT") or 8000))
    except AlreadyRunningError as error:
        print(f"linli: {error}", file=sys.stderr)
        with suppress(OSError, ValueError):
            print(f"It answers at {json.loads((home / RUN_FILE).read_text())['url']}/")
        return 1
    except StartError as error:
        print(f"linli: {error}", file=sys.stderr)
        return 1
    except SystemExit:
        say("Stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
