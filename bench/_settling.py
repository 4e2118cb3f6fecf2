"""A month's settlement when it is ten times as large.

BENCH_SETTLED=SMALL,LARGE (100000,1000000) are the numbers of redemptions, of 1,000 merchants, or as
many as there are redemptions if those are fewer. ``python -m bench._settling CODE`` drafts the
statements of one community: "empty" owes nothing, and measures the start alone.
"""

import sys
from datetime import date
from functools import cache
from pathlib import Path

import django
from django.db import connection, transaction

from bench._database import own_database
from bench._outcome import asked_pair
from bench._peak import measured

MERCHANTS = 1_000
REDEEMED = Path(__file__).with_name("redeemed.sql")


def figures() -> dict[str, float]:
    """Return ``settle_growth`` (seconds) and ``settle_memory`` (peak resident), large ÷ small."""
    small, large = map(_costs, asked_pair("SETTLED"))
    return {name: large[name] / small[name] for name in small}


@cache
def _costs(rows: int) -> dict[str, float]:
    from merchants.models import Statement

    with own_database():
        _redeem(rows)
        all_of_it = measured("-m", "bench._settling", "bench")
        if (drafted := Statement.objects.count()) != min(MERCHANTS, rows):
            raise RuntimeError(f"{drafted} statements were drafted")
        return {
            "settle_growth": all_of_it["seconds"] - _seconds_to_start(),
            "settle_memory": all_of_it["peak_kib"],
        }


@cache
def _seconds_to_start() -> float:
    return measured("-m", "bench._settling", "empty")["seconds"]


@transaction.atomic
def _redeem(rows: int) -> None:
    from backend.accounts.models import User
    from backend.communities.services import places
    from merchants.catalogue.services import offers as catalogue
    from merchants.models import Merchant, Partnership

    places.found(code="empty", name="empty")
    community = places.found(code="bench", name="bench")
    merchants = Merchant.objects.bulk_create(
        Merchant(name=f"{number}", trade="bench") for number in range(min(MERCHANTS, rows))
    )
    first, *_ = Partnership.objects.bulk_create(
        Partnership(community=community, merchant=merchant, name=merchant.name)
        for merchant in merchants
    )
    offer = catalogue.offer(
        partnership=first, code="bench", title="bench", price_points=10, stock=1
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            REDEEMED.read_text(encoding="utf-8"),
            {
                "community": community.pk,
                "offer": offer.pk,
                "partners": len(merchants),
                "volunteer": User.objects.create(username="bench", name="bench").pk,
                "rows": rows,
            },
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("ANALYZE merchants_redemption")


def main(code: str) -> None:
    from backend.communities.models import Community
    from merchants.settlement.services import statements

    statements.draft(
        community=Community.objects.get(code=code),
        period_start=date(2024, 3, 1),
        period_end=date(2024, 4, 1),
    )


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1])
