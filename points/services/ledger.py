"""Moving points: the only way in to the ledger's tables.

Each function but those that open accounts is one statement: one round trip, and a transaction by
itself where the caller has opened none. The ``key`` is made from the event (``hours:<record>``),
so doing it again changes nothing and answers the same; the same key with other contents is
refused with TransferIdReused.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from backend.communities.models import Community
from backend.errors import Refusal
from backend.ids import new_id
from points import errors
from points.models import Account, AccountKind, Hold, Transfer, Unit

_WHOLE = -1  # points_resolve_hold's word for "all of it"
_REFUSALS: dict[str, type[Refusal]] = {
    refusal.code: refusal
    for refusal in (
        errors.TransferIdReused,
        errors.AccountUnknown,
        errors.UnitsDiffer,
        errors.AccountHasNoFloor,
        errors.InsufficientPoints,
        errors.HoldUnknown,
        errors.HoldResolved,
        errors.CaptureTooLarge,
        errors.HoldExpired,
    )
}


@dataclass(frozen=True, kw_only=True)
class Movement:
    """What is to move: ``amount`` whole points or fen from ``debit`` to ``credit``.

    ``occurred_at`` is when it happened in the community, now if not given; the ledger notes by
    itself when it learned of it. ``explanation`` is JSON for whoever asks why.
    """

    debit: Account
    credit: Account
    amount: int
    key: str
    reason: str
    source: str = ""
    explanation: dict[str, Any] | None = None
    occurred_at: datetime | None = None


def account(
    *, community: Community, kind: AccountKind, holder: str = "", unit: Unit = Unit.POINTS
) -> Account:
    """The holder's account of that kind, opened if it is new. ``holder`` means nothing here."""
    opened, _ = Account.objects.get_or_create(
        community=community, kind=kind, unit=unit, holder=holder
    )
    return opened


def wallet(*, community: Community, person_id: UUID) -> Account:
    """The points of one person in one community, opened if it is new."""
    return account(community=community, kind=AccountKind.WALLET, holder=f"person:{person_id}")


def post(movement: Movement) -> Transfer:
    """Move the amount now.

    Raises, in this order: AmountInvalid, AccountsMustDiffer, TransferIdReused, AccountUnknown,
    UnitsDiffer, InsufficientPoints (only the debited wallet or fund has a floor).
    """
    fields = _fields(movement)
    _, transfer_id, posted_at = _ask("points_post", fields.values(), movement)
    return Transfer(**fields | {"id": transfer_id, "posted_at": posted_at})


def hold(movement: Movement, *, lifetime: timedelta) -> Hold:
    """Set the amount aside in the debited wallet or fund for ``lifetime`` from now.

    Raises as ``post`` does, and AccountHasNoFloor before InsufficientPoints.
    """
    fields = _fields(movement)
    _, hold_id, posted_at, expires_at = _ask("points_hold", [*fields.values(), lifetime], movement)
    return Hold(**fields | {"id": hold_id, "posted_at": posted_at, "expires_at": expires_at})


def capture(
    *, community_id: UUID, hold_id: UUID, amount: int | None = None, at: datetime | None = None
) -> UUID:
    """Turn a hold, or ``amount`` of it, into a transfer; the rest is free again. Its id.

    ``at`` is when it happened in the community, now if not given. Capturing the same amount
    again answers the first transfer. Raises AmountInvalid, HoldUnknown, HoldResolved (voided,
    or captured with another amount), CaptureTooLarge, HoldExpired.
    """
    if amount is not None:
        _check_amount(amount)
    wanted = _WHOLE if amount is None else amount
    (transfer_id,) = _ask(
        "points_resolve_hold", [community_id, hold_id, new_id(), wanted, at or timezone.now()]
    )
    assert isinstance(transfer_id, UUID)
    return transfer_id


def void(*, community_id: UUID, hold_id: UUID, at: datetime | None = None) -> None:
    """Release a hold, expired or not; again, it is released already.

    Raises HoldUnknown, HoldResolved (it was captured).
    """
    _ask("points_resolve_hold", [community_id, hold_id, None, None, at])


def _fields(movement: Movement) -> dict[str, Any]:
    """The row's columns in the order of the functions' arguments, the movement checked."""
    _check_amount(movement.amount)
    if movement.debit.pk == movement.credit.pk:
        raise errors.AccountsMustDiffer
    return {
        "community_id": movement.debit.community_id,
        "id": new_id(),
        "key": movement.key,
        "debit_id": movement.debit.pk,
        "credit_id": movement.credit.pk,
        "amount": movement.amount,
        "reason": movement.reason,
        "source": movement.source,
        "explanation": movement.explanation or {},
        "occurred_at": movement.occurred_at or timezone.now(),
    }


def _check_amount(amount: int) -> None:
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 < amount < 2**63:
        raise errors.AmountInvalid


def _ask(function: str, arguments: Any, movement: Movement | None = None) -> Sequence[Any]:
    """Call a function of migration 0002; its answer without the refusal, which is raised."""
    given = [json.dumps(a) if isinstance(a, dict) else a for a in arguments]
    marks = ", ".join(["%s"] * len(given))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {function}({marks})", given)  # noqa: S608
        row: Sequence[Any] = cursor.fetchone()
    refusal, *answer = row
    if refusal == errors.InsufficientPoints.code and movement:
        raise errors.InsufficientPoints(available=answer[0], needed=movement.amount)
    if refusal:
        raise _REFUSALS[refusal]
    return answer
