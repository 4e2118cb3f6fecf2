"""Increases: what raises what the community owes takes a second person of its staff.

Below the community's limit one person does it alone: what they raised alone there in 30 days counts
against it. What has no bound is above every limit. The slice that owns what an increase is about
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
from merchants.partners import errors
from merchants.partners.models.increases import Increase
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import sides

WINDOW = timedelta(days=30)
Status = Increase.Status
Subject = TypeVar("Subject", bound=Model)


@dataclass(frozen=True)
class Declared:
    """A kind of increase, by the slice that owns what it is about.

    ``model`` is that of its subject, what ``subject_id`` names. ``apply`` is given the increase,
    the subject and the reason of who confirms, and does it as it was asked. ``refuse`` is given the
    subject and who decides, and raises for whom the subject is their own.
    """

    apply: Callable[[Increase, Any, str], object]
    model: type[Model] | None = None
    refuse: Callable[[Any, User], object] = lambda subject, by: None


_declared: dict[str, Declared] = {}


def declare(kinds: Mapping[Increase.Kind, Declared]) -> None:
    """Register what a slice declares. Idempotent."""
    _declared.update((str(kind), how) for kind, how in kinds.items())


def ask(
    *,
    kind: Increase.Kind,
    about: Community | TenantModel,
    by: User,
    amount_fen: int | None,
    facts: dict[str, Any] | None = None,
) -> Increase | None:
    """Put what ``by`` wants before a second person; ``None`` if ``by`` may do it alone.

    ``about`` is its subject, or the community where the kind declares no model.
    Either is on record. The caller holds what it is about. Idempotent: returns what waits already.
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
    """Return what ``by`` may still raise alone there: two acts of theirs queue at the community."""
    limit = Community.objects.select_for_update(no_key=True).get(pk=community.pk).alone_limit_fen
    alone = Increase.objects.filter(
        community=community,
        asked_by=by,
        status=Status.ALONE,
        asked_at__gt=timezone.now() - WINDOW,
    )
    return int(limit - (alone.aggregate(fen=Sum("amount_fen"))["fen"] or 0))


@transaction.atomic
def decide(*, increase: Increase, accept: bool, by: User, reason: str = "") -> Increase:
    """Confirm an increase, and it is done as it was asked, or reject it.

    Idempotent for who decided so. What one person did alone can be confirmed afterwards. Who asked
    can only reject it. Raises IncreaseDecided, OwnIncrease,
    OwnMerchant (either of the two), what its kind refuses with, and whatever doing it raises.
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
    """Lock its subject first: whoever changes that comes to the increase from there."""
    subject = model and model._default_manager.select_for_update(no_key=True).get(
        community=increase.community_id, pk=increase.subject_id
    )
    return increase.locked("community", "partnership", "asked_by"), subject


def drop(community_id: UUID, **about: object) -> None:
    """Take out of the queue what was asked for ``about`` something that is not so any more."""
    pending = Increase.objects.filter(community_id=community_id, status=Status.PENDING, **about)
    pending.update(status=Status.DROPPED)


def read(model: type[Model], facts: dict[str, Any]) -> dict[str, Any]:
    """Return ``facts`` as fields of ``model``: JSON keeps days and moments as texts."""
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
    """Set what one person may raise alone in 30 days; a higher one waits for another manager."""
    community = Community.objects.select_for_update(no_key=True).get(pk=community.pk)
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
