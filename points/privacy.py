"""The data held in a person's wallets. The ledger keeps its numbers: an erasure takes words."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.communities.selectors import tenants
from backend.privacy import held
from points.awards.models import Adjustment, Award, Void
from points.funds.models import Claim, Fund, TopUp
from points.funds.services import PAYEES
from points.kinds import Unit
from points.ledger import selectors
from points.ledger.models import Account, Earned, Hold, Reversal


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
    " requested_at=claimed_at resolved_at explanation"
)


def _claims(user: User) -> Iterator[held.Row]:
    payees = Account.objects.filter(
        community__in=tenants(), kind__in=PAYEES.values(), holder=f"person:{user.pk}"
    )
    theirs = Claim.objects.filter(community__in=tenants(), payee__in=payees)
    return held.each(theirs, *held.paths(_CLAIM_COLUMNS).values())


def _empty_reasons(user: User) -> None:
    for wallet in _wallets_of(user):
        awards = Award.objects.filter(account=wallet)
        theirs = Void.objects.filter(community=wallet.community_id, award__in=awards)
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
_of_each_wallet(
    "awards",
    "每条记录得到的积分 / what each record earned",
    "id community source local_day unit amount awarded_at transfer=transfer_id"
    " explanation=explanation_of_nothing",  # that of something is the transfer's
    _of(Award, "account"),
)
_of_each_wallet(
    "voids",
    "被作废的记录及原因 / records that were voided, and why",
    "id community source=award__source reason voided_at",
    _of(Void, "award__account"),
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
    rows=_claims,
)
held.acts(Fund, "opened_by", "ended_by")
held.acts(TopUp, "topped_up_by")
held.acts(Claim, "asked_by", "approved_by")
held.table(
    "adjustments",
    "带入的纸质积分和更正 / points brought along from paper, and corrections",
    "id community kind amount expires_on reason status proposed_at decided_at",
    Adjustment,
    "person",
    emptied=["reason"],
)
held.acts(Adjustment, "proposed_by", "decided_by")
held.titles(
    amount=_("Amount"),
    available=_("Available"),
    awarded_at=_("Awarded at"),
    balance=_("Balance"),
    expires_on=_("Last day"),
    explanation=_("Explanation"),
    held=_("Held"),
    local_day=_("Day"),
    posted_at=_("Posted at"),
    reason=_("Reason"),
    recovered=_("Recovered"),
    resolved_at=_("Resolved at"),
    reverses=_("Takes back"),
    shortfall=_("Shortfall"),
    source=_("Source"),
    transfer=_("Transfer"),
    unit=_("Unit"),
)
