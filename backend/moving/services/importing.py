"""Bringing a community out of a file, in one transaction.

Its rows are history and are inserted as they are, so no trigger looks on: the session is a
replica's meanwhile, for which it must be a superuser's or granted. Before anything is committed,
every key is looked up, the heads of the seals are compared, and every check of a verification is
made, that of the guards among them.
"""

import shutil
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, ProgrammingError, connection, transaction

from backend.audit import services as trail
from backend.audit.models import AuditEntry
from backend.communities.models import Community
from backend.files.storing import discard_unless_committed, store
from backend.moving import rows, tables
from backend.moving.archive import END, FILES, TABLES, Unpacking, facts_in
from backend.moving.errors import MoveRefused
from backend.moving.services import merging
from backend.moving.services.closing import ARRIVES, refuse_cluster
from backend.moving.services.exporting import files_named, heads_of, shape
from backend.moving.services.merging import ask, staged
from backend.moving.tables import columns
from backend.registries import checks
from backend.sql import constraint_of
from backend.verification.models import Finding
from backend.verification.services.findings import digest_of

TOLD = 20  # findings


@dataclass(frozen=True)
class Imported:
    """A community that was brought. ``is_new`` is false if it had been brought before."""

    community: Community
    is_new: bool
    rows: int = 0
    files: int = 0


def bring(*, file: Path, key: str, apart: Collection[UUID] = ()) -> Imported:
    """Bring the community in ``file``, encrypted with ``key``, and all that moves with it.

    Idempotent: a second time changes nothing. ``apart`` names people of whom two records may be
    here (merging.py). Raises MoveRefused; nothing is kept then, but stored files that no row names
    if the process was killed.
    """
    refuse_cluster()
    with file.open("rb") as source, transaction.atomic():
        try:
            return _Move(Unpacking(source, key), apart).bring()
        except IntegrityError as error:
            name = constraint_of(error) or ""
            raise MoveRefused("taken_here", f"{name}: {error}") from error


class _Move:
    def __init__(self, file: Unpacking, apart: Collection[UUID]) -> None:
        self._parts, self._apart = file.parts(), apart
        self._counts: dict[str, int] = {}
        self._stored: set[str] = set()
        self._named: set[str] | None = None  # files that rows name

    def bring(self) -> Imported:
        _, _, content = next(self._parts)
        self._told = told = facts_in(content)
        self._places = [UUID(place) for place in told["places"]]
        self._street = [UUID(street) for street in told["street"]]
        ask("SELECT pg_advisory_xact_lock(hashtext(%s))", [told["community"]])
        if (known := Community.objects.filter(pk=told["community"]).first()) is not None:
            return self._again(known)
        self._refuse_another_shape()
        self._read()
        self._look_up_keys()
        self._verify()
        community = Community.objects.get(pk=told["community"])
        after = {"move": told["move"]}
        trail.record(ARRIVES, actor=None, target=community, community=community, after=after)
        return Imported(community, True, sum(self._counts.values()), len(self._stored))

    def _again(self, community: Community) -> Imported:
        arrived = AuditEntry.objects.filter(community=community, action=ARRIVES)
        if arrived.filter(after__move=self._told["move"]).exists():
            return Imported(community, is_new=False)
        if community.moved_at is not None:
            raise MoveRefused(
                "moved_from_here",
                f"{community.code} has moved from here to {community.moved_to}. What it left is"
                " kept for proof, and nothing is written over it: use another database.",
            )
        raise MoveRefused("community_known", f"{community.code} is here already.")

    def _refuse_another_shape(self) -> None:
        ours = shape()
        if differing := [name for name in ours if ours[name] != self._told[name]]:
            raise MoveRefused(
                "another_version",
                f"The installations differ in their {' and '.join(differing)}."
                " Bring both to one version.",
            )

    # --- reading ------------------------------------------------------------------------------
    def _read(self) -> None:
        end: dict[str, Any] = {}
        is_everybodys = True
        for kind, name, content in self._parts:
            if kind == TABLES and (name in tables.ALONG or name.startswith(tables.OF_STREET)):
                self._stage(name, content)
            elif kind == TABLES:
                if is_everybodys:
                    self._merge()
                    is_everybodys = False
                self._copy(name, f'"{tables.model_of(name)._meta.db_table}"', content)
            elif kind == FILES:
                self._store(name, content)
            elif kind == END:
                end = facts_in(content)
        _let_triggers("origin")
        if end["rows"] != self._counts or end["heads"] != heads_of(self._places):
            raise MoveRefused("not_as_sent", "Rows or heads are not those that were sent.")

    def _stage(self, name: str, content: Iterator[bytes]) -> None:
        """Read what everybody has into a temporary table."""
        model = tables.model_of(name.removeprefix(tables.OF_STREET))
        ask(
            f"CREATE TEMPORARY TABLE {staged(name)} ON COMMIT DROP AS"  # noqa: S608
            f' SELECT {columns(model)} FROM "{model._meta.db_table}" WITH NO DATA'
        )
        self._copy(name, staged(name), content)

    def _copy(self, name: str, table: str, content: Iterator[bytes]) -> None:
        model = tables.model_of(name.removeprefix(tables.OF_STREET))
        statement = f"COPY {table} ({columns(model)}) FROM STDIN"
        with connection.cursor() as cursor, connection.wrap_database_errors:
            with cursor.copy(statement) as copy:
                for block in rows.arriving(model, content):
                    copy.write(block)
            self._counts[name] = cursor.rowcount

    def _merge(self) -> None:
        """Add what comes along. From then on rows are the community's own, and no trigger acts."""
        merging.add_places(self._street)
        merging.add_people(
            apart=self._apart,
            is_same_app=self._told["wechat_app"] == settings.WECHAT_APP_ID,
        )
        merging.add_along()
        for label in tables.LENT:
            merging.add_lent(label)
        ask("SET CONSTRAINTS ALL IMMEDIATE")
        ask("SET CONSTRAINTS ALL DEFERRED")
        _let_triggers("replica")

    def _store(self, name: str, content: Iterator[bytes]) -> None:
        """Store a file that a row names, under its name. It goes again if the rows do."""
        if self._named is None:
            self._named = set(files_named(self._places))
        if name not in self._named:
            raise MoveRefused("file_of_nobody", f"No row names the file {name}.")
        with tempfile.TemporaryFile() as spooled:
            spooled.writelines(content)
            spooled.seek(0)
            store(name, lambda target: shutil.copyfileobj(spooled, target))
        discard_unless_committed(name)
        self._stored.add(name)

    # --- looking at it ------------------------------------------------------------------------
    def _look_up_keys(self) -> None:
        """Raise MoveRefused if a row refers to one that is not here: no trigger looked at that."""
        missing = []
        values = {"places": self._places, "around": self._places + self._street}
        for model in tables.moving():
            table = model._meta.db_table
            ask(f'ANALYZE "{table}"')  # or the checks are planned for an empty one
            for column, referred in tables.keys_of(model).items():
                is_theirs = "community_id" in tables.columns_of(referred)
                found = ask(
                    f'SELECT count(*) FROM "{table}" t WHERE t.community_id = ANY(%(places)s)'  # noqa: S608
                    f' AND t."{column}" IS NOT NULL AND NOT EXISTS (SELECT'
                    f' FROM "{referred._meta.db_table}" r'
                    f' WHERE r."{referred._meta.pk.column}" = t."{column}"'
                    f"{' AND r.community_id = ANY(%(around)s)' if is_theirs else ''})",
                    values,
                )
                if count := found[0][0]:
                    missing.append(f"{table}.{column}: {count} refer to what is not here.")
        if missing:
            raise MoveRefused("keys_missing", *missing)

    def _verify(self) -> None:
        """Raise MoveRefused if a check finds what nobody has signed off where it comes from."""
        found = []
        for number, place in enumerate(Community.objects.filter(pk__in=self._places)):
            known = Finding.objects.filter(community=place, status=Finding.Status.SIGNED_OFF)
            signed_off = set(known.values_list("digest", flat=True))
            for check in checks.registered():
                if check.is_against_heads or (check.is_everybodys and number):
                    continue
                for finding in check.findings(checks.Scope(place)):
                    if digest_of(finding) not in signed_off:
                        found.append(str(finding))
        if found:
            more = [f"… and {len(found) - TOLD} more."] if len(found) > TOLD else []
            raise MoveRefused("not_verified", *found[:TOLD], *more)


def _let_triggers(role: str) -> None:
    try:
        ask(f"SET LOCAL session_replication_role = {role}")
    except ProgrammingError as error:
        raise MoveRefused(
            "not_granted",
            "The database's user may not insert rows as they are: as a superuser,"
            " GRANT SET ON PARAMETER session_replication_role TO it for the import.",
        ) from error
