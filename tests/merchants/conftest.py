"""Fixtures of the merchants' tests: threads, a look at the books, and past redemptions."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Sum

from merchants.models import Merchant, Offer, Redemption
from merchants.redemption.services import vouchers as redemption
from points.kinds import AccountKind, Unit
from points.ledger import selectors as points
from points.models import Account, Hold
from tests.verified import moved


@pytest.fixture
def shop(tea_house) -> Merchant:
    return tea_house.merchant


@pytest.fixture
def books(lake, tea) -> Callable[..., dict[str, int]]:
    """A look at the books: points of one person and the tea house, and the tea's stock.

    Each look holds every wallet's running totals against its transfers and holds.
    """

    def look(user):
        for account in Account.objects.filter(kind=AccountKind.WALLET, unit=Unit.POINTS):
            held = Hold.objects.filter(debit=account, state=Hold.State.HELD)
            assert account.held == (held.aggregate(points=Sum("amount"))["points"] or 0)
            assert account.credits - account.debits == moved(points.transfers_of(account), account)
        totals = points.totals_by_kind(lake)
        assert sum(totals.values()) == 0
        wallet = points.wallet_of(lake.pk, user.pk)
        return {
            "available": wallet.available,
            "held": wallet.held,
            "merchants": totals["merchant"],
            "settled": totals["settled"],
            "stock": Offer.objects.get(pk=tea.pk).stock,
        }

    return look


@pytest.fixture
def redeemed(lake, wang, chen, tea, grant_points) -> Callable[..., Redemption]:
    """Wang's tea of the past: ``redeemed("2024-03-05 10:00")``, by the community's clock."""

    def redeem(moment: str, quantity: int = 1, offer: Offer = tea) -> Redemption:
        now = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(lake.timezone))
        grant_points(wang, offer.price_points * quantity)
        voucher = redemption.take(offer=offer, volunteer=wang, quantity=quantity, now=now)
        merchant = offer.partnership.merchant
        redemption.scan(merchant_id=merchant.pk, clerk=chen, code=voucher.code, now=now)
        voucher.refresh_from_db()
        return voucher

    return redeem
