"""Paying a statement by WeChat: a payout keeps one number until WeChat says how it ended.

Without an answer that can be trusted the money may be on its way, so the same number is sent again
with the same parameters. Only after a payout failed or was cancelled can there be another. A payout
that staff cancel is never sent again.
Locks are taken in one order: payout, statement. None is held while WeChat is asked.
Source: shared/WECHAT.md, section 2.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.wechat import pay
from backend.wechat.errors import WeChatPayNotConfigured
from merchants.partners.selectors import owners_of
from merchants.partners.services import sides
from merchants.settlement import errors, selectors
from merchants.settlement.models.payouts import Payout, PayoutCallback
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import statements as settlement

logger = logging.getLogger(__name__)

Status = Payout.Status
ENDS = {"SUCCESS": Status.SUCCEEDED, "FAIL": Status.FAILED, "CANCELLED": Status.CANCELLED}
UNCONFIRMED = ("ACCEPTED", "PROCESSING", "WAIT_USER_CONFIRM")  # WeChat still cancels these
NOT_FOUND = "NOT_FOUND"
# WeChat knows a number for 30 days; sent again later, it would be paid a second time.
SEND_AGAIN_FOR = timedelta(days=29)
CLOSED_AFTER = timedelta(hours=25)  # WeChat closes after 24 what nobody confirmed
UNCLEAR_AFTER = timedelta(hours=1)  # after which somebody has to look
ASK_AGAIN = (timedelta(seconds=15), timedelta(hours=1))  # at first, and at last


@transaction.atomic
def order(*, statement: Statement, ordered_by: User) -> Payout:
    """Order a payout of what is due to the longest-standing owner who logs in with WeChat.

    A task sends the payout. The person who orders it counts as the payer. Raises
    WeChatPayNotConfigured, OwnMerchant, StatementStatusWrong unless the statement is approved,
    OwnApproval, NothingToPay, PayoutOutsideLimits, PayoutUnderWay (by the bank too), PayeeMissing,
    OwnPayout if the payee approved the statement.
    """
    if not pay.is_configured():
        raise WeChatPayNotConfigured
    statement = statement.locked("partnership", "community")
    sides.refuse_own(ordered_by, statement.partnership, statement.period_start)
    if statement.status != Statement.Status.APPROVED:
        raise errors.StatementStatusWrong(current_status=statement.status)
    if statement.approved_by_id == ordered_by.pk:
        raise errors.OwnApproval
    if statement.due_fen == 0:
        raise errors.NothingToPay
    least, most = settings.WECHATPAY_LEAST_FEN, settings.WECHATPAY_MOST_FEN
    if not least <= statement.due_fen <= most:
        raise errors.PayoutOutsideLimits(least_fen=least, most_fen=most)
    is_being_paid = statement.payouts.filter(status__in=Payout.OPEN).exists()
    if is_being_paid or selectors.is_with_the_bank(statement):
        raise errors.PayoutUnderWay
    payee, openid = _payee(statement)
    if payee.pk == statement.approved_by_id:  # and became an owner afterwards
        raise errors.OwnPayout
    payout = Payout.objects.create(
        community_id=statement.community_id,
        statement=statement,
        payee=payee,
        openid=openid,
        amount_fen=statement.due_fen,
        ordered_by=ordered_by,
    )
    _record("payout.order", payout, ordered_by)
    return payout


def advance(*, payout_id: UUID) -> None:
    """Send or resend the payout, ask WeChat for its status, or have it cancelled.

    Idempotent, also with several workers at once. Raises WeChatPayNotConfigured.
    """
    account = pay.configured()
    payout = _begin(payout_id)
    if payout is None:
        return
    try:
        if _is_to_be_sent(payout):
            bill, refusal = _send(account, payout)
        else:
            bill, refusal = account.query(payout.out_bill_no), ""
    except pay.OutcomeUnknown as unknown:
        _nothing_told(payout_id, unknown.code)
        return
    payout = _apply(payout_id, bill)
    if payout.is_finished:
        return
    if payout.cancel_asked_at and payout.wechat_status in UNCONFIRMED:
        try:
            _apply(payout_id, account.cancel(payout.out_bill_no))
        except pay.OutcomeUnknown as unknown:
            _unclear(payout, unknown.code)  # and asked again the next time
    elif refusal:
        _unclear(payout, refusal)


def cancel(*, payout: Payout, by: User) -> Payout:
    """Cancel a payout: it is no longer sent, and WeChat is asked to cancel it.

    A payout that was never sent is cancelled at once, any other once WeChat confirms, which is
    asked until it does. Raises OwnMerchant, PayoutFinished, WeChatPayNotConfigured.
    """
    with transaction.atomic():
        payout = _locked(payout.pk)
        statement = payout.statement
        sides.refuse_own(by, statement.partnership, statement.period_start)
        if payout.is_finished:
            raise errors.PayoutFinished(current_status=payout.status)
        _record("payout.cancel", payout, by)
        asked_at = payout.cancel_asked_at or timezone.now()
        if payout.status == Status.PENDING:
            _finish(payout, Status.CANCELLED, cancel_asked_at=asked_at)
            return payout
        payout.save_with(cancel_asked_at=asked_at)
    advance(payout_id=payout.pk)
    return Payout.objects.select_related("ordered_by").get(pk=payout.pk)


def called_back(*, headers: Mapping[str, str], raw: bytes) -> None:
    """Apply a callback of WeChat about a payout. Idempotent; no effect on a finished payout.

    ``raw`` is the body as it came. Raises NotFromWeChatPay, PayoutUnknown, WeChatPayNotConfigured.
    """
    event_id, bill = pay.configured().callback(headers, raw)
    try:
        payout_id = UUID(hex=str(bill["out_bill_no"]))
        community_id = Payout.objects.values_list("community_id", flat=True).get(pk=payout_id)
    except (KeyError, ValueError, Payout.DoesNotExist):
        raise errors.PayoutUnknown from None
    with transaction.atomic():
        _locked(payout_id)
        _, is_new = PayoutCallback.objects.get_or_create(
            community_id=community_id, event_id=event_id[:64], defaults={"payout_id": payout_id}
        )
        if is_new:
            _apply(payout_id, bill)


@transaction.atomic
def _begin(payout_id: UUID) -> Payout | None:
    """Lock the payout and note that it may be sent now; ``None`` if it is finished or locked."""
    free = Payout.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
    payout = (
        free.select_related("statement__community", "statement__partnership")
        .filter(pk=payout_id, status__in=Payout.OPEN)
        .first()
    )
    if payout is None:
        return None
    now = timezone.now()
    if _is_to_be_sent(payout):
        if payout.status == Status.PENDING:
            payout.status, payout.sent_at = Status.UNKNOWN, now
        payout.last_sent_at = now
        payout.sent_parameters = payout.sent_parameters or _parameters(payout)
    at_least, at_most = ASK_AGAIN
    waited = now - (payout.cancel_asked_at or payout.sent_at or now)
    payout.next_at = now + min(max(waited / 2, at_least), at_most)
    payout.save(update_fields=["status", "sent_at", "last_sent_at", "sent_parameters", "next_at"])
    return payout


def _is_to_be_sent(payout: Payout) -> bool:
    """Tell whether to send the payout: until sending it has returned the ``package_info``."""
    if payout.cancel_asked_at or payout.package_info:
        return False
    return payout.sent_at is None or payout.sent_at > timezone.now() - SEND_AGAIN_FOR


def _send(account: pay.Pay, payout: Payout) -> tuple[dict[str, Any], str]:
    """Send it. Returns WeChat's bill, and a refusal's code if the bill had to be queried."""
    try:
        return account.create(payout.sent_parameters), ""
    except pay.OutcomeUnknown as unknown:
        if not unknown.is_refusal:
            raise
        # WeChat may refuse the number because it was sent before.
        try:
            return account.query(payout.out_bill_no), unknown.code
        except pay.OutcomeUnknown:
            raise unknown from None


@transaction.atomic
def _nothing_told(payout_id: UUID, code: str) -> None:
    payout = _locked(payout_id)
    if payout.is_finished:
        return
    if code == NOT_FOUND and _can_not_be_confirmed(payout):
        _finish(payout, Status.CANCELLED, NOT_FOUND)
        return
    is_too_old = not (payout.cancel_asked_at or payout.package_info or _is_to_be_sent(payout))
    _unclear(payout, "TOO_OLD" if code == NOT_FOUND and is_too_old else code)


def _can_not_be_confirmed(payout: Payout) -> bool:
    """Tell whether no money has moved or can move, given that WeChat does not know the number.

    True if the payee never had the ``package_info`` to confirm with, and the last sending is so
    long ago that WeChat has closed it. Never true once the payee could confirm it.
    """
    if payout.cancel_asked_at is None or payout.package_info or payout.last_sent_at is None:
        return False
    return payout.last_sent_at < timezone.now() - CLOSED_AFTER


@transaction.atomic
def _apply(payout_id: UUID, bill: dict[str, Any]) -> Payout:
    """Save WeChat's bill. Idempotent: a finished payout stays as it is."""
    payout = _locked(payout_id)
    if payout.is_finished:
        return payout
    if not _is_of(bill, payout):
        logger.error("WeChat Pay tells of another transfer than payout %s", payout_id)
        _unclear(payout, "MISMATCH")
        return payout
    told = {
        "wechat_status": str(bill.get("state", ""))[:32],
        "transfer_bill_no": str(bill.get("transfer_bill_no") or payout.transfer_bill_no)[:64],
    }
    end = ENDS.get(told["wechat_status"])
    if end is None:
        if not payout.cancel_asked_at:  # else the payee could confirm what is being cancelled
            told["package_info"] = str(bill.get("package_info") or payout.package_info)
        payout.save_with(status=Status.WAITING, reason="", **told)
        if payout.package_info and not payout.cancel_asked_at:
            _tell("payout_waiting", payout, payout.payee_id)
        return payout
    _finish(payout, end, str(bill.get("fail_reason") or "")[:64], **told)
    if end == Status.SUCCEEDED:
        settlement.mark_paid(
            statement=payout.statement,
            payer=payout.ordered_by,
            payment_reference=payout.transfer_bill_no,
            was_ordered=True,
        )
    return payout


def _is_of(bill: dict[str, Any], payout: Payout) -> bool:
    """Tell whether the bill is for this payout, payee and account; missing fields pass."""
    ours = {
        "transfer_amount": payout.amount_fen,
        "openid": payout.openid,
        "mch_id": settings.WECHATPAY_MCH_ID,
        "appid": payout.sent_parameters.get("appid", settings.WECHAT_APP_ID),
    }
    return bill.get("out_bill_no") == payout.out_bill_no and all(
        bill.get(name) in (None, "", value) for name, value in ours.items()
    )


def _finish(payout: Payout, status: Payout.Status, reason: str = "", **told: Any) -> None:
    payout.save_with(
        status=status,
        finished_at=timezone.now(),
        reason=reason if status != Status.SUCCEEDED else "",
        openid="",
        sent_parameters={},
        package_info="",
        **told,
    )
    _record(f"payout.{status}", payout, None)
    if status == Status.FAILED:
        _tell("payout_failed", payout, payout.ordered_by_id, reason=reason)


@transaction.atomic
def _unclear(payout: Payout, reason: str) -> None:
    """Save why WeChat gave no answer. After an hour without one, tell the person who ordered it."""
    payout.reason = reason[:64]
    Payout.objects.filter(pk=payout.pk, status__in=Payout.OPEN).update(reason=payout.reason)
    if payout.sent_at is not None and payout.sent_at < timezone.now() - UNCLEAR_AFTER:
        _tell("payout_unclear", payout, payout.ordered_by_id, reason=payout.reason)


def _tell(kind: str, payout: Payout, recipient: UUID, **facts: str) -> None:
    settlement.tell(kind, payout.statement, [recipient], about=payout.pk, **facts)


def _parameters(payout: Payout) -> dict[str, Any]:
    """Return the parameters to send, made from the row and the present settings."""
    return {
        "appid": settings.WECHAT_APP_ID,
        "out_bill_no": payout.out_bill_no,
        "transfer_scene_id": settings.WECHATPAY_SCENE,
        "openid": payout.openid,
        "transfer_amount": payout.amount_fen,
        "transfer_remark": f"积分结算 {payout.statement.number}",
        "notify_url": settings.WECHATPAY_NOTIFY_URL,
        "user_recv_perception": settings.WECHATPAY_PERCEPTION,
        "transfer_scene_report_infos": [
            {"info_type": kind, "info_content": content}
            for kind, content in settings.WECHATPAY_SCENE_INFO.items()
        ],
    }


def _payee(statement: Statement) -> tuple[User, str]:
    on_wechat = SocialAccount.objects.filter(provider="wechat")
    owner = (
        owners_of(statement.partnership.merchant_id)
        .filter(user__in=on_wechat.values("user"))
        .select_related("user")
        .first()
    )
    if owner is None:
        raise errors.PayeeMissing
    return owner.user, on_wechat.filter(user=owner.user).earliest("pk").uid


def _locked(payout_id: UUID) -> Payout:
    return (
        Payout.objects.select_for_update(no_key=True, of=("self",))
        .select_related("statement__partnership", "ordered_by", "community")
        .get(pk=payout_id)
    )


def _record(action: str, payout: Payout, actor: User | None) -> None:
    trail.record(
        action,
        actor=actor,
        target=payout,
        after={
            "statement": str(payout.statement_id),
            "amount_fen": payout.amount_fen,
            "status": payout.status,
            "reason": payout.reason,
        },
    )
