"""Moving points: the only way in to the ledger's tables.

Each function but ``account``, ``wallets`` and ``post_many`` is one statement: one round trip, and a
transaction by itself if the caller has opened none. The ``key`` is made from the event
(``hours:<record>``), so a repeated call changes nothing and answers the same; one key with other
contents is refused with TransferIdReused. docs/ledger.md has the order of refusals.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connection, transaction
from django.utils import timezone

from backend.communities.models import Community
from backend.errors import Refusal
from backend.ids import new_id
from backend.sql import constraint_of
from points.kinds import RECEIVES, AccountKind, Unit
from points.ledger import errors
from points.ledger.models import Account, Hold, Reversal, Transfer
from points.ledger.triggers import FLOORED_SQL

Row = TypeVar("Row", Transfer, Hold)

BATCH = 20_000  # movements that post_many reads while those before them are inserted
_WHOLE = -1  # points_resolve_hold's word for "all of it"
_REFUSALS: dict[str, type[Refusal]] = {
    refusal.code: refusal
    for refusal in (
        errors.TransferIdReused,
        errors.AccountUnknown,
        errors.UnitsDiffer,
        errors.AccountHasNoFloor,
        errors.InsufficientPoints,
        errors.ShortfallOutstanding,
        errors.HoldUnknown,
        errors.HoldResolved,
        errors.CaptureTooLarge,
        errors.HoldExpired,
        errors.TransferUnknown,
        errors.ReversalOfReversal,
        errors.TransferReversed,
        errors.ReversalTooLarge,
    )
}
# Refusals that only the database can make: of an account that was never opened, or of a key that
# another transaction was using at the same moment.
_BY_CONSTRAINT: dict[str | None, type[Refusal]] = {
    "transfer_in_one_book": errors.AccountUnknown,
    "hold_in_one_book": errors.AccountUnknown,
    "transfer_once": errors.TransferIdReused,
    "reversal_once": errors.TransferIdReused,
    "hold_not_captured_late": errors.HoldExpired,
    "account_never_overdrawn": errors.InsufficientPoints,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Movement:
    """A transfer to be posted: ``amount`` whole points or fen from ``debit`` to ``credit``.

    ``source`` opens the event behind it (backend/registries/events.py).
    ``occurred_at`` is when it happened in the community, now if not given; the ledger notes by
    itself when it learned of it. ``explanation`` is JSON for whoever asks why. Points that reach a
    wallet can be spent until the end of ``expires_on``, or for good if it is not given.
    """

    debit: Account
    credit: Account
    amount: int
    key: str
    reason: str
    source: str
    explanation: dict[str, Any] | None = None
    occurred_at: datetime | None = None
    expires_on: date | None = None


def account(
    *,
    community: Community,
    kind: AccountKind,
    holder: str = "",
    unit: Unit = Unit.POINTS,
    is_locked: bool = False,
) -> Account:
    """Return the holder's account of that kind, opened if it is new. ``holder`` is opaque.

    With ``is_locked``, it is locked until the transaction ends.
    """
    accounts = Account.objects.select_for_update(no_key=True) if is_locked else Account.objects
    opened, _ = accounts.get_or_create(community=community, kind=kind, unit=unit, holder=holder)
    return opened


def wallet(
    *, community: Community, person_id: UUID, unit: Unit = Unit.POINTS, is_locked: bool = False
) -> Account:
    """Return the person's wallet in the community as ``account`` does."""
    return account(
        community=community,
        kind=AccountKind.WALLET,
        holder=f"person:{person_id}",
        unit=unit,
        is_locked=is_locked,
    )


def receivers(
    *, community: Community, person_ids: Collection[UUID], unit: Unit = Unit.POINTS
) -> dict[UUID, Account]:
    """Return where each person receives the unit, opened if new, and locked until the end.

    Points reach wallets; fen leave the books for the payout account of whoever gets them.
    """
    of_holder = {f"person:{person_id}": person_id for person_id in person_ids}
    named = {"kind": RECEIVES[unit], "unit": unit}
    rows = Account.objects.filter(community=community, **named, holder__in=of_holder)
    missing = of_holder.keys() - set(rows.values_list("holder", flat=True))
    # Opened before the first is locked, and in order: two calls never wait for each other.
    Account.objects.bulk_create(
        [Account(community=community, **named, holder=holder) for holder in sorted(missing)],
        ignore_conflicts=True,
    )
    locked = rows.select_for_update(no_key=True).order_by("pk")
    return {of_holder[account.holder]: account for account in locked}


def post(movement: Movement) -> Transfer:
    """Post the movement now.

    Raises, in this order: AmountInvalid, AccountsMustDiffer, TransferIdReused, AccountUnknown,
    UnitsDiffer, ShortfallOutstanding, InsufficientPoints (only a debited wallet or fund has a
    floor).
    """
    transfer_id, community_id, *fields = _fields(movement)
    _, transfer_id, posted_at = _ask(
        "points_post",
        [
            *(community_id, _against(movement), movement.debit.kind, movement.credit.kind),
            *(transfer_id, *fields, movement.expires_on),
        ],
        movement.amount,
    )
    return _row(Transfer, transfer_id, community_id, *fields, posted_at, None, movement.expires_on)


def post_many(movements: Iterable[Movement]) -> int:
    """Post all movements, or none. Returns how many are new.

    The movements are of one community, any number, and are streamed. Floors are checked once, on
    the wallets as all movements leave them, so their order does not matter. Raises what ``post``
    does, with the ``key`` if one movement is at fault; raises AccountUnknown if they are of several
    communities. While more than BATCH are posted, nothing else moves in the community's wallets:
    what only reaches them is inserted while the next movements are read.
    """
    stream = iter(movements)
    community_id: UUID | None = None
    floored: set[UUID] = set()
    insertions: list[Future[int]] = []
    waiting, all_lock, is_long = 0, True, False
    with transaction.atomic(), connection.cursor() as cursor, ThreadPoolExecutor(1) as beside:
        cursor.execute(_MANY["make"].format(table="posting"))
        while batch := list(islice(stream, BATCH)):
            is_long = is_long or len(batch) == BATCH
            community_id = community_id or batch[0].debit.community_id
            crediting, others = [], []
            for movement in batch:
                row = _checked(movement, community_id)
                locked = [one.pk for one in (movement.debit, movement.credit) if one.has_floor]
                if is_long and locked == [movement.credit.pk]:
                    crediting.append(row)
                else:
                    others.append(row)
                    floored.update(locked)
                    all_lock = all_lock and bool(locked)
            if insertions:
                insertions[-1].result()
            _copy(cursor, "posting", others)
            waiting += len(others)
            if crediting:
                if not insertions:
                    # All wallets before any key, for nobody knows yet which are to come.
                    cursor.execute(_MANY["lock_all"], [community_id])
                    cursor.execute(_MANY["make"].format(table="crediting"))
                _copy(cursor, "crediting", crediting)
                insertions.append(
                    beside.submit(_insert, cursor, "crediting", community_id, len(crediting))
                )
        posted = sum(insertion.result() for insertion in insertions)
        if insertions:
            cursor.execute(_MANY["drop"].format(table="crediting"))
        if community_id and waiting:
            # Wallets are locked before keys, as everywhere, so two calls with the same keys can
            # not deadlock. If some movements lock no wallet, keys are taken in order: a tenth
            # slower.
            cursor.execute(_MANY["lock"], [community_id, list(floored)])
            cursor.execute(_MANY["over"], [list(floored), community_id])
            (may_be_over,) = cursor.fetchone()
            if may_be_over:
                # As points_lock_available does: expired points can not be spent.
                cursor.execute(_MANY["expire"], [community_id, may_be_over])
            order = "" if all_lock else "ORDER BY key"
            posted += _insert(cursor, "posting", community_id, waiting, order)
        cursor.execute(_MANY["drop"].format(table="posting"))
        return posted


def hold(movement: Movement, *, lifetime: timedelta) -> Hold:
    """Set the amount aside in the debited wallet or fund for ``lifetime`` from now.

    Raises what ``post`` does, and AccountHasNoFloor before the refusals about the floor.
    """
    hold_id, community_id, *fields = _fields(movement)
    against = _against(movement)
    if against is None and not movement.debit.has_floor:
        against = errors.AccountHasNoFloor.code
    _, hold_id, posted_at, expires_at = _ask(
        "points_hold",
        [
            *(community_id, against, movement.debit.kind, movement.credit.kind),
            *(lifetime, hold_id, *fields),
        ],
        movement.amount,
    )
    held = (Hold.State.HELD, expires_at, None, None, None)
    return _row(Hold, hold_id, community_id, *fields, posted_at, *held)


def capture(
    *, community_id: UUID, hold_id: UUID, amount: int | None = None, at: datetime | None = None
) -> UUID:
    """Turn a hold, or ``amount`` of it, into a transfer; free the rest. Returns the transfer's id.

    ``at`` is when it happened in the community, now if not given. Idempotent by amount: answers
    with the first transfer. Raises AmountInvalid, HoldUnknown, HoldResolved (voided, or captured
    with another amount), CaptureTooLarge, HoldExpired.
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
    """Release a hold, expired or not. Idempotent.

    Raises HoldUnknown, or HoldResolved if the hold was captured.
    """
    _ask("points_resolve_hold", [community_id, hold_id, None, None, at])


def reverse(
    *,
    community_id: UUID,
    transfer_id: UUID,
    key: str,
    reason: str,
    source: str,
    amount: int | None = None,
    explanation: dict[str, Any] | None = None,
    occurred_at: datetime | None = None,
    back_until: date | None = None,
) -> Reversal:
    """Take back a transfer, or ``amount`` of it; ``None`` takes back all that is left.

    Points that the wallet has spent already become its ``outstanding`` shortfall, which whatever
    reaches the wallet repays first; points that have expired come back from the expired account. A
    refund that reaches a wallet after the points' last day can be spent until the end of
    ``back_until``, or not at all if that is not given. A fund has to have the amount, and so has a
    wallet that got it from another wallet. Raises, in this order: AmountInvalid, TransferUnknown,
    TransferIdReused (the key), ReversalOfReversal, TransferReversed, ReversalTooLarge,
    InsufficientPoints.
    """
    if amount is not None:
        _check_amount(amount)
    fields = {
        "id": new_id(),
        "key": key,
        "reason": reason,
        "source": source,
        "explanation": explanation or {},
        "occurred_at": occurred_at or timezone.now(),
    }
    _, reversal_id, account_id, reversed_amount, recovered, requested_at = _ask(
        "points_reverse",
        [community_id, transfer_id, amount, back_until, *fields.values()],
        amount,
    )
    return Reversal(
        **fields
        | {
            "id": reversal_id,
            "community_id": community_id,
            "transfer_id": transfer_id,
            "account_id": account_id,
            "amount": reversed_amount,
            "recovered": recovered,
            "requested_at": requested_at,
        }
    )


def _fields(movement: Movement) -> tuple[Any, ...]:
    """Check the movement. Returns the columns that transfers and holds share, in their order."""
    _check_amount(movement.amount)
    if movement.debit.pk == movement.credit.pk:
        raise errors.AccountsMustDiffer
    return (
        new_id(),
        movement.debit.community_id,
        movement.key,
        movement.debit.pk,
        movement.credit.pk,
        movement.amount,
        movement.reason,
        movement.source,
        movement.explanation or {},
        movement.occurred_at or timezone.now(),
    )


def _row(model: type[Row], *values: Any) -> Row:
    """Return the row as one that was read; quicker than giving each field its name."""
    return model.from_db(DEFAULT_DB_ALIAS, (), values)  # all of its fields, so none is named


def _check_amount(amount: int) -> None:
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 < amount < 2**63:
        raise errors.AmountInvalid


def _against(movement: Movement) -> str | None:
    """Return the code of what is wrong with the two accounts, if anything. No query is needed: an
    account's community and unit never change, and the database refuses forged ones."""
    if movement.debit.community_id != movement.credit.community_id:
        return errors.AccountUnknown.code
    if movement.debit.unit != movement.credit.unit:
        return errors.UnitsDiffer.code
    return None


def _ask(function: str, arguments: Sequence[Any], needed: int | None = None) -> Sequence[Any]:
    """Call a function of the ledger. Returns its answer without the refusal, which is raised."""
    given = [json.dumps(a) if type(a) is dict else a for a in arguments]
    with connection.cursor() as cursor:
        try:
            cursor.execute(_call(function, len(given)), given)
        except IntegrityError as error:
            _refuse_by_constraint(error)
            raise
        row: Sequence[Any] = cursor.fetchone()
    refusal, *answer = row
    if refusal == errors.InsufficientPoints.code:
        # If all that is left was asked for, the answer says how much that was.
        raise errors.InsufficientPoints(available=answer[0], needed=needed or answer[3])
    if refusal == errors.ShortfallOutstanding.code:
        raise errors.ShortfallOutstanding(shortfall=answer[0])
    if refusal == errors.ReversalTooLarge.code:
        raise errors.ReversalTooLarge(left=answer[0])
    if refusal:
        raise _REFUSALS[refusal]
    return answer


@cache
def _call(function: str, arguments: int) -> str:
    return f"SELECT * FROM {function}({', '.join(['%s'] * arguments)})"  # noqa: S608


def _refuse_by_constraint(error: IntegrityError) -> None:
    """Raise the refusal that a constraint stands for, if it does for one."""
    if refusal := _BY_CONSTRAINT.get(constraint_of(error)):
        raise refusal from error


_COLUMNS = (
    "id, community_id, key, debit_id, credit_id, amount, reason, source, explanation,"
    " occurred_at, expires_on"
)
_MANY = {
    "make": "CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS"  # noqa: S608
    f" SELECT {_COLUMNS} FROM points_transfer WITH NO DATA",
    "copy": f"COPY {{table}} ({_COLUMNS}) FROM STDIN",
    "count": "ANALYZE {table}",
    "lock_all": f"""
        SELECT count(*) FROM (
            SELECT FROM points_account a
            WHERE a.community_id = %s AND a.kind IN ({FLOORED_SQL})
            ORDER BY a.kind DESC, a.id  -- as points_lock
            FOR NO KEY UPDATE
        ) AS locked
    """,  # noqa: S608
    "lock": "SELECT points_lock(%s, %s)",
    "over": """
        SELECT array_agg(floored.id) FROM unnest(%s::uuid[]) AS floored (id) WHERE EXISTS (
            SELECT FROM points_earned e
            WHERE e.community_id = %s AND e.account_id = floored.id
                AND e.expires_on < (clock_timestamp() AT TIME ZONE 'Pacific/Kiritimati')::date
        )
    """,
    "expire": "SELECT count(*) FROM points_take_expired(%s, %s, 'infinity')",
    "insert": f"INSERT INTO points_transfer ({_COLUMNS}) SELECT {_COLUMNS} FROM {{table}}"  # noqa: S608
    " {order} ON CONFLICT (community_id, key) DO NOTHING RETURNING true",
    "held": """
        SELECT key FROM {table} p JOIN points_hold h USING (community_id, key)
        WHERE h.community_id = %s AND NOT EXISTS (
            SELECT FROM points_transfer t
            WHERE t.community_id = h.community_id AND t.id = h.transfer_id
        ) LIMIT 1
    """,
    "reused": """
        SELECT key FROM {table} p JOIN points_transfer t USING (community_id, key)
        WHERE t.community_id = %s
            AND (p.debit_id, p.credit_id, p.amount, p.reason, p.source)
            IS DISTINCT FROM (t.debit_id, t.credit_id, t.amount, t.reason, t.source)
        LIMIT 1
    """,
    "empty": "TRUNCATE {table}",
    "drop": "DROP TABLE {table}",
}


def _checked(movement: Movement, community_id: UUID) -> tuple[Any, ...]:
    """Check one of many movements. Returns its row of _COLUMNS."""
    try:
        *fields, explanation, occurred_at = _fields(movement)
        if fields[1] != community_id:
            raise errors.AccountUnknown
        if against := _against(movement):
            raise _REFUSALS[against]
    except Refusal as refusal:
        raise type(refusal)(key=movement.key) from None
    return *fields, json.dumps(explanation), occurred_at, movement.expires_on


def _copy(cursor: Any, table: str, rows: list[tuple[Any, ...]]) -> None:
    with (
        connection.wrap_database_errors,
        cursor.copy(_MANY["copy"].format(table=table)) as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _insert(cursor: Any, table: str, community_id: UUID, copied: int, order: str = "") -> int:
    """Post what was copied into ``table``, and empty it. Returns how many are new."""
    cursor.execute(_MANY["count"].format(table=table))
    try:
        cursor.execute(_MANY["insert"].format(table=table, order=order))
    except IntegrityError as error:
        _refuse_by_constraint(error)
        raise
    posted: int = cursor.rowcount
    for wrong in ("held", "reused") if posted < copied else ("held",):
        cursor.execute(_MANY[wrong].format(table=table), [community_id])
        if named := cursor.fetchone():
            raise errors.TransferIdReused(key=named[0])
    cursor.execute(_MANY["empty"].format(table=table))
    return posted
