"""Printed cards of volunteers without a phone, who type a PIN on the clerk's.

A card pays for small things: what the community lets cards pay a day. The role is locked before the
card, and the card before the voucher.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.utils import timezone

from backend.accounts import vault
from backend.accounts.models import User
from backend.accounts.services import attempts
from backend.audit import services as trail
from backend.codes import as_made, new_code
from backend.communities import fence
from backend.communities.models import Community
from backend.communities.services import roles
from backend.errors import Refusal
from backend.registries.leaving import Leaving
from merchants.partners.models.merchants import Merchant
from merchants.partners.services import telling
from merchants.redemption import errors, selectors
from merchants.redemption.models import Card
from merchants.redemption.services import pay_codes
from merchants.redemption.services.redeeming import Attempt, Scanned, all_or_nothing, refuse

LENGTH = 12
PIN_LENGTH = 6

Reason = Card.Reason


# --- issuing and blocking -----------------------------------------------------------------------
@transaction.atomic
def issue(*, community: Community, volunteer_id: UUID, by: User) -> Card:
    """Issue a card with a new PIN to a volunteer. It replaces the one they have.

    Raises OwnCard, NotAVolunteerHere, Suspended.
    """
    if volunteer_id in by.record_ids:
        raise errors.OwnCard
    roles.require_volunteer(user_id=volunteer_id, community_id=community.pk)
    if working := _working(community.pk, volunteer_id):
        _block(working, Reason.REPLACED, by)
    pin = f"{secrets.randbelow(10**PIN_LENGTH):0{PIN_LENGTH}}"
    card = Card.objects.create(
        community=community,
        volunteer_id=volunteer_id,
        code=new_code(LENGTH),
        pin_hash_encrypted=vault.encrypt(make_password(pin)),
        pin_encrypted=vault.encrypt(pin),
        issued_by=by,
        issued_at=timezone.now(),
    )
    trail.record("card.issue", actor=by, target=card, after={"volunteer": str(volunteer_id)})
    _tell("card_issued", card, points=community.card_limit_points)
    return card


@transaction.atomic
def block(*, card: Card, by: User) -> Card:
    """Block a lost card, as staff or as its volunteer. Idempotent: keeps the first end."""
    card = card.locked("community", "volunteer", "issued_by", "blocked_by")
    if not card.is_blocked:
        _block(card, Reason.LOST, by)
    return card


def block_of(leaving: Leaving) -> None:
    """Block the card of somebody who leaves. Idempotent."""
    if working := _working(leaving.community_id, leaving.user_id):
        _block(working, Reason.LEFT, None, leaving.at)


def forget_pins() -> int:
    """Delete the PINs in the clear of cards that were issued an hour ago. Returns the count."""
    old = Card.objects.filter(issued_at__lte=timezone.now() - Card.PIN_TOLD)
    told = old.exclude(pin_encrypted="").exclude(community__in=fence.moved())
    return told.update(pin_encrypted="")


def _working(community_id: UUID, volunteer_id: UUID) -> Card | None:
    """Lock the card of a volunteer that is not blocked."""
    cards = Card.objects.filter(
        community=community_id, volunteer=volunteer_id, blocked_at__isnull=True
    )
    return cards.select_related("community").select_for_update(no_key=True, of=("self",)).first()


def _block(card: Card, reason: Reason, by: User | None, at: datetime | None = None) -> None:
    card.save_with(
        blocked_at=at or timezone.now(),
        blocked_by=by,
        reason=reason,
        wrong_pins=card.wrong_pins,
        pin_encrypted="",
    )
    trail.record("card.block", actor=by, target=card, after={"reason": reason})
    if reason in (Reason.LOST, Reason.WRONG_PINS):
        _tell("card_blocked", card)


def _tell(kind: str, card: Card, **facts: int) -> None:
    telling.tell(
        kind,
        community=card.community,
        recipients=[card.volunteer_id],
        about=card.pk,
        target_id=None,  # a tap opens the list
        facts={"community": card.community.name, **facts},
    )


# --- paying -------------------------------------------------------------------------------------
def pay_by_code(
    *,
    merchant: Merchant,
    clerk: User,
    code: str,
    pin: str | None = None,
    items: Mapping[UUID, int] | None = None,
    points: int | None = None,
) -> list[Scanned]:
    """Take a payment by whatever code a volunteer shows: a phone's, or a card's with its PIN.

    Raises CardUnknown (a PIN, and no card), and whatever ``pay`` and ``pay_codes.pay`` raise.
    """
    made = as_made(code)[:64]
    if card := selectors.card_with(made, merchant.pk):
        return pay(merchant=merchant, clerk=clerk, card=card, pin=pin, items=items, points=points)
    if pin is None:
        return pay_codes.pay(merchant=merchant, clerk=clerk, code=code, items=items, points=points)
    with attempts.guessing(clerk, errors.CardUnknown):
        attempt = Attempt(merchant_id=merchant.pk, person=clerk, shown=made)
        raise refuse(attempt, errors.CardUnknown())


def pay(
    *,
    merchant: Merchant,
    clerk: User,
    card: Card,
    pin: str | None,
    items: Mapping[UUID, int] | None = None,
    points: int | None = None,
) -> list[Scanned]:
    """Take and redeem pieces of the merchant's offers by id, or plain ``points``, in one step.

    A refusal moves nothing and is recorded, except that the PIN is missing: it is asked for next.
    A wrong PIN is counted. Raises TooManyAttempts, CardBlocked, CardPinNeeded, CardPinWrong,
    OfferUnknown, PointsNotAgreed, whatever ``take`` raises, CardLimitReached, and whatever
    ``redeem`` raises.
    """
    attempt = Attempt(
        merchant_id=merchant.pk,
        person=clerk,
        shown=card.code,
        community_id=card.community_id,
    )
    refusal = _guessed(card, pin, clerk)
    if isinstance(refusal, errors.CardPinNeeded):
        raise refusal
    if refusal is not None:
        raise refuse(attempt, refusal)
    with all_or_nothing(attempt):
        card = _open(card)
        paid = pay_codes.take_and_redeem(
            attempt, volunteer=card.volunteer, items=items, points=points, card=card
        )
        if card.pin_encrypted:
            card.save_with(pin_encrypted="")
    return paid


def _guessed(card: Card, pin: str | None, clerk: User) -> Refusal | None:
    """Hold the PIN against the card's, and let a wrong one cost the clerk a try at codes.

    The try is spent before: whoever has none left is told nothing. Raises TooManyAttempts.
    """
    if pin is None:
        attempts.refuse_until(attempts.wait_of(attempts.CODES, clerk.pk))
        return _proved(card, pin)
    taken_at = attempts.take(attempts.CODES, clerk.pk)
    refusal = _proved(card, pin)
    if not isinstance(refusal, errors.CardPinWrong):
        attempts.give_back(attempts.CODES, clerk.pk, taken_at)
    return refusal


def _open(card: Card) -> Card:
    """Lock the volunteer's role, then the card. Raises CardBlocked."""
    role = roles.volunteering(user_id=card.volunteer_id, community_id=card.community_id)
    card = card.locked("community", "volunteer")
    # Leaving ends a card, and coming back does not revive it.
    if card.is_blocked or role is None or role.is_suspended or card.issued_at < role.since_at:
        raise errors.CardBlocked
    return card


@transaction.atomic
def _proved(card: Card, pin: str | None) -> Refusal | None:
    """Hold the PIN against the card's, and count a wrong one, whatever is refused afterwards.

    Clerks with one card queue here, so no more wrong PINs are looked at than it takes to block it.
    """
    try:
        card = _open(card)
    except errors.CardBlocked as blocked:
        return blocked
    if pin is None:
        return errors.CardPinNeeded()
    if check_password(pin, vault.decrypt(card.pin_hash_encrypted)):
        if card.wrong_pins:
            card.save_with(wrong_pins=0)
        return None
    wrong = card.wrong_pins + 1
    if wrong == Card.MOST_WRONG_PINS:
        card.wrong_pins = wrong
        _block(card, Reason.WRONG_PINS, None)
    else:
        card.save_with(wrong_pins=wrong)
    return errors.CardPinWrong(tries_left=Card.MOST_WRONG_PINS - wrong)
