"""What the tests of merchants share: threads, a look at the books, and redemptions of the past."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import Sum

from backend.celery import app
from backend.errors import Refusal
from merchants.models import Offer, Redemption
from merchants.services import redemption
from points import selectors as points
from points.models import Account, AccountKind, Hold, Unit


@pytest.fixture
def at_once() -> Callable[..., list]:
    """``at_once(20, work)`` runs ``work(0)`` … ``work(19)`` in as many threads at one moment.

    Answers what each returned, or the code of what it was refused with, in their order.
    """

    def run(count, work):
        together = threading.Barrier(count)

        def one(number):
            try:
                connection.ensure_connection()
                together.wait(timeout=30)
                return work(number)
            except Refusal as refusal:
                return refusal.code
            finally:
                connection.close()

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(one, range(count)))

    return run


@pytest.fixture
def books(lake, tea) -> Callable[..., dict[str, int]]:
    """What the books say of one person's points, the tea house's and the tea's stock.

    Each look holds every wallet's running totals against its transfers and holds.
    """

    def look(user):
        for account in Account.objects.filter(kind=AccountKind.WALLET, unit=Unit.POINTS):
            held = Hold.objects.filter(debit=account, state=Hold.State.HELD)
            assert account.held == (held.aggregate(points=Sum("amount"))["points"] or 0)
            assert account.credits - account.debits == points.total(
                points.transfers_of(account), account
            )
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
        return redemption.scan(merchant=merchant, clerk=chen, code=voucher.code, now=now)

    return redeem


@pytest.fixture
def _tasks_run_at_once():
    """A queued task runs where it is queued; tests/journeys/ has real workers."""
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    yield
    app.conf.update(task_always_eager=False, task_eager_propagates=False)
