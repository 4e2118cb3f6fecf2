"""The files of a running `make run`: its settings, for commands that are typed beside it."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

NAME = "env"  # under LINLI_HOME, there while it runs


def as_shell(environment: Mapping[str, str]) -> str:
    """Return the part of ``environment`` that management commands need, as shell text."""
    return "".join(
        f"export {name}={shlex.quote(value)}\n"
        for name, value in sorted(environment.items())
        if name in ("DATABASE_URL", "REDIS_URL") or name.startswith("LINLI_")
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else can read at any moment, all of it or nothing."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(text, encoding="utf-8")
    unfinished.rename(path)


def borrow() -> None:
    """Take over the running settings, unless DATABASE_URL is set."""
    base = Path(__file__).resolve().parent.parent
    path = Path(os.environ.get("LINLI_HOME") or base / "var") / NAME
    if "DATABASE_URL" in os.environ or not path.is_file():
        return
    for _export, assignment in map(shlex.split, path.read_text().splitlines()):
        name, _, value = assignment.partition("=")
        os.environ.setdefault(name, value)
