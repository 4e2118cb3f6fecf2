"""Proves that statements are the ledger's word: every sum, line and digest worked out again.

Reads only, and all of it as it was when it began, though people work meanwhile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from backend.communities.models import Community
from merchants.partners.models.partnerships import Partnership
from merchants.redemption.models import Redemption, Refund
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import sealed
from points.kinds import AccountKind
from points.ledger import selectors as points


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be, and where."""

    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def prove(community: Community) -> Iterator[Finding]:
    """Everything that does not hold in the community's settlements; nothing if all does."""
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
    """Each statement sees the same; within somebody's transaction, what that sees."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _redemptions(community: Community) -> Iterator[Finding]:
    """Each moved its points from a wallet to its merchant's account, and each refund came back."""
    redeemed = Redemption.objects.filter(
        community=community, status=Redemption.Status.REDEEMED
    ).exclude(
        Q(transfer__amount=F("price_points"))
        & Q(transfer__debit__kind=AccountKind.WALLET)
        & Q(transfer__credit__kind=AccountKind.MERCHANT)
    )
    for pk in redeemed.values_list("pk", flat=True)[:100]:
        yield Finding("its transfer is of another amount or account", f"redemption {pk}")
    given_back = Refund.objects.filter(community=community).exclude(
        reversal__amount=F("points"), reversal__transfer=F("redemption__transfer")
    )
    for pk in given_back.values_list("pk", flat=True)[:100]:
        yield Finding("the ledger took back another amount", f"refund {pk}")
    counted = (
        Redemption.objects.filter(community=community)
        .annotate(given_back=Coalesce(Sum("refunds__quantity"), 0))
        .exclude(given_back=F("refunded_quantity"))
    )
    for pk in counted.values_list("pk", flat=True)[:100]:
        yield Finding("its refunds are other pieces than it counts", f"redemption {pk}")


def _statement(statement: Statement, carried: int) -> Iterator[Finding]:
    where = f"statement {statement.number or statement.pk}"
    redeemed = statement.redemptions.aggregate(
        points=Coalesce(Sum("price_points"), 0), fen=Coalesce(Sum("amount_fen"), 0)
    )
    given_back = statement.refunds.aggregate(
        points=Coalesce(Sum("points"), 0), fen=Coalesce(Sum("amount_fen"), 0)
    )
    for name, written, summed in (
        ("redemptions", statement.redemptions_count, statement.redemptions.count()),
        ("refunds", statement.refunds_count, statement.refunds.count()),
        ("points", statement.points, int(redeemed["points"] - given_back["points"])),
        ("amount_fen", statement.amount_fen, int(redeemed["fen"] - given_back["fen"])),
        ("carried_fen", statement.carried_fen, carried),
    ):
        if written != summed:
            yield Finding(f"{name} says {written}, its lines {summed}", where)
    if statement.digest and statement.digest != sealed.digest(statement):
        yield Finding("its digest is of something else", where)


def _account(community: Community, partnership: Partnership) -> Iterator[Finding]:
    """What the ledger keeps for the merchant is what was redeemed and is not paid for yet."""
    account = (
        points.accounts_in(community)
        .filter(kind=AccountKind.MERCHANT, holder=f"merchant:{partnership.merchant_id}")
        .first()
    )
    balance = points.balance(account) if account else 0
    redeemed = partnership.redemptions.filter(status=Redemption.Status.REDEEMED)
    owed = (
        (redeemed.aggregate(sum=Sum("price_points"))["sum"] or 0)
        - (partnership.refunds.aggregate(sum=Sum("points"))["sum"] or 0)
        - (
            partnership.statements.filter(status=Statement.Status.PAID).aggregate(
                sum=Sum("points")
            )["sum"]
            or 0
        )
    )
    if balance != owed:
        yield Finding(
            f"the ledger keeps {balance} points, redemptions less payments are {owed}",
            f"partner {partnership.pk}",
        )


def _numbers(community: Community) -> Iterator[Finding]:
    numbered = Statement.objects.filter(community=community, number_year__isnull=False)
    wanted: dict[int | None, int] = {}
    for year, number in numbered.order_by("number_year", "number_in_year").values_list(
        "number_year", "number_in_year"
    ):
        wanted[year] = wanted.get(year, 0) + 1
        if number != wanted[year]:
            yield Finding(f"a number is missing before {number}", f"statements of {year}")
            return
