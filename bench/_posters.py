"""``python -m bench._posters NUMBER``: one of the processes that call ``ledger.post``."""

import sys
from itertools import count
from random import Random

import django

from bench._team import work

django.setup()

from points.kinds import AccountKind  # noqa: E402
from points.ledger import services as ledger  # noqa: E402
from points.models import Account  # noqa: E402


def main(number: str) -> None:
    """Post movements of one point between accounts drawn at random."""
    draw = Random(number)
    serial = count()
    wallets = list(Account.objects.filter(kind=AccountKind.WALLET).order_by("pk"))
    issuances = list(Account.objects.filter(kind=AccountKind.ISSUANCE).order_by("pk"))

    def post(debit: Account, credit: Account) -> None:
        ledger.post(
            ledger.Movement(
                debit=debit,
                credit=credit,
                amount=1,
                key=f"bench:{number}:{next(serial)}",
                reason="bench",
                source=f"test:bench:{number}:{next(serial)}",
                explanation={"rule": "bench"},
            )
        )

    work(
        {
            "award": lambda: post(issuances[0], draw.choice(wallets)),
            "award_spread": lambda: post(draw.choice(issuances), draw.choice(wallets)),
            "spend": lambda: post(*draw.sample(wallets, 2)),
        }
    )


if __name__ == "__main__":
    main(sys.argv[1])
