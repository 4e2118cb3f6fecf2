"""Reads of the ledger and the rules."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from backend.communities.models import Community
from backend.communities.selectors import lineage
from points.errors import TransferUnknown
from points.models import Account, AccountKind, Award, RuleVersion, Transfer, Unit


def wallet_of(community_id: UUID, person_id: UUID) -> Account | None:
    """The person's wallet, or ``None`` for who never earned anything there."""
    return Account.objects.filter(
        community_id=community_id,
        kind=AccountKind.WALLET,
        unit=Unit.POINTS,
        holder=f"person:{person_id}",
    ).first()


def wallets_of(community_ids: Iterable[UUID], person_id: UUID) -> dict[UUID, Account]:
    """The person's wallets in those communities, by community; none where nothing was earned."""
    wallets = Account.objects.filter(
        community_id__in=list(community_ids),
        kind=AccountKind.WALLET,
        unit=Unit.POINTS,
        holder=f"person:{person_id}",
    )
    return {wallet.community_id: wallet for wallet in wallets}


def balance(account: Account, *, at: datetime | None = None) -> int:
    """Credits less debits, in the account's unit: of all that was posted, or posted by ``at``.

    What is held still counts; ``Account.available`` is what can be spent.
    """
    if account.has_floor and at is None:
        account.refresh_from_db(fields=["credits", "debits", "held"])
        return account.credits - account.debits
    return total(transfers_of(account), account, at=at)


def total(transfers: QuerySet[Transfer], account: Account, *, at: datetime | None = None) -> int:
    """What ``transfers`` brought ``account``, less what they took."""
    if at is not None:
        transfers = transfers.filter(posted_at__lte=at)
    sums = transfers.aggregate(
        credits=Coalesce(Sum("amount", filter=Q(credit=account)), 0),
        debits=Coalesce(Sum("amount", filter=Q(debit=account)), 0),
    )
    return int(sums["credits"] - sums["debits"])


def transfers_of(account: Account) -> QuerySet[Transfer]:
    """The account's statement, newest first."""
    return Transfer.objects.filter(
        Q(debit=account) | Q(credit=account), community_id=account.community_id
    ).order_by("-id")


def transfers_in(community: Community) -> QuerySet[Transfer]:
    """Everything that moved in the community, with both accounts, newest first."""
    return (
        Transfer.objects.filter(community=community)
        .select_related("debit", "credit")
        .order_by("-id")
    )


def transfer_of(person_id: UUID, transfer_id: UUID) -> tuple[Transfer, Account]:
    """A transfer that reached or left the person's wallet, and that wallet.

    Raises TransferUnknown, also for a transfer between others.
    """
    transfer = Transfer.objects.select_related("community").filter(pk=transfer_id).first()
    wallet = wallet_of(transfer.community_id, person_id) if transfer else None
    if not transfer or not wallet or wallet.pk not in (transfer.debit_id, transfer.credit_id):
        raise TransferUnknown
    return transfer, wallet


def totals_by_kind(community: Community, unit: Unit = Unit.POINTS) -> dict[str, int]:
    """Each kind's balance in the whole community; together they are zero."""
    balances = dict.fromkeys(AccountKind.values, 0)
    for side, sign in (("credit", 1), ("debit", -1)):
        sums = (
            Transfer.objects.filter(community=community, **{f"{side}__unit": unit})
            .values_list(f"{side}__kind")
            .annotate(moved=Sum("amount"))
        )
        for kind, moved in sums:
            balances[kind] += sign * int(moved)
    return balances


def public_figures(community: Community) -> dict[str, int]:
    """Points ``issued`` since the beginning, ``redeemed`` with merchants, and ``outstanding``.

    The last are those in wallets, reserved ones included.
    """
    totals = totals_by_kind(community)
    return {
        "issued": -totals[AccountKind.ISSUANCE],
        "redeemed": totals[AccountKind.MERCHANT] + totals[AccountKind.SETTLED],
        "outstanding": totals[AccountKind.WALLET],
    }


def rule_for(community: Community, subject: str, category: str, day: date) -> RuleVersion | None:
    """The version that says what ``category`` earns on ``day``, the community's own day.

    The community's own rules come first, then those of the places above it; in each place the
    category's rule comes before ``*``. Of several versions valid that day the latest counts.
    """
    places = [place.pk for place in lineage(community)]
    candidates = RuleVersion.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gte=day),
        community__in=places,
        rule__subject=subject,
        rule__category__in=[category, "*"],
        valid_from__lte=day,
    ).select_related("rule")
    return min(
        candidates,
        key=lambda version: (
            places.index(version.community_id),
            version.rule.category == "*",
            -version.number,
        ),
        default=None,
    )


def categories_with_rule(community: Community, subject: str) -> set[str]:
    """Every category that has a rule of its own, here or above; ``*`` stands for all others."""
    return set(
        RuleVersion.objects.filter(
            community__in=lineage(community), rule__subject=subject
        ).values_list("rule__category", flat=True)
    )


def points_awarded_that_day(account: Account, rule_id: UUID, local_day: date) -> int:
    """What ``rule`` has brought ``account`` for that day so far, against its daily cap."""
    awarded = Award.objects.filter(
        community_id=account.community_id,
        account=account,
        local_day=local_day,
        rule_version__rule_id=rule_id,
    ).aggregate(points=Coalesce(Sum("points"), 0))
    return int(awarded["points"])


def points_by_source(community_ids: Iterable[UUID], sources: Iterable[str]) -> dict[str, int]:
    """What each of these records earned, by its source; one that has earned no award is absent."""
    awards = Award.objects.filter(
        community_id__in=list(community_ids), source__in=list(sources)
    ).values_list("source", "points")
    return dict(awards)
