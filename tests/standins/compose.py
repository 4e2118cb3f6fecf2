"""A stand-in for ``docker compose``: the services of docker-compose.yml as plain processes.

``Compose.install`` makes a program ``docker`` that runs what docs/operations.md says, as it is
written. PostgreSQL and Redis are the built-in ones; a service's command line, environment and
health check are those of the file, and only names of containers become addresses of this machine.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import yaml

from tests.standins import begun
from tests.standins.begun import PATIENCE

BASE_DIR = Path(__file__).resolve().parents[2]
COMPOSE = yaml.load((BASE_DIR / "docker-compose.yml").read_text(), yaml.CSafeLoader)
GIVEN = ("postgres", "redis")  # these run already, and go on
# What a service logs that has begun. A look at the health of what has not takes as long as a start.
BEGUN = {"web": "Listening at", "worker": " ready.", "bulk": " ready.", "beat": "beat: Starting"}


def filled_in(text, values):
    """Replace ``${NAME:?message}``, ``${NAME:-default}`` and ``$$`` as Compose does."""

    def one(match):
        if match[0] == "$$":
            return "$"
        if values.get(match["name"]):
            return values[match["name"]]
        assert match["kind"] == ":-", f"{match['name']} is required"
        return match["rest"]

    return re.sub(r"\$\$|\$\{(?P<name>\w+)(?P<kind>:[?-])(?P<rest>[^}]*)\}", one, text)


def replaced(text, places):
    """Replace each of ``places``, and nothing in what has replaced it."""
    return re.sub("|".join(map(re.escape, places)), lambda found: places[found[0]], text)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Compose:
    """The services of a directory ``home``; its ``.env`` says what is not a secret, and what is.

    ``compose.json`` there tells what tests have decided: addresses of the servers, and ports.
    """

    def __init__(self, home):
        self.home = home
        self.decided = json.loads((home / "compose.json").read_text())
        lines = (home / ".env").read_text().splitlines()
        self.env = dict(line.split("=", 1) for line in lines if line and line[0] != "#")

    @classmethod
    def install(
        cls, home, servers, env, *, left_out=(), more_words=None, is_begun=False, **environment
    ):
        """Lay out ``home``, with ``servers`` of this machine; all get ``environment`` as well.

        There are all services but those ``left_out``; ``more_words`` are added to the command
        lines of those that it names. If ``is_begun``, ours are forked in the block ``beginning``.
        """
        from backend import embedded  # a quarter of a second, which no call of ``docker`` needs

        database = servers.database_url.partition("host=")[2].replace("%2F", "/")
        ports = {name: free_port() for name in ("pgbouncer", "proxy", "web-1", "web-2")}
        decided = {
            "sockets": database,
            "redis": servers.redis_url,
            "ports": ports,
            "environment": environment,
            "left_out": left_out,
            "more_words": more_words or {},
            "begun": str(home / "begun") if is_begun else None,
            "programs": str(embedded.postgres_programs()),
        }
        (home / "compose.json").write_text(json.dumps(decided))
        (home / ".env").write_text("".join(f"{name}={value}\n" for name, value in env.items()))
        programs = {"docker": f"export PYTHONPATH={BASE_DIR}\nexec {sys.executable} -m {__name__}"}
        if is_begun:
            ask = f"exec {sys.executable} -IS {begun.__file__} {home / 'begun'}"
            programs = {name: f"{ask} {name}" for name in ("docker", "python")}
        (home / "bin").mkdir()
        for name, line in programs.items():
            (home / "bin" / name).write_text(f'#!/bin/sh\n{line} "$@"\n')
            (home / "bin" / name).chmod(0o755)
        for name in ("nginx.conf", "pgbouncer.ini"):
            (home / name).write_text(cls._at_home(home, name, decided))
        return cls(home)

    @staticmethod
    def _at_home(home, name, decided):
        """Return the file of deploy/ with names of containers replaced."""
        text = (BASE_DIR / "deploy" / name).read_text()
        ports = decided["ports"]
        webs = "".join(
            f"server 127.0.0.1:{ports[web]} max_fails=1 fail_timeout=2s;\n"
            for web in ("web-1", "web-2")
        )
        return replaced(
            text,
            {
                "host=postgres": f"host={decided['sockets']}",
                "listen_addr = *": "listen_addr = 127.0.0.1",
                "listen_port = 6432": f"listen_port = {ports['pgbouncer']}",
                "listen 8080": f"listen 127.0.0.1:{ports['proxy']}",
                "server web:8000 max_fails=1 fail_timeout=2s;": webs,
                "/tmp/": f"{home}/tmp/",  # noqa: S108
            },
        )

    @property
    def services(self):
        """The services that are wanted and not left out, those of a profile only if it is."""
        profiles = set(self.env.get("COMPOSE_PROFILES", "").split(","))
        return {
            name: service
            for name, service in COMPOSE["services"].items()
            if name not in self.decided["left_out"]
            and (not service.get("profiles") or profiles & {*service["profiles"]})
        }

    def environment(self, name, number=1):
        """Return a container's environment, with this Python and PostgreSQL on its path."""
        service = COMPOSE["services"][name]
        places = [
            *([self.home / "bin"] if self.decided["begun"] else []),
            Path(sys.executable).parent,
            Path(self.decided["programs"]),
            os.environ["PATH"],
            "/usr/sbin",
        ]
        inside = {
            variable: self._here(filled_in(value, self.env))
            for variable, value in (service.get("environment") or {}).items()
        }
        if name == "postgres":
            inside |= {"PGHOST": self.decided["sockets"], "PGPORT": "5432"}
        if "DATABASE_URL" in inside:
            inside |= {
                "REDIS_URL": self.decided["redis"],
                "PORT": self.decided["ports"][f"web-{number}"],
                "LINLI_HOME": str(self.home),
                "LINLI_MEDIA_ROOT": str(self.home / "media"),
                "LINLI_METRICS_PORT": "0",
                "LINLI_HTTPS": "false",  # nobody speaks TLS before it
                **self.decided["environment"],
            }
        return {"PATH": ":".join(map(str, places)), "HOSTNAME": socket.gethostname(), **inside}

    def _here(self, text):
        """Replace names of containers by addresses of this machine."""
        sockets = self.decided["sockets"].replace("/", "%2F")
        text = re.sub(r"@postgres:5432/(\w+)", rf"@:5432/\1?host={sockets}", text)
        ports = self.decided["ports"]
        return replaced(
            text,
            {
                "@pgbouncer:6432": f"@127.0.0.1:{ports['pgbouncer']}",
                "127.0.0.1:8080": f"127.0.0.1:{ports['proxy']}",
                "--port=6432": f"--port={ports['pgbouncer']}",
                "deploy/pgbouncer.ini": f"{self.home}/pgbouncer.ini",
                "/srv/nginx.conf": f"{self.home}/nginx.conf",
                "/srv/media": f"{self.home}/media",
                "/tmp/": f"{self.home}/tmp/",  # noqa: S108
            },
        )

    def words(self, words):
        return [self._here(filled_in(word, self.env)) for word in words]

    # --- processes ----------------------------------------------------------------------------
    @contextmanager
    def beginning(self):
        """Keep the process of which ours are forked."""
        process = subprocess.Popen(
            [sys.executable, "-m", begun.__name__, self.decided["begun"]],
            cwd=BASE_DIR,
            env=self.environment("web"),
            stdin=subprocess.PIPE,
        )
        try:
            deadline = time.monotonic() + PATIENCE
            while not Path(self.decided["begun"]).exists():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield
        finally:
            process.stdin.close()
            process.wait(PATIENCE)

    def replicas(self, name):
        count = self.services[name].get("deploy", {}).get("replicas", "1")
        return range(1, int(filled_in(str(count), self.env)) + 1)

    def process(self, name, number=1):
        """The running process of a service, None if there is none."""
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            found = psutil.Process(json.loads(self.noted(name, number).read_text())["pid"])
            if found.status() != psutil.STATUS_ZOMBIE:
                return found
        return None

    def noted(self, name, number=1):
        """The file that notes a process, and with what it was started."""
        return self.home / f"{name}-{number}.json"

    @property
    def migrated(self):
        """The file that notes that ``migrate`` has run."""
        return self.home / "migrated"

    def log(self, name, number=1):
        return self.home / f"{name}-{number}.log"

    def run(self, name, command, **how):
        """Run ``command`` in a service's environment, in the foreground. Returns its status."""
        return subprocess.run(
            command, cwd=BASE_DIR, env=self.environment(name), check=False, timeout=PATIENCE, **how
        ).returncode

    def up(self, *names):
        """Start what does not run yet, after what it waits for. Returns once all is healthy."""
        is_migrated, started = any(self.process(name) for name in self.services), []
        wanted = self.in_order(names or self.services)
        self.end_all([name for name in wanted if self.is_outdated(name)])
        for name in wanted:
            for other, how in self.waits_for(name).items():
                if how["condition"] == "service_healthy":
                    self.wait_until_healthy(other)
            if name == "migrate" and not is_migrated and not self.migrated.exists():
                assert self.run(name, self.words(self.services[name]["command"])) == 0
                self.migrated.touch()
            elif name != "migrate" and self.bring_up(name):
                started.append(name)
        with ThreadPoolExecutor() as lookers:
            list(lookers.map(self.wait_until_healthy, started))

    def waits_for(self, name):
        waits = self.services[name].get("depends_on", {})
        return {other: waits[other] for other in waits if other in self.services}

    def in_order(self, names):
        ordered = {}
        for name in names:
            ordered |= dict.fromkeys([*self.in_order(self.waits_for(name)), name])
        return [*ordered]

    def bring_up(self, name):
        """Start a service where it does not run. Returns whether there was such a place."""
        places = [
            number
            for number in (self.replicas(name) if name not in GIVEN else ())
            if not self.process(name, number)
        ]
        for number in places:
            self.start(name, number)
        return bool(places)

    def is_outdated(self, name):
        """Tell whether a service runs, and not as ``.env`` has it now."""
        return name not in GIVEN and any(
            self.process(name, number)
            and json.loads(self.noted(name, number).read_text())["environment"]
            != self.environment(name, number)
            for number in self.replicas(name)
        )

    def start(self, name, number=1):
        environment, account = self.environment(name, number), []
        temporary = self.home / "tmp"
        temporary.mkdir(exist_ok=True)
        (self.home / "media").mkdir(exist_ok=True)
        if name == "pgbouncer" and os.geteuid() == 0:  # which refuses root, as PostgreSQL does
            owner = os.stat(self.decided["sockets"])
            os.chown(temporary, owner.st_uid, owner.st_gid)
            account = [f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
            account += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        words = [
            *(["setpriv", *account, "--"] if account else []),
            *self.words(self.services[name]["command"]),
            *self.words(self.decided["more_words"].get(name, [])),
        ]
        with self.log(name, number).open("ab") as log, open(os.devnull) as nothing:
            said, files = log.tell(), (nothing, log, log)
            if self.decided["begun"] and words[0] in ("gunicorn", "celery"):
                numbers = [file.fileno() for file in files]
                ask = self.decided["begun"], words, environment, BASE_DIR, numbers
                pid = begun.ask(*ask, is_kept=True)
            else:
                stdin, stdout, stderr = files
                pid = subprocess.Popen(
                    words,
                    cwd=BASE_DIR,
                    env=environment,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                ).pid
        noted = {"pid": pid, "environment": environment, "said": said}
        self.noted(name, number).write_text(json.dumps(noted))

    def wait_until_healthy(self, name):
        for number in self.replicas(name) if name not in GIVEN else ():
            deadline = time.monotonic() + PATIENCE
            while not self.is_healthy(name, number):
                is_up = self.process(name, number) and time.monotonic() < deadline
                assert is_up, self.log(name, number).read_text()[-5000:]
                time.sleep(0.2)

    def is_healthy(self, name, number):
        """Tell whether a service has begun and is healthy; Celery's are taken at their word.

        To ask one of those costs another start; tests/backend/test_compose.py does.
        """
        with self.log(name, number).open() as log:
            log.seek(json.loads(self.noted(name, number).read_text())["said"])
            has_begun = BEGUN.get(name, "") in log.read()
        if not has_begun or self.services[name]["command"][0] == "celery":
            return has_begun
        how, *test = self.services[name]["healthcheck"]["test"]
        words = ["sh", "-c", *self.words(test)] if how == "CMD-SHELL" else self.words(test)
        asked = subprocess.run(
            words,
            cwd=BASE_DIR,
            env=self.environment(name, number),
            capture_output=True,
            timeout=PATIENCE,
        )
        return asked.returncode == 0

    def stop(self, *names):
        """Tell services to end, as their file says how, those that stand on others first."""
        self.end_all([name for name in names or self.services if name not in GIVEN])

    def end_all(self, names):
        """End services, each as soon as all those have ended that wait for it."""
        while names:
            needed = {other for name in names for other in self.waits_for(name)}
            wave = [name for name in names if name not in needed]
            processes = [
                (name, process)
                for name in wave
                for number in self.replicas(name)
                if (process := self.process(name, number))
            ]
            for name, process in processes:
                how = self.services[name].get("stop_signal", "SIGTERM")
                process.send_signal(signal.Signals[how])
            _, left = psutil.wait_procs([process for _, process in processes], timeout=PATIENCE)
            for process in left:
                process.kill()
            assert not left, wave
            names = [name for name in names if name in needed]


def main(arguments):
    """``docker compose VERB …`` as docs/operations.md uses it. Returns the status."""
    compose = Compose(Path.cwd())
    assert arguments.pop(0) == "compose", "only docker compose is played"
    verb, *words = arguments
    options = [word for word in words if word.startswith("-")]
    names = [word for word in words if not word.startswith("-")]
    if verb == "up":
        assert {*options} <= {"-d", "--wait"}
        compose.up(*names)
    elif verb in ("stop", "down"):
        assert not options
        compose.stop(*names)
        if verb == "down":  # what has run to its end is there until then, and does not run again
            compose.migrated.unlink(missing_ok=True)
    elif verb == "build":
        pass  # the processes are those of this checkout
    elif verb in ("exec", "run"):
        while words[0].startswith("-"):
            assert words.pop(0) in ("-T", "--rm")
        name, *command = words
        if verb == "exec" and name in compose.services and name not in GIVEN:
            assert compose.process(name), f"{name} does not run"
        return compose.run(name, compose.words(command))
    elif verb == "kill":
        assert options == ["--signal=SIGKILL"]
        for name in names:
            process = compose.process(name)
            for one in [*process.children(recursive=True), process]:
                one.kill()
    else:
        raise AssertionError(f"{verb} is not played")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
