"""Kinds of what is owed, and how to owe something.

1. A model of what is owed inherits ``Owed`` beside ``TenantModel`` (or ``Model``, if it belongs to
   no community), and has ``owed_indexes`` and ``owed_or_given_up`` in its ``Meta``.
2. Whoever causes it creates the row in the transaction of the cause; it is due at once, or from
   ``next_at`` on. To owe a row anew set ``next_at``; to withdraw it set ``next_at=None``.
3. The app registers a ``Kind`` when it is ready. Its ``act`` gets a claimed row and does what is
   owed, and must be harmless to repeat: a worker may die between the effect and its record.
   It returns ``Done``, ``Failed`` or ``Later``, with the columns to record beside: one statement
   records both. An ``act`` that records the end of the row itself, with ``next_at=None``, returns
   None. Whatever it raises is a failure as well, and is logged.

``backend/outbox/tasks.py`` does the rest. A failure is tried again after each of ``waits``, and
then given up, for somebody to retry (``manage.py outbox``). ``Later`` is no failure: what is asked
about again and again, because nobody knows yet how it ended, is never given up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

from django.db.models import QuerySet

from backend.communities.models import TenantModel
from backend.outbox.models import Owed
from backend.queues import Queue
from backend.tenants import HERE

WAITS = (5, 60, 300, 1_800, 7_200, 18_000, 36_000, 72_000, 86_400)


class Done:
    """The outcome of an act that did what was owed. ``values`` are recorded with it."""

    def __init__(self, **values: Any) -> None:
        self.values = values


class Failed:
    """The outcome of an act that failed for ``reason``: it is tried again, unless ``for_good``."""

    def __init__(self, reason: str, *, for_good: bool = False, **values: Any) -> None:
        self.reason, self.for_good, self.values = reason, for_good, values


class Later:
    """The outcome of an act that did not fail, and is to be repeated ``after`` a while."""

    def __init__(self, after: timedelta, **values: Any) -> None:
        self.after, self.values = after, values


Outcome: TypeAlias = Done | Failed | Later | None
Rows: TypeAlias = QuerySet[Any]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of what is owed, and how it is tried.

    ``holds_row``: ``act`` and its record are one transaction that holds the row's lock, for acts
    within our own house; the lease then only delays the next worker after a crash. Other acts hold
    no lock while somebody else's server is asked, and ``lease`` must outlast the tries of a claim.
    ``acts_on_all``: ``act`` gets all the rows of a claim and returns an outcome for each, in one
    transaction with the claim and the record, so it takes no lease. If it raises, each row is tried
    alone, as is what failed before. Rows that share an outcome are recorded in one statement.
    """

    model: type[Owed]
    act: Callable[[Any], Any]
    since: str  # the field that tells since when it is owed
    queue: Queue = Queue.DEFAULT
    holds_row: bool = False
    acts_on_all: bool = False
    fair_by: tuple[str, ...] = ()  # columns by which it is shared within a community, or at all
    related: tuple[str, ...] = ()  # rows that ``act`` reads with it
    lease: timedelta = timedelta(minutes=1)
    claimed_at_once: int = 1  # rows a statement
    swept_at_most: int = 10  # rows of one share, each sweep
    shares_at_most: int = 1_000  # that one sweep queues work for
    waits: tuple[int, ...] = WAITS  # seconds after the first, the second … failure; then given up
    is_ready: Callable[[], bool] = lambda: True  # else nothing of it is tried
    among: Callable[[Rows], Rows] = lambda rows: rows  # leaves out what may not be tried now
    # Asked in the transaction of the claim; False leaves the row to others.
    admits: Callable[[Any], bool] = lambda row: True
    gave_up: Callable[[Any], object] = lambda row: None  # in the transaction that records it
    anew: Mapping[str, Any] = field(default_factory=dict)  # columns to set when it is retried
    words: Callable[[Any], str] = str  # what staff read of a dead letter; a person is masked
    words_from: tuple[str, ...] = ()  # rows that ``words`` reads with it

    @property
    def share(self) -> tuple[str, ...]:
        """The columns of a share: the community where there is one, and ``fair_by``."""
        return ("community_id", *self.fair_by) if self.is_tenants else self.fair_by

    def act_on(self, row: Any) -> Outcome:
        """Do what one row owes."""
        outcome: Outcome = self.act([row])[0] if self.acts_on_all else self.act(row)
        return outcome

    @property
    def here(self) -> QuerySet[Any]:
        """The rows, without those of communities that have moved away."""
        rows: QuerySet[Any] = self.model._default_manager.all()
        return rows.filter(HERE) if self.is_tenants else rows

    @property
    def is_tenants(self) -> bool:
        """Tell whether its rows belong to communities."""
        return issubclass(self.model, TenantModel)


registered: dict[str, Kind] = {}


def register(name: str, kind: Kind) -> None:
    """Register the kind ``name``; each app registers its own when it is ready."""
    registered[name] = kind
