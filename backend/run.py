"""`make run`: everything at once on one machine, from nothing to a community one can log in to.

Servers, secrets, migrations, then web, worker and beat, and beside them the demo community, whose
year takes a while to play; until Ctrl-C or until one of them dies. All it keeps is under
LINLI_HOME (``var/`` unless named).
"""

import http.client
import json
import os
import secrets
import socket
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

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
from backend.environment import as_shell

# Under LINLI_HOME: where the stand-in for WeChat is, and how to ask the one for WeChat Pay.
WECHAT_FILE, PAY_FILE = "wechat.url", "wechatpay.json"
BASE_DIR = Path(__file__).resolve().parent.parent
WEB_THREADS = 8
READY_SECONDS = 120
STOP_SECONDS = 20  # for a request or a task in hand; a task cut short is done again


def say(line: str) -> None:
    """Print at once. With the terminal gone there is nobody to tell, and still all to stop."""
    with suppress(OSError):
        print(line, flush=True)


def run(home: Path, first_port: int) -> None:
    """Bring everything up and keep it up until a signal comes, as SystemExit.

    Raises StartError when a part can not be started, or dies later. All is stopped by then.
    """
    with servers(home, durable=True, say=say) as running:
        environment = os.environ | running.environment | secrets_kept_in(home)
        environment["LINLI_HOME"] = str(home)
        environment["PYTHONUNBUFFERED"] = "1"
        # So that we may ask whether it is ready, whatever name the world knows it by.
        if hosts := environment.get("LINLI_ALLOWED_HOSTS"):
            environment["LINLI_ALLOWED_HOSTS"] = f"{hosts},127.0.0.1"
        environment.pop("LINLI_DB_POOL", None)  # only for web: worker and beat fork

        say("Database: applying migrations")
        migrations = manage("migrate", environment)
        if finish(migrations) != 0:
            raise StartError("`manage.py migrate` failed; what it said is above.")

        parts: list[Child] = []
        try:
            standin = None
            if not environment.get("LINLI_WECHAT_APP_ID"):
                standin, pay = start_wechat(home)
                parts += standin, pay
                environment |= settings_of(standin, pay, home)
            with listen(first_port) as listener:
                port = listener.getsockname()[1]
                if standin:
                    address = f"http://127.0.0.1:{port}/api/v1/wechatpay/callback"
                    environment["LINLI_WECHATPAY_NOTIFY_URL"] = address
                if port != first_port:
                    say(f"Port {first_port} is taken; using {port}")
                say("Starting web, worker and beat")
                parts.append(start_web(home, environment, listener))
            parts.append(start_celery("worker", worker_options(), home, environment))
            schedule = f"--schedule={home / 'celerybeat-schedule'}"
            parts.append(start_celery("beat", [schedule], home, environment))

            everything = [*running.children, *parts]
            wait_until_ready(port, everything)
            told = {"url": f"http://127.0.0.1:{port}"}
            if standin:
                told["wechat"] = environment["LINLI_WECHAT_API_BASE"]
                told["wechatpay"] = environment["LINLI_WECHATPAY_API_BASE"]
            with (
                kept_while_up(home / "run.json", json.dumps({"pid": os.getpid(), **told})),
                kept_while_up(home / ENV_FILE, as_shell(environment)),
            ):
                greet(home, told["url"])
                demo = manage("load_demo", environment)
                parts.append(demo)
                watch(everything, until=demo)
                if demo.process.returncode != 0:
                    raise StartError("`manage.py load_demo` failed; what it said is above.")
                introduce(home, **told)
                watch(everything)
        finally:
            say("Stopping")
            stop(*parts, patience=STOP_SECONDS)


def secrets_kept_in(home: Path) -> dict[str, str]:
    """The three secrets, from the environment or else made once and kept in ``secrets.json``.

    Losing that file makes the phone numbers in the database unreadable for good.
    """
    path = home / "secrets.json"
    if not path.exists():
        made = {
            "LINLI_SECRET_KEY": secrets.token_urlsafe(50),
            "LINLI_FIELD_KEYS": Fernet.generate_key().decode(),
            "LINLI_PHONE_INDEX_KEY": secrets.token_urlsafe(50),
        }
        unfinished = path.with_suffix(".unfinished")
        write_private(unfinished, json.dumps(made, indent=2))
        unfinished.rename(path)
        say(f"Secrets: made, kept in {path}")
    kept: dict[str, str] = json.loads(path.read_text())
    return {name: os.environ.get(name) or value for name, value in kept.items()}


def manage(command: str, environment: Mapping[str, str]) -> Child:
    """Start one management command, on our own output."""
    return start(
        command, [sys.executable, BASE_DIR / "manage.py", command], env=environment, cwd=BASE_DIR
    )


def listen(first_port: int) -> socket.socket:
    """A socket listening on the first free port from ``first_port`` on.

    It is handed to the web server as it is, so nobody can take the port in between.
    """
    for port in range(first_port, first_port + 100):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        except OSError:
            listener.close()
        else:
            return listener
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


def start_wechat(home: Path) -> tuple[Child, Child]:
    """What plays WeChat's and WeChat Pay's parts where there are no credentials for the real ones.

    No money moves: whoever is paid confirms to the stand-in.
    """
    say(
        "WeChat: no credentials (LINLI_WECHAT_APP_ID), so a stand-in on this machine plays its part"
    )

    def standin(name: str, option: str, file: Path) -> Child:
        file.unlink(missing_ok=True)
        return start(
            name,
            [sys.executable, "-m", f"backend.standins.{name}", option, str(file)],
            log=home / "log" / f"{name}.log",
            env=os.environ,
            cwd=BASE_DIR,
        )

    return (
        standin("wechat", "--url-file", home / WECHAT_FILE),
        standin("wechatpay", "--settings-file", home / PAY_FILE),
    )


def settings_of(wechat: Child, pay: Child, home: Path) -> dict[str, str]:
    """The settings with which web finds the stand-ins, once they say where they are."""
    while not ((home / WECHAT_FILE).exists() and (home / PAY_FILE).exists()):
        raise_if_one_died([wechat, pay])
        time.sleep(0.05)
    paying: dict[str, str] = json.loads((home / PAY_FILE).read_text())
    return paying | {
        "LINLI_WECHAT_APP_ID": "wx-standin",
        "LINLI_WECHAT_SECRET": "standin",
        "LINLI_WECHAT_API_BASE": (home / WECHAT_FILE).read_text(),
    }


def worker_options() -> list[str]:
    return [f"--concurrency={os.environ.get('LINLI_WORKER_CONCURRENCY') or 1}"]


def start_celery(
    part: str, options: Iterable[str], home: Path, environment: Mapping[str, str]
) -> Child:
    return start(
        part,
        [sys.executable, "-m", "celery", "-A", "backend", part, *options],
        log=home / "log" / f"{part}.log",
        env=environment,
        cwd=BASE_DIR,
    )


def wait_until_ready(port: int, everything: Iterable[Child]) -> None:
    """Return once /readyz answers 200. Raises StartError if that takes too long, or one dies."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        raise_if_one_died(everything)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        answer = "nothing"
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz")
            answer = str(connection.getresponse().status)
        connection.close()
        if answer == "200":
            return
        if time.monotonic() > deadline:
            raise StartError(f"Web is not ready: /readyz answers {answer}. See log/web.log.")
        time.sleep(0.2)


def watch(everything: Iterable[Child], until: Child | None = None) -> None:
    """Look on until one of them dies, and raise StartError then, or until ``until`` has ended."""
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
    """Say where it is, and what of it is still to come."""
    say(f"\nLinli is up.\n  Web   {url}/\n  API   {url}/api/v1/docs\n  Logs  {home / 'log'}")
    say("  Commands beside it: .venv/bin/python manage.py help")
    say("\nDemo community: loading (what is there already stays; the first time plays a year).")
    say("Who can log in is told when it is done.")


def introduce(home: Path, *, url: str, wechat: str = "", wechatpay: str = "") -> None:
    """Say who can log in, as the demo community wrote it down."""
    demo = json.loads((home / "demo.json").read_text())
    say(f"\nDemo community: loaded\nLog-ins, all with the password {demo['password']}")
    for user in demo["users"]:
        say(f"  {user['username']:<20} {user['role']:<16} {user['name']}")
    asked = " and ".join(user["username"] for user in demo["users"] if "totp_secret" in user)
    say(f"  {asked} are asked for a code as well: .venv/bin/python manage.py demo_code USERNAME")
    if wechat:
        say(f"\nWeChat's part is played by {wechat}. A newcomer logs in, within five minutes:")
        say(f"  POST {url}/_allauth/app/v1/auth/wechat with the code {log_in_code(wechat)}")
        say(f"  POST {wechat}/_standin/codes gives the next (README.md has it all)")
        say(f"Whom WeChat Pay pays confirms: POST {wechatpay}/_standin/confirm (README.md)")
    say("\nCtrl-C stops it.")


def log_in_code(wechat: str) -> str:
    """A code as ``wx.login`` would give it to the phone of somebody we have never seen."""
    body = json.dumps({"openid": f"o6_{secrets.token_urlsafe(16)}"}).encode()
    with urllib.request.urlopen(f"{wechat}/_standin/codes", body, timeout=10) as answer:  # noqa: S310
        code: str = json.load(answer)["code"]
        return code


@contextmanager
def kept_while_up(path: Path, text: str) -> Iterator[None]:
    """A file that tells others about us, and goes when we do."""
    write_private(path, text)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else can read, at no moment."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text)


def main() -> int:
    """0: stopped by a signal, in good order. 1: could not start, or a part died."""
    signals.install()
    home = Path(os.environ.get("LINLI_HOME") or BASE_DIR / "var").resolve()
    try:
        run(home, first_port=int(os.environ.get("LINLI_PORT") or 8000))
    except AlreadyRunningError as error:
        print(f"linli: {error}", file=sys.stderr)
        with suppress(OSError, ValueError):
            print(f"It answers at {json.loads((home / 'run.json').read_text())['url']}/")
        return 1
    except StartError as error:
        print(f"linli: {error}", file=sys.stderr)
        return 1
    except SystemExit:
        say("Stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
