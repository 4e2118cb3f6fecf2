"""The data held in a person's wallets. The ledger keeps its numbers: an erasure takes words."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.communities.selectors import tenants
from backend.privacy import held
from points.awards.models import Adjustment, Award, Void
from points.funds.models import Claim, Fund, Recovery, TopUp
from points.kinds import RECEIVES, Unit
from points.ledger import selectors
from points.ledger.models import Account, Earned, Hold, Reversal
from points.passing.models import Passing


def _wallets_of(user: User) -> list[Account]:
    """List the person's wallets of both units everywhere, also in communities they have left."""
    places = list(tenants().values_list("pk", flat=True))
    found = [selectors.wallets_of(places, user.pk, unit) for unit in Unit]
    return [wallets[place] for place in places for wallets in found if place in wallets]


def _wallets(user: User) -> Iterator[held.Row]:
    for wallet in _wallets_of(user):
        balance = wallet.credits - wallet.debits
        code = wallet.community.code
        yield code, wallet.unit, balance, wallet.held, wallet.available, wallet.shortfall


def _of_each_wallet(
    name: str, about: str, columns: str, theirs: Callable[[Account], QuerySet[Any]]
) -> None:
    """Declare a table of the rows that belong to each of the person's wallets."""

    def rows(user: User) -> Iterator[held.Row]:
        for wallet in _wallets_of(user):
            yield from held.each(theirs(wallet), *held.paths(columns).values())

    held.table(name, about, columns, rows=rows)


def _of(model: type[Model], field: str) -> Callable[[Account], QuerySet[Any]]:
    return lambda wallet: model._default_manager.filter(
        community_id=wallet.community_id, **{field: wallet}
    )


_CLAIM_COLUMNS = (
    "id community amount unit=payee__unit reason source=subject status closed_at"
    " requested_at=claimed_at resolved_at frozen_at set_off taken_back_at explanation"
)


_AWARD_COLUMNS = (
    "id community source local_day unit amount awarded_at transfer=transfer_id claim=claim_id"
    " explanation=explanation_of_nothing"  # that of something is the transfer's or the claim's
)
_VOID_COLUMNS = "id community source=award__source reason voided_at"
_RECOVERY_COLUMNS = "id community claim=claim_id amount reference recovered_at"


def _accounts_of(user: User) -> QuerySet[Account]:
    """Return the accounts in which the person receives points and money."""
    return Account.objects.filter(
        community__in=tenants(), kind__in=RECEIVES.values(), holder=f"person:{user.pk}"
    )


def _of_accounts(
    model: type[Model], account: str, columns: str
) -> Callable[[User], Iterator[held.Row]]:
    def rows(user: User) -> Iterator[held.Row]:
        theirs = model._default_manager.filter(
            community__in=tenants(), **{f"{account}__in": _accounts_of(user)}
        )
        return held.each(theirs, *held.paths(columns).values())

    return rows


def _empty_reasons(user: User) -> None:
    for account in _accounts_of(user):
        awards = Award.objects.filter(community=account.community_id, account=account)
        theirs = Void.objects.filter(community=account.community_id, award__in=awards)
        theirs.exclude(reason="").update(reason="")


held.FORGETS.append(_empty_reasons)
held.table(
    "wallets",
    "各社区的积分余额 / your points in each community",
    "community unit balance held available shortfall",
    rows=_wallets,
)
_of_each_wallet(
    "transfers",
    "每一笔积分进出及其计算依据 / every movement of points, and why",
    "id community amount=signed reason source occurred_at posted_at expires_on"
    " reverses=reverses_id explanation",
    lambda wallet: selectors.transfers_of(wallet).annotate(signed=selectors.signed(wallet)),
)
held.table(
    "awards",
    "每条记录得到的积分或奖金 / what each record earned",
    _AWARD_COLUMNS,
    rows=_of_accounts(Award, "account", _AWARD_COLUMNS),
)
held.table(
    "voids",
    "被作废的记录及原因 / records that were voided, and why",
    _VOID_COLUMNS,
    rows=_of_accounts(Void, "award__account", _VOID_COLUMNS),
)
_of_each_wallet(
    "earned",
    "获得的积分及其到期日 / points earned, and their last day",
    "community expires_on points",
    _of(Earned, "account"),
)
_of_each_wallet(
    "holds",
    "被冻结的积分 / points set aside",
    "id community amount reason source status=state occurred_at expires_at resolved_at"
    " transfer=transfer_id explanation",
    _of(Hold, "debit"),
)
_of_each_wallet(
    "reversals",
    "被冲正的积分 / points taken back",
    "id community reverses=transfer_id amount recovered reason source occurred_at requested_at",
    _of(Reversal, "account"),
)
held.table(
    "claims",
    "由专项资金支付给您的款项或积分 / what funds pay you",
    _CLAIM_COLUMNS,
    rows=_of_accounts(Claim, "payee", _CLAIM_COLUMNS),
)
held.table(
    "recoveries",
    "您退回或被抵扣的款项 / what you gave back, or was set off",
    _RECOVERY_COLUMNS,
    rows=_of_accounts(Recovery, "claim__payee", _RECOVERY_COLUMNS),
)
held.acts(Fund, "opened_by", "ended_by")
held.acts(TopUp, "topped_up_by")
held.acts(Claim, "asked_by", "approved_by", "taken_back_by")
held.acts(Recovery, "recorded_by")
held.table(
    "adjustments",
    "带入的纸质积分和更正 / points brought along from paper, and corrections",
    "id community kind amount expires_on reason status proposed_at decided_at",
    Adjustment,
    "person",
    emptied=["reason"],
)
held.acts(Adjustment, "proposed_by", "decided_by")
held.left_out("it stands among the transfers", Passing, "giver", "receiver")
held.titles(
    amount=_("Amount"),
    available=_("Available"),
    awarded_at=_("Awarded at"),
    balance=_("Balance"),
    claim=_("Claim on a fund"),
    expires_on=_("Last day"),
    explanation=_("Explanation"),
    frozen_at=_("Frozen at"),
    held=_("Held"),
    local_day=_("Day"),
    posted_at=_("Posted at"),
    reason=_("Reason"),
    recovered=_("Recovered"),
    recovered_at=_("Recovered at"),
    reference=_("Reference"),
    resolved_at=_("Resolved at"),
    reverses=_("Takes back"),
    set_off=_("Set off"),
    shortfall=_("Shortfall"),
    source=_("Source"),
    taken_back_at=_("Taken back at"),
    transfer=_("Transfer"),
    unit=_("Unit"),
)
