"""The settings of a running `make run`, kept in a file for commands that are typed beside it."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

NAME = "env"  # under LINLI_HOME, there while it runs


def as_shell(environment: Mapping[str, str]) -> str:
    """What a management command needs of ``environment``, to be read in by a shell or by us."""
    return "".join(
        f"export {name}={shlex.quote(value)}\n"
        for name, value in sorted(environment.items())
        if name in ("DATABASE_URL", "REDIS_URL") or name.startswith("LINLI_")
    )


def borrow() -> None:
    """Take the running settings, unless we were told of a database ourselves."""
    base = Path(__file__).resolve().parent.parent
    path = Path(os.environ.get("LINLI_HOME") or base / "var") / NAME
    if "DATABASE_URL" in os.environ or not path.is_file():
        return
    for _export, assignment in map(shlex.split, path.read_text().splitlines()):
        name, _, value = assignment.partition("=")
        os.environ.setdefault(name, value)
