"""Writing a community that moves into a file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from backend.communities.models import Community
from backend.moving import rows, tables
from backend.moving.archive import END, MANIFEST, Packing
from backend.moving.services import closing
from backend.moving.tables import columns
from backend.registries.heads import last_head

OF_PLACES = "WHERE community_id = ANY(%s)"
ALONG = "moving_along"  # a temporary table: what goes along, by model and id


@dataclass(frozen=True)
class Exported:
    """A file of a move: its id, how many rows and stored files it has, which files were missing."""

    move: UUID
    rows: int
    files: int
    missing: list[str]


def shape() -> dict[str, Any]:
    """Return what two installations must have in common: migrations, and columns of what moves."""
    made = MigrationRecorder(connection).applied_migrations()
    models = [*map(tables.model_of, (*tables.ALONG, *tables.LENT)), *tables.moving()]
    return {
        "migrations": sorted(".".join(one) for one in made),
        "columns": {model._meta.label: tables.columns_of(model) for model in models},
    }


def heads_of(places: Iterable[UUID]) -> dict[str, list[Any]]:
    """Return number and value of the last head of each place that has one."""
    heads = {str(place): last_head(place) for place in places}
    return {place: [head.number, head.value] for place, head in heads.items() if head}


def export(*, community: Community, to: str, file: Path, key: str) -> Exported:
    """Close the community and write all of it into ``file``, encrypted with ``key``.

    What is written is of one moment, after the last write of the community. Idempotent: another
    file of a closed community says the same. Raises MoveRefused, as ``close`` does.
    """
    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        with unfinished.open("wb") as target:
            packing = Packing(target, key)
            move = closing.close(community=community, to=to)
            exported = _pack(packing, Community.objects.get(pk=community.pk), move)
            packing.finish()
        unfinished.rename(file)
    except BaseException:
        unfinished.unlink(missing_ok=True)  # the folder may not be there
        raise
    return exported


def _pack(packing: Packing, community: Community, move: UUID) -> Exported:
    places = closing.places_of(community)
    street = [community.parent_id] if community.parent_id else []
    counts: dict[str, int] = {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        packing.facts(
            MANIFEST,
            {
                "move": str(move),
                "code": community.code,
                "name": community.name,
                "community": str(community.pk),
                "places": list(map(str, places)),
                "street": list(map(str, street)),
                "wechat_app": settings.WECHAT_APP_ID,
                **shape(),
            },
        )
        _find_what_goes_along(cursor, [*places, *street], places)
        for label in tables.ALONG:
            counts[label] = _table(packing, tables.model_of(label), f"WHERE {_goes(label)}", [])
        for label in tables.LENT:
            name = f"{tables.OF_STREET}{label}"
            counts[name] = _table(packing, tables.model_of(label), OF_PLACES, [street], name)
        for model in tables.moving():
            counts[model._meta.label] = _table(packing, model, OF_PLACES, [places])
        stored, missing = 0, []
        for name in files_named(places):
            if not default_storage.exists(name):
                missing.append(name)
                continue
            with default_storage.open(name) as content:
                packing.stored(name, default_storage.size(name), content)
            stored += 1
    packing.facts(END, {"rows": counts, "heads": heads_of(places), "missing": missing})
    return Exported(move, sum(counts.values()), stored, missing)


def _table(
    packing: Packing, model: type[Any], which: str, values: list[Any], name: str = ""
) -> int:
    wanted = f'COPY (SELECT {columns(model)} FROM "{model._meta.db_table}" {which}) TO STDOUT'  # noqa: S608
    with connection.cursor() as cursor, cursor.copy(wanted, values) as copy:
        return packing.table(name or model._meta.label, rows.leaving(model, copy))


def _goes(label: str) -> str:
    """Return the condition on rows of a table that go along."""
    model, reasons = tables.model_of(label), []
    if not tables.ALONG[label].is_numbered:
        reasons = [_is_found(model._meta.pk.column, label)]
    reasons += [_is_found(column, whose) for column, whose in tables.ALONG[label].of.items()]
    return f"({' OR '.join(reasons)})"


def _is_found(column: str, label: str) -> str:
    return f"\"{column}\" IN (SELECT id FROM {ALONG} WHERE model = '{label}')"  # noqa: S608


def _find_what_goes_along(cursor: Any, places: list[UUID], moving: list[UUID]) -> None:
    """Follow the keys of what moves to rows of everybody's tables, and on from those."""
    cursor.execute(
        f"CREATE TEMPORARY TABLE {ALONG} (model text, id uuid, PRIMARY KEY (model, id))"
        " ON COMMIT DROP"
    )
    cursor.execute(
        f"INSERT INTO {ALONG} SELECT %s, unnest(%s::uuid[])",
        [tables.PLACE, places],
    )
    for model in tables.moving():
        _follow(cursor, model, "community_id = ANY(%s)", [moving])
    while sum(_follow(cursor, tables.model_of(label), _goes(label), []) for label in tables.ALONG):
        pass


def _follow(cursor: Any, model: type[Any], which: str, values: list[Any]) -> int:
    """Note what the rows of ``model`` refer to. Returns how much of it is new."""
    found = 0
    for column, referred in tables.keys_of(model).items():
        label = referred._meta.label
        if label in tables.ALONG and label != tables.PLACE:
            cursor.execute(
                f'INSERT INTO {ALONG} SELECT DISTINCT %s, "{column}"'  # noqa: S608
                f' FROM "{model._meta.db_table}" WHERE {which} AND "{column}" IS NOT NULL'
                " ON CONFLICT DO NOTHING",
                [label, *values],
            )
            found += cursor.rowcount
    return found


def files_named(places: list[UUID]) -> Iterator[str]:
    """Yield the names of the stored files that rows of ``places`` name."""
    for model in tables.moving():
        for column in tables.files_in(model):
            with connection.cursor() as cursor:
                cursor.execute(
                    f'SELECT "{column}" FROM "{model._meta.db_table}"'  # noqa: S608
                    f" WHERE community_id = ANY(%s) AND \"{column}\" > '' ORDER BY 1",
                    [places],
                )
                names = cursor.fetchall()
            yield from (name for (name,) in names)
