"""Confirming what another of the staff asked for, and the limit below which they need not ask.

Locks are taken as everywhere: what it is about, then what was asked.
"""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.services import places
from merchants.catalogue.models import Offer
from merchants.catalogue.services import offers as catalogue
from merchants.giving.errors import OwnWish
from merchants.giving.models.wishes import Wish
from merchants.giving.services import wishes
from merchants.partners import errors
from merchants.partners.models.increases import Increase
from merchants.partners.models.partnerships import Partnership, Terms
from merchants.partners.services import partnerships as partners
from merchants.partners.services import second_person, sides

Kind, State = Increase.Kind, Increase.State


@transaction.atomic
def decide(*, increase: Increase, accept: bool, by: User, because: str = "") -> Increase:
    """Confirm it, and it is done as it was asked, or reject it; decided so by ``by``, it stays.

    What one person did alone can be confirmed afterwards. Who asked confirms nothing, and takes
    it back by rejecting it. Raises IncreaseDecided, OwnIncrease, OwnMerchant (either of the two),
    OwnWish, and whatever doing it raises.
    """
    increase = _locked(increase)
    state = State.CONFIRMED if accept else State.REJECTED
    if (increase.state, increase.decided_by_id) == (state, by.pk):
        return increase
    was_alone = increase.state == State.ALONE
    if increase.state != State.PENDING and not (was_alone and accept):
        raise errors.IncreaseDecided(state=increase.state)
    if accept and increase.asked_by_id == by.pk:
        raise errors.OwnIncrease
    if increase.partnership is not None:
        sides.refuse_own(by, increase.partnership)
    if increase.wish is not None and increase.wish.volunteer_id == by.pk:
        raise OwnWish
    increase.state, increase.decided_by, increase.decided_at = state, by, timezone.now()
    increase.save(update_fields=["state", "decided_by", "decided_at"])
    second_person.record("increase.decide", increase, by)
    if accept and not was_alone:
        _DO[Kind(increase.kind)](increase, because)
    return increase


@transaction.atomic
def set_limit(*, community: Community, alone_limit_fen: int, by: User) -> Increase | None:
    """What one person may raise alone in 30 days; a higher one waits for another manager."""
    community = Community.objects.select_for_update(no_key=True).get(pk=community.pk)
    if alone_limit_fen <= community.alone_limit_fen:
        places.set_alone_limit(community=community, fen=alone_limit_fen, by=by)
        return None
    return second_person.ask(
        kind=Kind.LIMIT,
        community=community,
        by=by,
        amount_fen=None,
        facts={"alone_limit_fen": alone_limit_fen},
    )


def _terms(increase: Increase, because: str) -> None:
    assert increase.partnership is not None  # a check constraint
    if withdrawn := increase.facts.get("withdrawn_version"):
        partners.withdraw_terms(
            terms=increase.partnership.terms.get(version=withdrawn),
            by=increase.asked_by,
            is_confirmed=True,
        )
        return
    partners.agree(
        partnership=increase.partnership,
        by=increase.asked_by,
        is_confirmed=True,
        **_read(Terms, increase.facts),
    )


def _price(increase: Increase, because: str) -> None:
    assert increase.offer is not None  # a check constraint
    catalogue.change(
        offer=increase.offer,
        by=increase.asked_by,
        is_confirmed=True,
        **_read(Offer, increase.facts),
    )


def _listing(increase: Increase, because: str) -> None:
    assert increase.offer is not None  # a check constraint
    catalogue.decide(
        offer=increase.offer,
        accept=True,
        by=increase.asked_by,
        reason=because,
        is_confirmed=True,
    )


def _wish(increase: Increase, because: str) -> None:
    assert increase.wish is not None  # a check constraint
    wishes.decide(
        wish=increase.wish,
        accept=True,
        by=increase.asked_by,
        because=because,
        is_confirmed=True,
        **increase.facts,
    )


def _limit(increase: Increase, because: str) -> None:
    places.set_alone_limit(
        community=increase.community, fen=increase.facts["alone_limit_fen"], by=increase.asked_by
    )


_DO: dict[Increase.Kind, Callable[[Increase, str], None]] = {
    Kind.TERMS: _terms,
    Kind.PRICE: _price,
    Kind.LISTING: _listing,
    Kind.WISH: _wish,
    Kind.LIMIT: _limit,
}


def _read(model: type[Model], facts: dict[str, Any]) -> dict[str, Any]:
    """As JSON keeps them, days and moments are texts."""
    fields = {field.name: field for field in model._meta.concrete_fields}
    return {name: fields[name].to_python(facts[name]) for name in facts}


def _locked(increase: Increase) -> Increase:
    for model, pk in (
        (Partnership, increase.partnership_id if increase.offer_id is None else None),
        (Offer, increase.offer_id),
        (Wish, increase.wish_id),
    ):
        if pk is not None:
            model._default_manager.select_for_update(no_key=True).get(pk=pk)
    return (
        Increase.objects.select_for_update(no_key=True, of=("self",))
        .select_related("community", "partnership", "offer", "wish", "asked_by")
        .get(pk=increase.pk)
    )
