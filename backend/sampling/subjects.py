"""Subjects: what samples are drawn of. Each app registers its own when it is ready."""

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from backend.accounts.models import User
from backend.communities.models import Community


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The evidence of one row, read now.

    ``basis`` is the rule or the terms, ``transfers`` are the ledger's, each with its id and key;
    ``more`` is whatever else the row says. ``passing`` comes and goes rightly, and words change
    with the language: neither counts as a change of the evidence. ``acts_on`` are the things in the
    audit trail, by what it calls them and their ids; ``people`` whoever took part.
    """

    at: datetime
    what: str = field(metadata={"counts": False})
    person_id: UUID | None
    points: int | None = None
    amount_fen: int | None = None
    basis: dict[str, Any] = field(default_factory=dict)
    arithmetic: dict[str, Any] = field(default_factory=dict)
    transfers: Sequence[dict[str, Any]] = ()
    more: dict[str, Any] = field(default_factory=dict)
    passing: dict[str, Any] = field(default_factory=dict, metadata={"counts": False})
    acts_on: Sequence[tuple[str, str]] = ()
    people: frozenset[UUID] = frozenset()

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of all that counts, as JSON with sorted names."""
        said = {
            one.name: sorted(map(str, value)) if isinstance(value, frozenset) else value
            for one in fields(self)
            if one.metadata.get("counts", True)
            for value in [getattr(self, one.name)]
        }
        written = json.dumps(said, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(written.encode()).hexdigest()


def _nobodys(user: User, community: Community, row_id: UUID) -> bool:
    return False


def _unnoted(reader: User, community: Community, row_ids: Collection[UUID]) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A kind of rows. Those of a period are ``rows`` whose field ``moment`` is in it.

    ``evidence`` reads some rows of a community, for all of them at once; a row that is not there
    is absent. ``is_theirs`` tells whether somebody has a stake in a row in which they took no part;
    ``note_reading`` writes down who reads what is confidential.
    """

    title: Any  # in words, lazily translated
    rows: Callable[[Community], QuerySet[Any]]
    moment: str
    evidence: Callable[[Community, Collection[UUID]], dict[UUID, Evidence]]
    is_theirs: Callable[[User, Community, UUID], bool] = _nobodys
    note_reading: Callable[[User, Community, Collection[UUID]], object] = _unnoted


_subjects: dict[str, Subject] = {}


def register(name: str, subject: Subject) -> None:
    """Register the subject ``name``. Idempotent."""
    _subjects[name] = subject


def subject(name: str) -> Subject:
    """Return the subject of that name. Raises KeyError if nobody registered it."""
    return _subjects[name]


def choices() -> list[tuple[str, Any]]:
    """Return the names and titles of all subjects, by name."""
    return sorted((name, subject.title) for name, subject in _subjects.items())
