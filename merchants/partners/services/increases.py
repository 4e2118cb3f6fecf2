"""Increases: acts that raise what the community owes, which a second member of staff confirms.

One person may act alone within the community's limit on what they raise alone in 30 days. An
increase without a bound is above every limit. The slice that owns the subject of an increase
declares its kinds; apps.py registers them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Model, Sum
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community, TenantModel
from backend.communities.services import places
from backend.locks import locked
from merchants.partners import errors
from merchants.partners.models.increases import Increase
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import sides

WINDOW = timedelta(days=30)
Status = Increase.Status
Subject = TypeVar("Subject", bound=Model)


@dataclass(frozen=True)
class Declared:
    """A kind of increase, declared by the slice that owns its subject.

    ``model`` is the model of the subject, which ``subject_id`` names. ``apply`` takes the increase,
    the subject and the confirmer's reason, and does what was asked. ``refuse`` takes the subject
    and the decider, and raises if the subject is the decider's own.
    """

    apply: Callable[[Increase, Any, str], object]
    model: type[Model] | None = None
    refuse: Callable[[Any, User], object] = lambda subject, by: None


_declared: dict[str, Declared] = {}


def declare(kinds: Mapping[Increase.Kind, Declared]) -> None:
    """Register the kinds that a slice declares. Idempotent."""
    _declared.update((str(kind), how) for kind, how in kinds.items())


def ask(
    *,
    kind: Increase.Kind,
    about: Community | TenantModel,
    by: User,
    amount_fen: int | None,
    facts: dict[str, Any] | None = None,
) -> Increase | None:
    """Ask a second person to confirm what ``by`` wants; ``None`` if ``by`` may do it alone.

    ``about`` is the subject, or the community if the kind declares no model; the caller holds its
    lock. Both outcomes are recorded. Idempotent: returns an equal increase that is pending.
    """
    community = about if isinstance(about, Community) else about.community
    asked = {
        "community": community,
        "kind": kind,
        "asked_by": by,
        "subject_id": None if about is community else about.pk,
        "partnership": (
            about if isinstance(about, Partnership) else getattr(about, "partnership", None)
        ),
        "facts": facts or {},
    }
    waiting = Increase.objects.filter(**asked, status=Status.PENDING).first()
    if waiting is not None:
        return waiting
    may_alone = amount_fen is not None and amount_fen <= _left(community, by)
    made = Increase.objects.create(
        **asked, amount_fen=amount_fen, status=Status.ALONE if may_alone else Status.PENDING
    )
    _record("increase.ask", made, by)
    return None if may_alone else made


def _left(community: Community, by: User) -> int:
    """Return the fen ``by`` may still raise alone, and lock the community so that acts queue."""
    limit = locked(community).alone_limit_fen
    alone = Increase.objects.filter(
        community=community,
        asked_by=by,
        status=Status.ALONE,
        asked_at__gt=timezone.now() - WINDOW,
    )
    return int(limit - (alone.aggregate(fen=Sum("amount_fen"))["fen"] or 0))


@transaction.atomic
def decide(*, increase: Increase, accept: bool, by: User, reason: str = "") -> Increase:
    """Confirm an increase, which does what was asked, or reject it.

    Idempotent for the same decider. An increase made alone can be confirmed afterwards. Raises
    IncreaseDecided, OwnIncrease if the person who asked confirms, OwnMerchant if the decider or the
    one who asked works there, and whatever its kind's ``refuse`` and ``apply`` raise.
    """
    kind = _declared[increase.kind]
    increase, subject = _locked(increase, kind.model)
    status = Status.CONFIRMED if accept else Status.REJECTED
    if (increase.status, increase.decided_by_id) == (status, by.pk):
        return increase
    was_alone = increase.status == Status.ALONE
    if increase.status != Status.PENDING and not (was_alone and accept):
        raise errors.IncreaseDecided(current_status=increase.status)
    if accept and increase.asked_by_id == by.pk:
        raise errors.OwnIncrease
    if increase.partnership is not None:
        sides.refuse_own(by, increase.partnership)
    kind.refuse(subject, by)
    increase.save_with(status=status, decided_by=by, decided_at=timezone.now())
    _record("increase.decide", increase, by)
    if accept and not was_alone:
        kind.apply(increase, subject, reason)
    return increase


def _locked(increase: Increase, model: type[Model] | None) -> tuple[Increase, Any]:
    """Lock the subject, then the increase, in the order of those who change the subject."""
    subject = model and model._default_manager.select_for_update(no_key=True).get(
        community=increase.community_id, pk=increase.subject_id
    )
    return increase.locked("community", "partnership", "asked_by"), subject


def drop(community_id: UUID, **about: object) -> None:
    """Drop the pending increases that match ``about``, because their subject has changed."""
    pending = Increase.objects.filter(community_id=community_id, status=Status.PENDING, **about)
    pending.update(status=Status.DROPPED)


def read(model: type[Model], facts: dict[str, Any]) -> dict[str, Any]:
    """Return ``facts`` as values of ``model``: JSON keeps dates and times as strings."""
    fields = {field.name: field for field in model._meta.concrete_fields}
    return {name: fields[name].to_python(facts[name]) for name in facts}


def _record(action: str, increase: Increase, by: User) -> None:
    trail.record(
        action,
        actor=by,
        target=increase,
        after={
            "kind": increase.kind,
            "status": increase.status,
            "about": increase.subject_id and str(increase.subject_id),
            "amount_fen": increase.amount_fen,
        },
    )


# --- the limit --------------------------------------------------------------------------------
@transaction.atomic
def set_limit(*, community: Community, alone_limit_fen: int, by: User) -> Community | Increase:
    """Set what one person may raise alone in 30 days. Raising it waits for another manager."""
    community = locked(community)
    if alone_limit_fen <= community.alone_limit_fen:
        return places.set_alone_limit(community=community, fen=alone_limit_fen, by=by)
    waiting = ask(
        kind=Increase.Kind.LIMIT,
        about=community,
        by=by,
        amount_fen=None,
        facts={"alone_limit_fen": alone_limit_fen},
    )
    assert waiting is not None  # it has no bound
    return waiting


def _raise_limit(increase: Increase, subject: None, reason: str) -> None:
    places.set_alone_limit(
        community=increase.community, fen=increase.facts["alone_limit_fen"], by=increase.asked_by
    )


INCREASES = {Increase.Kind.LIMIT: Declared(_raise_limit)}
