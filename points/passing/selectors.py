"""Reads of what one record of a person has, for merging it into another."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from uuid import UUID

from django.db.models import Q, Sum

from backend.accounts.models import User
from backend.communities.selectors import known_to
from backend.registries.merging import Conflict
from points.awards.models import Adjustment
from points.funds.models import Claim
from points.kinds import RECEIVES, Unit
from points.ledger.models import Account, Earned, Transfer
from points.ledger.selectors import wallet_of


def left_in(wallet: Account) -> list[tuple[date | None, int]]:
    """List the points that can be spent out of the wallet by their last day, the earliest first.

    Spending is first-expiring-first, so what is left is what was earned last to expire. Points that
    were passed on before took their own day along, and are not left.
    """
    left, parts = wallet.available, Counter[date | None]()
    earned = Earned.objects.filter(community=wallet.community_id, account=wallet, points__gt=0)
    by_day: dict[date | None, int] = dict(earned.values_list("expires_on", "points"))
    passed = Transfer.objects.filter(
        Q(debit=wallet) | Q(credit=wallet), community=wallet.community_id, reason="merge"
    )
    still = by_day | {
        day: by_day.get(day, 0) - points
        for day, points in passed.order_by().values_list("expires_on").annotate(Sum("amount"))
    }
    days = sorted(by_day, key=lambda day: day or date.max, reverse=True)
    for of_day in (still, by_day):  # the second for what was voided after it had been passed on
        for day in days:
            part = min(left, max(0, of_day[day] - parts[day]))
            parts[day] += part
            left -= part
    assert left == 0, f"Wallet {wallet.pk} holds {left} points that it never earned."
    return [(day, parts[day]) for day in reversed(days) if parts[day]]


def counted(community_id: UUID, user_id: UUID) -> dict[str, int]:
    """Tell how many points a record can spend in a community."""
    wallet = wallet_of(community_id, user_id)
    return {"points": wallet.available if wallet else 0}


def conflicts(merged: User, kept: User) -> Iterator[Conflict]:
    """Yield what money and corrections say against merging the two records."""
    places = known_to(merged)
    pending = Claim.objects.filter(
        community__in=places,
        payee__in=Account.objects.filter(
            community__in=places, kind=RECEIVES[Unit.FEN], holder=f"person:{merged.pk}"
        ),
        status__in=Claim.OPEN,
        taken_back_at=None,
    )
    for community_id in pending.values_list("community_id", flat=True).distinct():
        yield Conflict("payout_pending", community_id)
    for person, other in ((merged, kept), (kept, merged)):
        decided = Adjustment.objects.filter(community__in=places, person=person, decided_by=other)
        for community_id, pk in decided.values_list("community_id", "pk"):
            yield Conflict("decided_each_other", community_id, (pk,))
