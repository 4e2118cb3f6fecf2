"""``python -m bench._hordak NUMBER``: one of the processes that post with django-hordak.

``python -m bench._hordak prepare WALLETS AMOUNT`` makes its tables, and wallets with AMOUNT.
"""

import sys
from random import Random

import django
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from backend.test_settings import DATABASES
from bench._team import work

settings.configure(  # of its own, on the same server as ours
    DATABASES=DATABASES,
    INSTALLED_APPS=["django.contrib.contenttypes", "mptt", "hordak"],
    USE_TZ=True,
    DEFAULT_CURRENCY="CNY",
    HORDAK_INTERNAL_CURRENCY="CNY",
)
django.setup()

from hordak.models import Account, AccountType  # type: ignore[import-untyped]  # noqa: E402
from moneyed import CNY, Money  # noqa: E402


def prepare(wallets: int, amount: int) -> None:
    """Make the wallets: accounts of the type in which a transfer lowers the payer's balance."""
    call_command("migrate", verbosity=0)
    with transaction.atomic():
        # In bulk: a trigger works out everybody's code for each statement. One tree to an account.
        source, *opened = Account.objects.bulk_create(
            Account(
                name=f"{tree}",
                type=AccountType.asset if tree else AccountType.equity,
                **{"lft": 1, "rght": 2, "level": 0, "tree_id": tree + 1},
            )
            for tree in range(wallets + 1)
        )
        for account in opened:
            source.transfer_to(account, Money(amount, CNY))


def main(number: str) -> None:
    draw = Random(number)
    wallets = list(
        Account.objects.filter(type=AccountType.asset).order_by("pk").values_list("pk", flat=True)
    )
    amount = Money(1, CNY)

    @transaction.atomic
    def spend() -> None:
        """Spend as safely as ours: nobody else moves these two, nor is more taken than there is."""
        payer, payee = draw.sample(wallets, 2)
        both = Account.objects.filter(pk__in=[payer, payee]).order_by("pk")
        locked = {account.pk: account for account in both.select_for_update(no_key=True)}
        if locked[payer].get_simple_balance()["CNY"] < amount:
            raise RuntimeError("overdrawn")
        locked[payer].transfer_to(locked[payee], amount)

    work({"spend": spend})


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(*map(int, sys.argv[2:]))
    else:
        main(sys.argv[1])
