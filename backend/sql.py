"""The project's own SQL: one function or trigger body a file, in the ``sql`` folder of its slice.

``makemigrations`` (backend/communities/management) migrates files that create a function; the
others are bodies that a model's trigger names.
"""

import re
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_APPS = ("backend", "points", "volunteers", "merchants")


@cache
def _files() -> dict[str, Path]:
    return {file.stem: file for app in _APPS for file in sorted((_ROOT / app).rglob("sql/*.sql"))}


def sql(name: str) -> str:
    """Return the text of NAME.sql, whichever slice it lies in. Raises KeyError if there is none."""
    return _files()[name].read_text()


@cache
def functions_in(folder: str) -> dict[str, str]:
    """Return the statement that creates each function below ``folder``, by the function's name.

    Text before the statement is a comment: changing it makes no migration.
    """
    texts = {name: sql(name) for name, file in _files().items() if file.is_relative_to(folder)}
    return {
        name: text[text.index(statement) :]
        for name, text in texts.items()
        if (statement := f"CREATE FUNCTION {name}(") in text
    }


def constraint_of(error: BaseException) -> str | None:
    """Return the name of the constraint or trigger that refused a statement, None if none did.

    Our own functions give the name in DETAIL alone, which survives wherever the statement ran; a
    shard gives its constraint in the message, with the shard's number.
    """
    diagnosis = getattr(error.__cause__, "diag", None)
    if diagnosis is None:
        return None
    if diagnosis.constraint_name:
        return str(diagnosis.constraint_name)
    if named := re.fullmatch(r"[a-z]\w*", diagnosis.message_detail or ""):
        return named[0]
    named = re.search(r'constraint "(\w+?)(?:_\d+)?"', diagnosis.message_primary or "")
    return named and named[1]


def message_of(error: BaseException) -> str:
    """Return the message with which the database refused a statement, "" if it did not."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return str(diagnosis.message_primary or "") if diagnosis else ""
