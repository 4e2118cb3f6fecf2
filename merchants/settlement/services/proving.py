"""Proof of statements: digests, and all sums and lines recomputed from the ledger.

Proving only reads, and sees all of it as it was at one moment, while people work.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Sum
from django.db.models.functions import Coalesce

from backend.communities.models import Community
from backend.documents.selectors import streamed
from merchants.partners.models.partnerships import Partnership
from merchants.redemption.models import Redemption, Refund
from merchants.settlement.models.statements import Statement
from points.kinds import AccountKind
from points.ledger import selectors as ledger


def digest(statement: Statement) -> str:
    """Return the SHA-256, in hexadecimal, of the UTF-8 lines of ``content``, each with a newline.

    The statement needs its number first.
    """
    made = sha256()
    for line in content(statement):
        made.update(json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return made.hexdigest()


def content(statement: Statement) -> Iterator[dict[str, Any]]:
    """Yield the statement's figures, then its redemptions and refunds, each in order of id.

    The figures have ``services`` only if there are any.
    """
    figures: dict[str, Any] = {
        "statement": str(statement.pk),
        "community": str(statement.community_id),
        "partnership": str(statement.partnership_id),
        "number": statement.number,
        "period_start": statement.period_start.isoformat(),
        "period_end": statement.period_end.isoformat(),
        "redemptions": statement.redemptions_count,
        "refunds": statement.refunds_count,
        "points": statement.points,
        "amount_fen": statement.amount_fen,
        "carried_fen": statement.carried_fen,
    }
    yield figures | ({"services": statement.services} if statement.services else {})
    for name, lines, column in (
        ("redemption", statement.redemptions, "price_points"),
        ("refund", statement.refunds, "points"),
    ):
        its = lines.filter(community_id=statement.community_id).order_by("pk")
        for pk, quantity, points, fen in streamed(
            its.values_list("pk", "quantity", column, "amount_fen")
        ):
            yield {name: str(pk), "quantity": quantity, "points": points, "amount_fen": fen}


def prove(community: Community) -> Iterator[str]:
    """Yield everything that does not hold in the community's settlements, as ``where: what``."""
    with _one_moment():
        yield from _redemptions(community)
        for partnership in Partnership.objects.filter(community=community).order_by("pk"):
            carried = 0
            for statement in partnership.statements.order_by("period_start"):
                yield from _statement(statement, carried)
                carried = statement.carries_fen
            yield from _account(community, partnership)
        yield from _numbers(community)


@contextmanager
def _one_moment() -> Iterator[None]:
    """Make all SQL statements see one moment; inside a transaction, change nothing."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _redemptions(community: Community) -> Iterator[str]:
    """Yield redemptions and refunds that differ from their transfers or refunded pieces."""
    redemptions = Redemption.objects.filter(community=community)
    moved = redemptions.filter(status=Redemption.Status.REDEEMED).exclude(
        transfer__amount=F("price_points"),
        transfer__debit__kind=AccountKind.WALLET,
        transfer__credit__kind=AccountKind.MERCHANT,
    )
    given_back = Refund.objects.filter(community=community).exclude(
        reversal__amount=F("points"), reversal__transfer=F("redemption__transfer")
    )
    counted = redemptions.annotate(given_back=Coalesce(Sum("refunds__quantity"), 0)).exclude(
        given_back=F("refunded_quantity")
    )
    for kind, rows, what in (
        ("redemption", moved, "its transfer is of another amount or account"),
        ("refund", given_back, "the ledger took back another amount"),
        ("redemption", counted, "its refunds are other pieces than it counts"),
    ):
        for pk in rows.values_list("pk", flat=True)[:100]:
            yield f"{kind} {pk}: {what}"


def _statement(statement: Statement, carried: int) -> Iterator[str]:
    where = f"statement {statement.number or statement.pk}"
    redeemed, given_back = statement.redemptions, statement.refunds
    for name, written, summed in (
        ("redemptions", statement.redemptions_count, redeemed.count()),
        ("refunds", statement.refunds_count, given_back.count()),
        ("points", statement.points, _sum(redeemed, "price_points") - _sum(given_back, "points")),
        (
            "amount_fen",
            statement.amount_fen,
            _sum(redeemed, "amount_fen") - _sum(given_back, "amount_fen"),
        ),
        ("carried_fen", statement.carried_fen, carried),
    ):
        if written != summed:
            yield f"{where}: {name} says {written}, its lines {summed}"
    if statement.digest and statement.digest != digest(statement):
        yield f"{where}: its digest is of something else"


def _account(community: Community, partnership: Partnership) -> Iterator[str]:
    """Compare the merchant's account with what was redeemed and is not yet paid."""
    account = (
        ledger.accounts_in(community)
        .filter(kind=AccountKind.MERCHANT, holder=f"merchant:{partnership.merchant_id}")
        .first()
    )
    balance = ledger.balance(account) if account else 0
    redeemed = partnership.redemptions.filter(status=Redemption.Status.REDEEMED)
    paid = partnership.statements.filter(status=Statement.Status.PAID)
    owed = _sum(redeemed, "price_points") - _sum(partnership.refunds, "points")
    owed -= _sum(paid, "points")
    if balance != owed:
        where = f"partner {partnership.pk}"
        yield f"{where}: the ledger keeps {balance} points, redemptions less payments are {owed}"


def _sum(rows: Any, column: str) -> int:
    return int(rows.aggregate(sum=Coalesce(Sum(column), 0))["sum"])


def _numbers(community: Community) -> Iterator[str]:
    numbered = Statement.objects.filter(community=community, number_year__isnull=False)
    wanted: dict[int | None, int] = {}
    for year, number in numbered.order_by("number_year", "number_in_year").values_list(
        "number_year", "number_in_year"
    ):
        wanted[year] = wanted.get(year, 0) + 1
        if number != wanted[year]:
            yield f"statements of {year}: a number is missing before {number}"
            return
