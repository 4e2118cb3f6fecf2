"""The one way to redeem a voucher: what each door asks of ``merchants_redeem``, and what it says.

All that may stand against a redemption, in its order, is in sql/merchants_redeem.sql. A door says
who hands out, which voucher, and what is on record of the attempt.
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
        errors.CodeCancelled,
        errors.CodeExpired,
        errors.VoucherNotOffline,
        errors.DeviceRetired,
    )
}


@dataclass(frozen=True)
class Scanned:
    """What a counter needs to know of a voucher that was just redeemed there."""

    id: UUID
    offer_title: str
    picture: str | None  # where it is
    quantity: int
    price_points: int  # for the whole quantity
    redeemed_at: datetime
    volunteer: str  # masked


@dataclass
class ToldLater:
    """A scan without signal, as the last arguments of ``merchants_redeem`` in their order.

    It counts for ``counts_at``, marked ``clock_mark`` where the device's clock could not be
    believed. The code is good until ``good_until``; it was scanned at ``scanned_at`` at the latest.
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
    """Somebody brings a code to a merchant's counter; on record as ``shown``.

    ``person`` hands out: a clerk, or (``is_clerk`` false) the volunteer, who read the shop's code.
    ``community_id`` is ``None`` as long as nobody knows whose code it is.
    """

    merchant_id: UUID
    person: User
    shown: str
    community_id: UUID | None = None
    is_clerk: bool = True
    told: ToldLater | None = None
    id: UUID = field(default_factory=new_id)


def redeem(attempt: Attempt, code: str) -> Scanned:
    """Redeem the voucher with that ``code``, once; the attempt stays on record with its outcome.

    Raises, in this order: MerchantUnknown (the clerk does not work there; not on record),
    CodeUnknown (not on record), NotYourMerchant, OwnVoucher, CodeUsed, CodeCancelled, CodeExpired;
    of a device VoucherNotOffline before the last two, and DeviceRetired after them.
    """
    answer = ask(attempt, code)
    if isinstance(answer, Refusal):
        raise answer
    return answer


def ask(attempt: Attempt, code: str) -> Scanned | Refusal:
    """Do what ``redeem`` does, for whoever commits the record of a refusal before raising it."""
    return answer_of(_ask(attempt, code))


def refuse(attempt: Attempt, refusal: Refusal, code: str | None = None) -> Refusal:
    """Put on record that ``refusal`` stands against an attempt. Returns what is to be raised.

    What is of no known community is on record where the merchant became a partner first. ``code``
    is that of the voucher it was about. Returns MerchantUnknown, with nothing on record, if the
    clerk does not work there.
    """
    try:
        attempt.community_id = attempt.community_id or first_community_of(attempt.merchant_id)
    except Partnership.DoesNotExist:
        return MerchantUnknown()
    outcome = _ask(attempt, code, refusal)[0]
    return refusal if outcome == refusal.code else MerchantUnknown()


@contextmanager
def all_or_nothing(attempt: Attempt) -> Iterator[None]:
    """Undo what the block did if it is refused, and put the refusal on record."""
    try:
        with transaction.atomic():
            yield
    except Refusal as refusal:
        raise refuse(attempt, refusal) from None


def call(function: str, *arguments: Any) -> Sequence[Any]:
    """Return the row that a function of sql/ answers with."""
    marks = ", ".join(["%s"] * len(arguments))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {function}({marks})", arguments)  # noqa: S608
        row: Sequence[Any] = cursor.fetchone()
    return row


def answer_of(row: Sequence[Any]) -> Scanned | Refusal:
    """Return what ``merchants_redeem`` says: what was redeemed, or why not."""
    refusal, redemption_id, closed_at, title, quantity, price, person, name, offer_id, file = row
    if refusal == errors.CodeUsed.code:
        return errors.CodeUsed(redeemed_at=closed_at)
    if refusal == errors.QuantityTooLarge.code:
        return errors.QuantityTooLarge(quantity=quantity)
    if refusal:
        return _REFUSALS[refusal]()
    return Scanned(
        id=redemption_id,
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
