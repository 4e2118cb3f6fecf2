"""Paying a statement by WeChat: one number whatever happens, until WeChat says how it ended.

No answer, or none that can be trusted, means that the money may be on its way: the same number is
sent again with the same parameters. Only one that failed or was cancelled makes room for another.
Locks are taken in one order: payout, statement. None is held while WeChat is asked.
Source: shared/WECHAT.md, section 2.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit.services import trail
from backend.ids import new_id
from backend.wechat import pay
from backend.wechat.errors import WeChatPayNotConfigured, WeChatUnavailable
from merchants import errors
from merchants.models import MerchantMember, Payout, PayoutCallback, Statement
from merchants.services import settlement, telling

logger = logging.getLogger(__name__)

State = Payout.State
ENDS = {"SUCCESS": State.SUCCEEDED, "FAIL": State.FAILED, "CANCELLED": State.CANCELLED}
# WeChat tells of a bill for 30 days; a number it has forgotten would be paid a second time.
SEND_AGAIN_FOR = timedelta(days=29)
UNCLEAR_AFTER = timedelta(hours=1)  # then somebody has to look
ASK_AGAIN = (timedelta(seconds=15), timedelta(hours=1))  # sooner at first, then later and later


@transaction.atomic
def order(*, statement: Statement, ordered_by: User) -> Payout:
    """Pay what is due to the owner who has worked there longest and logs in with WeChat.

    It is sent by a task. Whoever orders it counts as who paid. Raises WeChatPayNotConfigured,
    StatementStateWrong (not approved), OwnApproval, NothingToPay, PayoutOutsideLimits,
    PayoutUnderWay, PayeeMissing, OwnPayout.
    """
    if not pay.is_configured():
        raise WeChatPayNotConfigured
    statement = (
        Statement.objects.select_for_update(no_key=True, of=("self",))
        .select_related("partnership", "community")
        .get(pk=statement.pk)
    )
    if statement.status != Statement.Status.APPROVED:
        raise errors.StatementStateWrong(state=statement.status)
    if statement.approved_by_id == ordered_by.pk:
        raise errors.OwnApproval
    if statement.due_fen == 0:
        raise errors.NothingToPay
    least, most = settings.WECHATPAY_LEAST_FEN, settings.WECHATPAY_MOST_FEN
    if not least <= statement.due_fen <= most:
        raise errors.PayoutOutsideLimits(least_fen=least, most_fen=most)
    if statement.payouts.filter(state__in=Payout.OPEN).exists():
        raise errors.PayoutUnderWay
    payee, openid = _payee(statement)
    if payee.pk == ordered_by.pk:
        raise errors.OwnPayout
    payout = Payout.objects.create(
        id=new_id(),
        community_id=statement.community_id,
        statement=statement,
        payee=payee,
        openid=openid,
        amount_fen=statement.due_fen,
        ordered_by=ordered_by,
    )
    payout.refresh_from_db(fields=["ordered_at", "next_at"])  # the database's own time
    _record("payout.order", payout, ordered_by)
    return payout


def advance(*, payout_id: UUID) -> None:
    """Send it, send it again, or ask how it stands; harmless to repeat, by any number of workers.

    Raises WeChatPayNotConfigured.
    """
    account = pay.configured()
    payout = _begin(payout_id)
    if payout is None:
        return
    assert payout.sent_at is not None  # since it was begun
    if payout.state == State.UNKNOWN and payout.sent_at < timezone.now() - SEND_AGAIN_FOR:
        _unclear(payout, "TOO_OLD")
        return
    try:
        if payout.state == State.UNKNOWN:
            bill = account.create(_parameters(payout))
        else:
            bill = account.query(payout.out_bill_no)
    except pay.OutcomeUnknown as unknown:
        _unclear(payout, unknown.code[:64])
        return
    _apply(payout_id, bill)


def cancel(*, payout: Payout, by: User) -> Payout:
    """Ask WeChat not to pay it after all; what was never sent is cancelled at once.

    That it is cancelled is read later. Raises PayoutFinished, WeChatPayNotConfigured,
    WeChatUnavailable (nothing is known: ask again).
    """
    with transaction.atomic():
        payout = _locked(payout.pk)
        if payout.is_finished:
            raise errors.PayoutFinished(state=payout.state)
        _record("payout.cancel", payout, by)
        payout.cancel_asked_at = payout.cancel_asked_at or timezone.now()
        if payout.state == State.PENDING:
            _finish(payout, State.CANCELLED)
            return payout
        payout.save(update_fields=["cancel_asked_at"])
    try:
        bill = pay.configured().cancel(payout.out_bill_no)
    except pay.OutcomeUnknown as unknown:
        raise WeChatUnavailable from unknown
    return _apply(payout.pk, bill)


def called_back(*, headers: Mapping[str, str], raw: bytes) -> None:
    """WeChat tells how one ended; told again, or once it is known, nothing changes.

    ``raw`` are the bytes as they came. Raises NotFromWeChatPay, PayoutUnknown,
    WeChatPayNotConfigured.
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


def _begin(payout_id: UUID) -> Payout | None:
    """From here on it may have been sent; ``None`` if it has ended, or somebody is at it."""
    with transaction.atomic():
        payout = (
            Payout.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
            .select_related("statement__community", "statement__partnership")
            .filter(pk=payout_id, state__in=Payout.OPEN)
            .first()
        )
        if payout is None:
            return None
        now = timezone.now()
        if payout.state == State.PENDING:
            payout.state, payout.sent_at = State.UNKNOWN, now
        payout.next_at = _again_at(payout, now)
        payout.save(update_fields=["state", "sent_at", "next_at"])
        return payout


@transaction.atomic
def _apply(payout_id: UUID, bill: dict[str, Any]) -> Payout:
    """What WeChat says of it. An end is final, whatever is told later."""
    payout = _locked(payout_id)
    if payout.is_finished:
        return payout
    if bill.get("out_bill_no") != payout.out_bill_no or (
        bill.get("transfer_amount", payout.amount_fen) != payout.amount_fen
    ):
        logger.error("WeChat Pay tells of another transfer than payout %s", payout_id)
        _unclear(payout, "MISMATCH")
        return payout
    payout.wechat_state = str(bill.get("state", ""))[:32]
    payout.transfer_bill_no = str(bill.get("transfer_bill_no") or payout.transfer_bill_no)[:64]
    payout.trouble = ""
    end = ENDS.get(payout.wechat_state)
    if end is None:
        payout.state = State.WAITING
        payout.package_info = str(bill.get("package_info") or payout.package_info)
        payout.save(
            update_fields=["state", "wechat_state", "transfer_bill_no", "package_info", "trouble"]
        )
        _tell("payout_waiting", payout, payout.payee_id)
        return payout
    _finish(payout, end, str(bill.get("fail_reason") or "")[:64])
    if end == State.SUCCEEDED:
        settlement.mark_paid(
            statement=payout.statement,
            payer=payout.ordered_by,
            reference=payout.transfer_bill_no,
        )
    return payout


def _finish(payout: Payout, state: Payout.State, fail_reason: str = "") -> None:
    payout.state, payout.finished_at = state, timezone.now()
    payout.fail_reason = fail_reason if state != State.SUCCEEDED else ""
    payout.openid = payout.package_info = ""
    payout.save(
        update_fields=[
            "state",
            "finished_at",
            "fail_reason",
            "openid",
            "package_info",
            "wechat_state",
            "transfer_bill_no",
            "trouble",
            "cancel_asked_at",
        ]
    )
    _record(f"payout.{state}", payout, None)
    if state == State.FAILED:
        _tell("payout_failed", payout, payout.ordered_by_id, reason=payout.fail_reason)


@transaction.atomic
def _unclear(payout: Payout, trouble: str) -> None:
    """What stands in the way is on record; if it stays so, whoever ordered it is told."""
    Payout.objects.filter(pk=payout.pk, state__in=Payout.OPEN).update(trouble=trouble)
    payout.trouble = trouble
    if payout.sent_at is not None and payout.sent_at < timezone.now() - UNCLEAR_AFTER:
        _tell("payout_unclear", payout, payout.ordered_by_id, reason=trouble)


def _tell(kind: str, payout: Payout, recipient: UUID, **facts: str) -> None:
    statement = Statement.objects.select_related("community", "partnership").get(
        pk=payout.statement_id
    )
    telling.tell(
        kind,
        community=statement.community,
        recipients=[recipient],
        about=payout.pk,
        facts=telling.facts_of(statement) | facts,
    )


def _parameters(payout: Payout) -> dict[str, Any]:
    """Made of the row alone, so they are the same each time."""
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
    owners = MerchantMember.objects.filter(
        merchant=statement.partnership.merchant_id,
        role=MerchantMember.Role.OWNER,
        ended_at__isnull=True,
    )
    account = (
        SocialAccount.objects.filter(provider="wechat", user__in=owners.values("user"))
        .select_related("user")
        .order_by("user_id")  # ids are made in the order of time
        .first()
    )
    if account is None:
        raise errors.PayeeMissing
    return account.user, account.uid


def _again_at(payout: Payout, now: datetime) -> datetime:
    at_least, at_most = ASK_AGAIN
    waited = now - (payout.sent_at or now)
    return now + min(max(waited / 2, at_least), at_most)


def _locked(payout_id: UUID) -> Payout:
    return (
        Payout.objects.select_for_update(no_key=True, of=("self",))
        .select_related("statement", "ordered_by", "community")
        .get(pk=payout_id)
    )


def _record(action: str, payout: Payout, actor: User | None) -> None:
    trail.record(
        action,
        actor=actor,
        community=payout.community,
        target=payout,
        after={
            "statement": str(payout.statement_id),
            "amount_fen": payout.amount_fen,
            "state": payout.state,
            "fail_reason": payout.fail_reason,
        },
    )
