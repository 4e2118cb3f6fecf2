"""Kinds of subjects: what payouts are for. Each app registers its own when it is ready."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from backend.accounts.models import User
from backend.payouts.models import Payout


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of subject, the word before the colon: ``statement`` of ``statement:<id>``.

    ``hears`` is called once a payout is finished, whatever its end. What it writes is committed
    together with the note that it heard; if it raises, both are undone, and it is called again
    later. ``refuse`` raises if a person may not decide about a payout, ``seen_by`` is the condition
    on payouts that a person may read besides staff and auditors.
    """

    hears: Callable[[Payout], object]
    refuse: Callable[[Payout, User], object]
    seen_by: Callable[[User], Q]


_kinds: dict[str, Kind] = {}


def register(name: str, kind: Kind) -> None:
    """Register the kind ``name``. Idempotent."""
    _kinds[name] = kind


def kind_of(payout: Payout) -> Kind:
    """Return the kind of the payout's subject. Raises KeyError if nobody registered it."""
    return _kinds[payout.subject.partition(":")[0]]


def id_of(payout: Payout) -> UUID:
    """Return the id of the payout's subject, which its kind knows how to find."""
    return UUID(payout.subject.partition(":")[2])


def seen_by(user: User) -> Q:
    """Return the condition on payouts that ``user`` may read by their subject."""
    seen = Q(pk__in=[])
    for name, kind in _kinds.items():
        seen |= Q(subject__startswith=f"{name}:") & kind.seen_by(user)
    return seen
