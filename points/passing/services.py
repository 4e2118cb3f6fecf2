"""Passing points on from the wallet of a record that was merged into another."""

from datetime import date
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import known_to, tenants_here
from backend.ids import new_id
from backend.people.selectors import merge_of
from backend.registries.merging import Merging
from points.ledger import services as ledger
from points.ledger.models import Account
from points.ledger.selectors import wallet_of
from points.passing.models import Passing
from points.passing.selectors import left_in


def pass_on_everywhere(merging: Merging) -> None:
    """Pass on what the record that ends has in each community."""
    for community in tenants_here().filter(pk__in=known_to(merging.merged)).order_by("pk"):
        pass_on(community=community, merged=merging.merged, kept=merging.kept, merge_id=merging.id)


def pass_on_late(merged: User) -> int:
    """Pass on what reached a record after it was merged; returns the points. Idempotent."""
    kept = merged.merged_into
    assert kept is not None
    merge_id = merge_of(merged).pk
    return sum(
        pass_on(community=community, merged=merged, kept=kept, merge_id=merge_id)
        for community in tenants_here().filter(pk__in=known_to(merged)).order_by("pk")
    )


@transaction.atomic
def pass_on(*, community: Community, merged: User, kept: User, merge_id: UUID) -> int:
    """Transfer what the wallet of ``merged`` has there to that of ``kept``; returns the points.

    One transfer for each last day, which the points keep. What the wallet of ``merged`` owes, after
    an award was voided, comes from that of ``kept`` as far as it has it. Idempotent: there is
    nothing left to pass on then.
    """
    if wallet_of(community.pk, merged.pk) is None:
        return 0
    wallets = ledger.receivers(community=community, person_ids=[merged.pk, kept.pk])
    ended, lasting = wallets[merged.pk], wallets[kept.pk]
    _take_expired(community, ended, lasting)
    passed = 0
    for day, amount in left_in(ended):
        passed += _pass(merge_id, community, merged, kept, ended, lasting, amount, day)
    for wallet in (ended, lasting):
        wallet.refresh_from_db()
    owed = ended.shortfall
    for day, amount in left_in(lasting) if owed else ():
        if part := min(owed, amount):
            _pass(merge_id, community, kept, merged, lasting, ended, part, day)
            owed -= part
    return passed


def _pass(
    merge_id: UUID,
    community: Community,
    giver: User,
    receiver: User,
    debit: Account,
    credit: Account,
    amount: int,
    day: date | None,
) -> int:
    passing_id, now = new_id(), timezone.now()
    source = Passing.source_of(passing_id)
    transfer = ledger.post(
        ledger.Movement(
            debit=debit,
            credit=credit,
            amount=amount,
            key=source,
            reason="merge",
            source=source,
            explanation={"merge": str(merge_id)},
            occurred_at=now,
            expires_on=day,
        )
    )
    Passing.objects.create(
        id=passing_id,
        community=community,
        merge_id=merge_id,
        giver=giver,
        receiver=receiver,
        amount=amount,
        transfer=transfer,
        passed_at=now,
    )
    return amount


def _take_expired(community: Community, *wallets: Account) -> None:
    """Take what expired out of the locked wallets, and read them as they are then."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM points_take_expired(%s, %s, 'infinity')",
            [community.pk, [wallet.pk for wallet in wallets]],
        )
    for wallet in wallets:
        wallet.refresh_from_db()
