"""A wallet, and who it earns from and spends with."""

import pytest

from points.kinds import AccountKind
from points.ledger import services as ledger
from points.ledger.services import Movement
from points.models import Account
from tests.points.clock import Clock
from tests.verified import untriggered


@pytest.fixture
def _no_rules(lake) -> None:
    """The lake as if it had no rules: nothing waits to be sealed but what a test does."""
    untriggered("DELETE FROM points_ruleversion; DELETE FROM points_unsealed")


@pytest.fixture
def wallet(lake, wang) -> Account:
    return ledger.wallet(community=lake, person_id=wang.pk)


@pytest.fixture
def issuance(lake) -> Account:
    return ledger.account(community=lake, kind=AccountKind.ISSUANCE)


@pytest.fixture
def fund(lake) -> Account:
    return ledger.account(community=lake, kind=AccountKind.FUND, holder="fund:1")


@pytest.fixture
def shop(lake) -> Account:
    return ledger.account(community=lake, kind=AccountKind.MERCHANT, holder="merchant:1")


@pytest.fixture
def earn(wallet, issuance) -> Movement:
    """100 points for the wallet."""
    return Movement(
        debit=issuance, credit=wallet, amount=100, key="hours:1", reason="hours", source="hours:1"
    )


@pytest.fixture
def spend(wallet, shop) -> Movement:
    """30 points for the shop."""
    return Movement(
        debit=wallet,
        credit=shop,
        amount=30,
        key="redemption:1",
        reason="redemption",
        source="test:redemption:1",
    )


@pytest.fixture
def clock(db, monkeypatch) -> Clock:
    """A clock that can be set: ``clock.noon(date(2024, 12, 31))``."""
    return Clock(monkeypatch)
