"""The data held about people. Each app declares its own in a ``privacy.py``; none is named here.

A declaration says what a person's export contains of a table, and what an erasure does to it.
tests/backend/test_export.py checks that every field that refers to a person is exported, or left
out for a stated reason.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Model, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from backend.accounts.models import User

Row = Sequence[Any]
Rows = Callable[["User"], Iterator[Row]]

PAGE = 1_000  # rows read at a time: what is in memory does not grow with what is held


@dataclass(frozen=True)
class Table:
    """One table of an export; ``about`` describes it in Chinese and English."""

    name: str
    about: str
    columns: tuple[str, ...]
    rows: Rows
    model: type[Model] | None
    whose: tuple[str, ...]  # the fields, or paths to them, that say whose a row is


TABLES: list[Table] = []
# A name in JSON means one thing, in whichever table it stands; the title is what a CSV calls it.
# Here are those that several apps use; each declares what it alone has.
TITLES: dict[str, str | Promise] = {
    "action": _("Act"),
    "because": _("Reason given"),
    "closed_at": _("Closed at"),
    "community": _("Community"),
    "ended_at": _("Ended at"),
    "expires_at": _("Expires at"),
    "id": _("Id"),
    "kind": _("Kind"),
    "occurred_at": _("Happened at"),
    "outcome": _("Outcome"),
    "points": _("Points"),
    "proposed_at": _("Proposed at"),
    "quantity": _("Quantity"),
    "requested_at": _("Asked for at"),
    "role": _("Role"),
    "since_at": _("Since"),
    "status": _("Status"),
    "text": _("Text"),
    "withdrawn_at": _("Withdrawn at"),
}
PROFILE: list[Callable[["User"], dict[str, Any]]] = []  # facts of profile.json
FILES: list[Callable[["User"], Iterator[tuple[str, Any]]]] = []  # names and files beside the tables
TOLD_ELSEWHERE: set[str] = set()  # fields that the profile tells
LEFT_OUT: dict[str, str] = {}  # fields that no export tells, and why

DUTIES: list[Callable[["User"], bool]] = []  # whether a person must hand something over first
ENDS: list[Callable[["User"], object]] = []  # end what runs; the last app of the settings first
FORGETS: list[Callable[["User"], object]] = []  # once all has ended, within one transaction
AFTERWARDS: list[Callable[[], object]] = []  # each night: what came late, what a crash left


def table(
    name: str,
    about: str,
    columns: str,
    model: type[Model] | None = None,
    *whose: str,
    rows: Rows | None = None,
    shown: Callable[[Row], Row] = tuple,
    emptied: Sequence[str] = (),
    is_deleted: bool = False,
) -> None:
    """Declare a table of the export: ``columns`` of the person's rows of ``model``.

    A column is the name of a field, or ``name=path``. ``shown`` turns a row that was read into a
    row of the export; ``rows`` reads them in its own way. An erasure deletes the rows, or empties
    their texts ``emptied``.
    """

    def read(user: "User") -> Iterator[Row]:
        assert model is not None
        return map(shown, each(rows_of(model, whose, user), *paths(columns).values()))

    TABLES.append(Table(name, about, tuple(paths(columns)), rows or read, model, whose))
    if model is not None and (emptied or is_deleted):
        _forget(model, whose, emptied, is_deleted)


def paths(columns: str) -> dict[str, str]:
    """Return the path to each of ``columns``, as Django writes paths to fields."""
    written = (column.partition("=") for column in columns.split())
    return {
        name: path or {"community": "community__code"}.get(name, name) for name, _, path in written
    }


def left_out(reason: str, model: type[Model], *fields: str, is_deleted: bool = False) -> None:
    """Declare fields that refer to a person and that no export contains."""
    LEFT_OUT.update({f"{model._meta.label}.{field}": reason for field in fields})
    if is_deleted:
        _forget(model, fields, (), is_deleted)


def acts(model: type[Model], *fields: str) -> None:
    """Declare fields that say who did something to somebody else's row."""
    left_out("an act on somebody else's thing: it stands among the acts", model, *fields)


def titles(**words: str | Promise) -> None:
    """Set the titles of columns in CSV files. Raises ValueError if one has a title already."""
    if twice := TITLES.keys() & words.keys():
        raise ValueError(f"These columns have two titles: {twice}.")
    TITLES.update(words)


def rows_of(model: type[Model], whose: Sequence[str], user: "User") -> QuerySet[Any]:
    """Return the rows of ``model`` that are the person's by any of the fields ``whose``."""
    theirs = Q()
    for field in whose:
        theirs |= Q(**{field: user})
    return model._default_manager.filter(theirs)


def each(rows: QuerySet[Any], *columns: str) -> Iterator[Row]:
    """Yield ``columns`` of each row, oldest first."""
    for page in pages(rows, *columns):
        yield from page


def pages(rows: QuerySet[Any], *columns: str) -> Iterator[list[Row]]:
    """Yield ``columns`` of each row, oldest first, a page at a time.

    A database cursor would have to outlive its statement, which the settings rule out.
    """
    wanted = rows.order_by("pk").values_list("pk", *columns)
    page = list(wanted[:PAGE])
    while page:
        yield [row[1:] for row in page]
        is_last = len(page) < PAGE
        page = [] if is_last else list(wanted.filter(pk__gt=page[-1][0])[:PAGE])


def _forget(
    model: type[Model], whose: Sequence[str], emptied: Sequence[str], is_deleted: bool
) -> None:
    """Declare what an erasure does to the rows."""

    def forget(user: "User") -> None:
        rows = rows_of(model, whose, user)
        for text in emptied:
            rows.exclude(**{text: ""}).update(**{text: ""})
        if is_deleted:
            rows.delete()

    FORGETS.append(forget)
