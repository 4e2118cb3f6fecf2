"""Paying a statement by WeChat: the money goes to an owner, by backend/payouts/.

Locks are taken in one order: payout, statement.
"""

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Q

from backend.accounts.models import User
from backend.payouts import services as payouts
from backend.payouts import subjects
from backend.payouts.errors import OwnPayout, PayoutUnderWay
from backend.payouts.models import Payout, Purpose
from merchants.partners.selectors import owners_of
from merchants.partners.services import sides
from merchants.settlement import errors, selectors
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import statements as settlement


@transaction.atomic
def order(*, statement: Statement, ordered_by: User) -> Payout:
    """Order a payout of what is due to the longest-standing owner who logs in with WeChat.

    The person who orders it counts as the payer. Raises OwnMerchant, StatementStatusWrong unless
    the statement is approved, OwnApproval, NothingToPay, PayoutUnderWay if the bank pays it,
    PayeeMissing, OwnPayout if the payee approved the statement, and what a payout raises.
    """
    statement = statement.locked("partnership", "community")
    sides.refuse_own(ordered_by, statement.partnership, statement.period_start)
    if statement.status != Statement.Status.APPROVED:
        raise errors.StatementStatusWrong(current_status=statement.status)
    if statement.approved_by_id == ordered_by.pk:
        raise errors.OwnApproval
    if statement.due_fen == 0:
        raise errors.NothingToPay
    if selectors.is_with_the_bank(statement):
        raise PayoutUnderWay
    payee = _payee(statement)
    if payee.pk == statement.approved_by_id:  # and became an owner afterwards
        raise OwnPayout
    return payouts.order(
        community=statement.community,
        subject=statement.subject,
        holder=f"merchant:{statement.partnership.merchant_id}",
        title=f"{statement.partnership.name} {statement.number}",
        amount_fen=statement.due_fen,
        payee=payee,
        purpose=Purpose(
            remark=f"积分结算 {statement.number}",
            scene=settings.WECHATPAY_SCENE,
            report=settings.WECHATPAY_SCENE_INFO,
            perception=settings.WECHATPAY_PERCEPTION,
        ),
        ordered_by=ordered_by,
    )


def _payee(statement: Statement) -> User:
    on_wechat = SocialAccount.objects.filter(provider="wechat")
    owner = (
        owners_of(statement.partnership.merchant_id)
        .filter(user__in=on_wechat.values("user"))
        .select_related("user")
        .first()
    )
    if owner is None:
        raise errors.PayeeMissing
    return owner.user


def _hears(payout: Payout) -> None:
    """Mark the statement as paid if the payout succeeded."""
    if payout.status == Payout.Status.SUCCEEDED:
        settlement.mark_paid(
            statement=_statement(payout),
            payer=payout.ordered_by,
            payment_reference=payout.transfer_bill_no,
            was_ordered=True,
        )


def _refuse(payout: Payout, by: User) -> None:
    """Raise OwnMerchant if ``by`` is on the merchant's side."""
    statement = _statement(payout)
    sides.refuse_own(by, statement.partnership, statement.period_start)


def _seen_by(user: User) -> Q:
    there = selectors.statements_seen_by(user).filter(community=OuterRef("community"))
    return Q(subject__in=selectors.subjects_of(there))


def _statement(payout: Payout) -> Statement:
    statements = Statement.objects.select_related("partnership")
    return statements.get(community=payout.community_id, pk=subjects.id_of(payout))


KIND = subjects.Kind(hears=_hears, refuse=_refuse, seen_by=_seen_by)
