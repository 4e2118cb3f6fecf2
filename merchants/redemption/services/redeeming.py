"""Redemption of vouchers: every door calls the SQL function ``merchants_redeem``.

All refusals, in their order, are in sql/merchants_redeem.sql. A door tells who hands out, which
voucher, and what to record of the attempt.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from backend.accounts.models import User
from backend.errors import Refusal
from backend.ids import new_id
from merchants.catalogue.models import picture_url
from merchants.partners.errors import MerchantUnknown
from merchants.partners.models.partnerships import Partnership
from merchants.partners.selectors import first_community_of
from merchants.redemption import errors

_REFUSALS: dict[str, type[Refusal]] = {
    refusal.code: refusal
    for refusal in (
        MerchantUnknown,
        errors.CodeUnknown,
        errors.NotYourMerchant,
        errors.OwnVoucher,
        errors.CardIssuer,
        errors.CodeCancelled,
        errors.CodeExpired,
        errors.VoucherNotOffline,
        errors.DeviceRetired,
    )
}


@dataclass(frozen=True)
class Scanned:
    """A voucher that was just redeemed, as far as a counter needs to know it."""

    id: UUID
    community_id: UUID
    offer_title: str
    picture: str | None  # where it is
    quantity: int
    price_points: int  # for the whole quantity
    redeemed_at: datetime
    volunteer: str  # masked


@dataclass
class ToldLater:
    """A scan without signal, as the last arguments of ``merchants_redeem`` in their order.

    The scan counts for ``counts_at``, with ``clock_mark`` if the device's clock is not believed.
    The code is good until ``good_until``, and was scanned at ``scanned_at`` at the latest.
    """

    device_id: UUID
    nonce: str
    device_time: datetime
    counts_at: datetime
    clock_mark: str = ""
    good_until: datetime | None = None
    scanned_at: datetime | None = None


@dataclass(kw_only=True)
class Attempt:
    """A code brought to a merchant's counter, recorded as ``shown``.

    ``person`` is the clerk who hands out or, if not ``is_clerk``, the volunteer who read the shop's
    code. ``community_id`` is ``None`` while the code's community is unknown.
    """

    merchant_id: UUID
    person: User
    shown: str
    community_id: UUID | None = None
    is_clerk: bool = True
    told: ToldLater | None = None
    id: UUID = field(default_factory=new_id)


def redeem(attempt: Attempt, code: str) -> Scanned:
    """Redeem the voucher with that ``code``, once, and record the attempt with its outcome.

    Raises, in this order: MerchantUnknown (the clerk does not work there; not recorded),
    CodeUnknown (not recorded), NotYourMerchant, OwnVoucher, CardIssuer, CodeUsed, CodeCancelled,
    CodeExpired. For a device also VoucherNotOffline before the last two, and DeviceRetired after
    them.
    """
    answer = ask(attempt, code)
    if isinstance(answer, Refusal):
        raise answer
    return answer


def ask(attempt: Attempt, code: str) -> Scanned | Refusal:
    """Redeem like ``redeem``, but return a refusal, so that the caller can commit its record."""
    return answer_of(_ask(attempt, code), attempt.community_id)


def refuse(attempt: Attempt, refusal: Refusal, code: str | None = None) -> Refusal:
    """Record that an attempt was refused with ``refusal``. Returns the refusal to raise.

    An attempt of no known community is recorded in the merchant's first one. ``code`` is the
    voucher's. Returns MerchantUnknown, and records nothing, if the clerk does not work there.
    """
    try:
        attempt.community_id = attempt.community_id or first_community_of(attempt.merchant_id)
    except Partnership.DoesNotExist:
        return MerchantUnknown()
    outcome = _ask(attempt, code, refusal)[0]
    return refusal if outcome == refusal.code else MerchantUnknown()


@contextmanager
def all_or_nothing(attempt: Attempt) -> Iterator[None]:
    """Roll back the block if it raises a Refusal, then record the refusal and raise it."""
    try:
        with transaction.atomic():
            yield
    except Refusal as refusal:
        raise refuse(attempt, refusal) from None


def call(function: str, *arguments: Any) -> Sequence[Any]:
    """Call a function of sql/ and return its row."""
    marks = ", ".join(["%s"] * len(arguments))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {function}({marks})", arguments)  # noqa: S608
        row: Sequence[Any] = cursor.fetchone()
    return row


def answer_of(row: Sequence[Any], community_id: Any) -> Scanned | Refusal:
    """Return the redeemed voucher, or the refusal, from a row of ``merchants_redeem``."""
    refusal, redemption_id, closed_at, title, quantity, price, person, name, offer_id, file = row
    if refusal == errors.CodeUsed.code:
        return errors.CodeUsed(redeemed_at=closed_at)
    if refusal == errors.QuantityTooLarge.code:
        return errors.QuantityTooLarge(quantity=quantity)
    if refusal:
        return _REFUSALS[refusal]()
    return Scanned(
        id=redemption_id,
        community_id=community_id,
        offer_title=title,
        picture=picture_url(offer_id, file),
        quantity=quantity,
        price_points=price,
        redeemed_at=closed_at,
        volunteer=User(id=person, name=name).masked_name,
    )


def _ask(attempt: Attempt, code: str | None, refusal: Refusal | None = None) -> Sequence[Any]:
    return call(
        "merchants_redeem",
        attempt.community_id,
        attempt.merchant_id,
        attempt.person.pk,
        attempt.is_clerk,
        code,
        attempt.shown[:64],
        None,  # all of its pieces
        refusal and refusal.code,
        attempt.id,
        new_id(),
        None,  # now
        *(vars(attempt.told).values() if attempt.told else ()),
    )
