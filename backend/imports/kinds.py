"""Kinds of imports, which the apps register, and what becomes of their rows when taken back."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import ManyToOneRel, Model
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.communities.models import Community
from backend.imports.models import ImportedRow
from backend.imports.sheet import Sheet


@dataclass(frozen=True)
class Taken:
    """Some rows of one thing that an import wrote, to be taken back by somebody.

    ``before`` tells by id what was there before; ``ours`` has the ids of all that the import wrote,
    by thing. ``since`` is when it ran.
    """

    community: Community
    rows: Sequence[ImportedRow]
    ours: Mapping[str, Collection[UUID]]
    by: User
    since: datetime

    @property
    def ids(self) -> list[UUID]:
        return [row.row_id for row in self.rows]

    @property
    def before(self) -> dict[UUID, str]:
        return {row.row_id: row.before for row in self.rows}


@dataclass(frozen=True)
class Thing:
    """Something that rows write, known by ``name``.

    ``built_on`` tells of the rows that can not be taken back why, by id. ``undo`` takes back rows
    of which it told nothing, within a transaction: it deletes them, or calls the services that end
    or void what has to stay on record.
    """

    name: str
    built_on: Callable[[Taken], Mapping[UUID, str | Promise]]
    undo: Callable[[Taken], object]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of import: its sheet, and the things that its rows write, in the order of writing."""

    title: str | Promise
    sheet: type[Sheet]
    things: Sequence[Thing]


registered: dict[str, Kind] = {}


def register(name: str, kind: Kind) -> None:
    """Register the kind ``name``; each app registers its own when it is ready."""
    registered[name] = kind


def choices() -> list[tuple[str, str | Promise]]:
    """Return the names of all kinds with their titles."""
    return [(name, kind.title) for name, kind in registered.items()]


# --- for the apps' things ---------------------------------------------------------------------
def referred_to(
    model: type[Model],
    taken: Taken,
    *,
    besides: Mapping[type[Model], str | None] | None = None,
) -> dict[UUID, str | Promise]:
    """Tell which of the rows of ``model`` another row refers to, and of which kind that is.

    ``besides`` names models that may: rows that are the import's own things of that name, or any if
    the name is None.
    """
    found: dict[UUID, str | Promise] = {}
    for relation in model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ManyToOneRel):
            continue
        other: Any = relation.related_model
        field = relation.field.name
        rows = other._default_manager.filter(
            community=taken.community, **{f"{field}__in": taken.ids}
        )
        if other in (besides or {}):
            ours = (besides or {})[other]
            if ours is None:
                continue
            rows = rows.exclude(pk__in=taken.ours.get(ours, ()))
        told = _("In use elsewhere: %(what)s.") % {"what": other._meta.verbose_name}
        found.update(dict.fromkeys(rows.values_list(field, flat=True).distinct(), told))
    return found


def delete(model: type[Model], community: Community, ids: Collection[UUID]) -> None:
    """Delete rows that nothing refers to; else the database refuses when the transaction ends."""
    rows = model._default_manager.filter(community=community, pk__in=ids)
    rows._raw_delete(rows.db)
