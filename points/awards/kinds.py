"""Kinds of awards. An app registers its own when it is ready, so that its records earn.

A kind says which facts of a record count (its inputs), and how the inputs become an amount; its
rule says in which unit, and who pays. Inputs have versions: a new way of reading a record, or of
reckoning with it, is a new version, and what was awarded under an earlier one is recomputed as that
for ever.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from django.db.models import Q, QuerySet

from backend.communities.models import Community
from backend.registries import events
from backend.registries.checks import Scope
from points.kinds import AccountKind
from points.rules.models import Rule


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The facts of a record that may earn; ``more`` are those that only its kind knows.

    The rule and the day of its cap are those of ``counts_from``, by the community's clock.
    ``during`` is the source of the activity in which the record was made, empty if there was none.
    ``expires_on`` counts for kinds without a rule only.
    """

    counts_from: datetime
    occurred_at: datetime
    category: str = ""
    during: str = ""
    expires_on: date | None = None
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """One version of a kind's inputs, never changed once something was awarded under it.

    ``inputs`` returns what counts of some facts, as JSON. ``earns`` returns what such inputs bring
    in the rule's unit, before its limits, with every step of the arithmetic. Its second argument is
    the rule, read, or None if the kind has no rule: then they bring points.
    """

    inputs: Callable[[Facts, Community], dict[str, Any]]
    earns: Callable[[dict[str, Any], Any], tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class Record:
    """The record behind an award, as the app that keeps it has it now."""

    person_id: UUID | None  # None: nobody who could earn
    state: str  # theirs, to be shown
    facts: Facts | None  # None unless it was verified
    is_voided: bool = False


class Records(Protocol):
    """The records of a kind, opened by their sources."""

    def by_source(self, community: Community, sources: Sequence[str]) -> Mapping[str, Record]:
        """Return the records of the sources; one that is not there is absent."""

    def earning(self, scope: Scope) -> QuerySet[Any] | None:
        """Return the rows that must have an award, with their ``award_source``; None: not known.

        Of those of ``scope``: all, or what came to earn since then.
        """


@dataclass(frozen=True)
class Rows:
    """Records that are rows of a table, each with an ``award_source`` that ends in its id.

    ``told`` makes a record of a row; rows that must have an award fulfil ``earns``, since the
    moment in the column ``earns_since``.
    """

    rows: QuerySet[Any]
    told: Callable[[Any], Record]
    earns: Q
    earns_since: str

    def by_source(self, community: Community, sources: Sequence[str]) -> Mapping[str, Record]:
        rows = self.rows.filter(community=community, pk__in=events.ids_in(sources))
        return {row.award_source: self.told(row) for row in rows}

    def earning(self, scope: Scope) -> QuerySet[Any]:
        rows = self.rows.filter(self.earns, community=scope.community).select_related(None)
        if scope.since is None:
            return rows
        return rows.filter(**{f"{self.earns_since}__gte": scope.values["since"]})


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of awards. ``name`` begins its sources, ``hours:<id>``, and is its transfers' reason.

    A kind with a ``subject`` earns by the rules about it: points, which are issued, or fen, which
    it claims from a fund. ``noun`` is what the audit trail calls its records, if not by the kind's
    name. ``tells`` words them.
    """

    name: str
    versions: Sequence[Version]  # new awards are made under the last
    records: Records
    subject: str | None = None  # one of Rule.Subject
    noun: str = ""
    is_told: bool = False  # its app tells people what their records earned
    tells: events.Tells = events.untold


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Register a kind, or more versions of one. Idempotent.

    Raises ValueError if a version that is known is missing or another, or if there are no rules
    about its subject.
    """
    if kind.subject is not None:
        Rule.Subject(kind.subject)
    known = _kinds[kind.name].versions if kind.name in _kinds else ()
    if not kind.versions or tuple(kind.versions[: len(known)]) != tuple(known):
        raise ValueError(f"A version of {kind.name} that something was awarded under stays.")
    _kinds[kind.name] = kind
    events.register(_as_events(kind))


def _as_events(kind: Kind) -> events.Kind:
    """Return the kind's awards as events: the record's points, to or from the person's wallet.

    An award that claims from a fund moves nothing itself: the paid claim does.
    """
    return events.Kind(
        name=kind.name,
        table="points_award",
        relation=f"""
            SELECT w.id, w.source, w.source AS key, w.amount <> 0 AND w.claim_id IS NULL AS moves,
                w.transfer_id AS named, abs(w.amount)::bigint AS amount, w.unit,
                CASE WHEN w.amount < 0 THEN a.kind ELSE payer.kind END AS debit_kind,
                CASE WHEN w.amount < 0 THEN a.holder ELSE payer.holder END AS debit_holder,
                CASE WHEN w.amount < 0 THEN payer.kind ELSE a.kind END AS credit_kind,
                CASE WHEN w.amount < 0 THEN payer.holder ELSE a.holder END AS credit_holder,
                w.kind AS reason, NULL::timestamptz AS at, w.awarded_at >= %(since)s AS is_new
            FROM points_award w
            LEFT JOIN points_account a ON a.community_id = %(community)s AND a.id = w.account_id
            CROSS JOIN (VALUES ('{AccountKind.ISSUANCE}', '')) AS payer (kind, holder)
            WHERE w.community_id = %(community)s AND w.kind = '{kind.name}'
        """,  # noqa: S608
        tells=kind.tells,
        is_by_source=True,
    )


def kind_of(name: str) -> Kind | None:
    """Return the kind of that name, None if no app has registered one."""
    return _kinds.get(name)


def registered() -> Collection[Kind]:
    """Return all kinds."""
    return list(_kinds.values())
