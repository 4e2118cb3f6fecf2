"""Paying a statement by WeChat: one number whatever happens, until WeChat says how it ended.

No answer, or none that can be trusted, means that the money may be on its way: the same number is
sent again with the same parameters. Only one that failed or was cancelled makes room for another.
One that staff cancel is never sent again.
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
from backend.audit import services as trail
from backend.ids import new_id
from backend.wechat import pay
from backend.wechat.errors import WeChatPayNotConfigured
from merchants.partners.selectors import owners_of
from merchants.partners.services import sides, telling
from merchants.settlement import errors, selectors
from merchants.settlement.models.payouts import Payout, PayoutCallback
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import statements as settlement

logger = logging.getLogger(__name__)

State = Payout.State
ENDS = {"SUCCESS": State.SUCCEEDED, "FAIL": State.FAILED, "CANCELLED": State.CANCELLED}
UNCONFIRMED = ("ACCEPTED", "PROCESSING", "WAIT_USER_CONFIRM")  # what WeChat still cancels
NOT_FOUND = "NOT_FOUND"
# WeChat tells of a bill for 30 days; a number it has forgotten would be paid a second time.
SEND_AGAIN_FOR = timedelta(days=29)
CLOSED_AFTER = timedelta(hours=25)  # WeChat closes after 24 what nobody confirmed; some lag
UNCLEAR_AFTER = timedelta(hours=1)  # then somebody has to look
ASK_AGAIN = (timedelta(seconds=15), timedelta(hours=1))  # sooner at first, then later and later


@transaction.atomic
def order(*, statement: Statement, ordered_by: User) -> Payout:
    """Pay what is due to the owner who has worked there longest and logs in with WeChat.

    It is sent by a task. Whoever orders it counts as who paid. Raises WeChatPayNotConfigured,
    StatementStateWrong (not approved), OwnApproval, NothingToPay, PayoutOutsideLimits,
    PayoutUnderWay (also by the bank), PayeeMissing, OwnPayout (who approved it receives it),
    OwnMerchant.
    """
    if not pay.is_configured():
        raise WeChatPayNotConfigured
    statement = (
        Statement.objects.select_for_update(no_key=True, of=("self",))
        .select_related("partnership", "community")
        .get(pk=statement.pk)
    )
    sides.refuse_own(ordered_by, statement.partnership, statement.period_start)
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
    if selectors.bank_lines_of(statement).filter(freed_at__isnull=True).exists():
        raise errors.PayoutUnderWay
    payee, openid = _payee(statement)
    if payee.pk == statement.approved_by_id:  # who became an owner afterwards
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
    """Send it, send it again, ask how it stands, or have it cancelled.

    Harmless to repeat, by any number of workers. Raises WeChatPayNotConfigured.
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
    if payout.cancel_asked_at and payout.wechat_state in UNCONFIRMED:
        try:
            _apply(payout_id, account.cancel(payout.out_bill_no))
        except pay.OutcomeUnknown as unknown:
            _unclear(payout, unknown.code)  # and asked again the next time
    elif refusal:
        _unclear(payout, refusal)


def cancel(*, payout: Payout, by: User) -> Payout:
    """Not after all: from here on it is not sent, and what WeChat has of it is cancelled there.

    What was never sent is cancelled at once, anything else when WeChat says so, for which it is
    asked until it does. Raises OwnMerchant, PayoutFinished, WeChatPayNotConfigured (asked once it
    is).
    """
    with transaction.atomic():
        payout = _locked(payout.pk)
        statement = payout.statement
        sides.refuse_own(by, statement.partnership, statement.period_start)
        if payout.is_finished:
            raise errors.PayoutFinished(state=payout.state)
        _record("payout.cancel", payout, by)
        payout.cancel_asked_at = payout.cancel_asked_at or timezone.now()
        if payout.state == State.PENDING:
            _finish(payout, State.CANCELLED)
            return payout
        payout.save(update_fields=["cancel_asked_at"])
    advance(payout_id=payout.pk)
    return Payout.objects.select_related("ordered_by").get(pk=payout.pk)


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
        if _is_to_be_sent(payout):
            if payout.state == State.PENDING:
                payout.state, payout.sent_at = State.UNKNOWN, now
            payout.last_sent_at = now
            payout.sent_parameters = payout.sent_parameters or _parameters(payout)
        payout.next_at = _again_at(payout, now)
        payout.save(
            update_fields=["state", "sent_at", "last_sent_at", "sent_parameters", "next_at"]
        )
        return payout


def _is_to_be_sent(payout: Payout) -> bool:
    """Until the payee can confirm it: only the answer to who sends it says with what."""
    if payout.cancel_asked_at or payout.package_info:
        return False
    return payout.sent_at is None or payout.sent_at > timezone.now() - SEND_AGAIN_FOR


def _send(account: pay.Pay, payout: Payout) -> tuple[dict[str, Any], str]:
    """What WeChat says of it, and why it was refused if that is only asked for afterwards."""
    try:
        return account.create(payout.sent_parameters), ""
    except pay.OutcomeUnknown as unknown:
        if not unknown.is_refusal:
            raise
        # It may be refused for what was made of the same number before.
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
        payout.trouble = ""
        _finish(payout, State.CANCELLED, NOT_FOUND)
        return
    is_too_old = not (payout.cancel_asked_at or payout.package_info or _is_to_be_sent(payout))
    _unclear(payout, "TOO_OLD" if code == NOT_FOUND and is_too_old else code)


def _can_not_be_confirmed(payout: Payout) -> bool:
    """Whether no money can have moved, nor will, though WeChat does not tell of it.

    Nobody ever had the ``package_info`` that it is confirmed with, nothing is sent any more, and
    what is not confirmed within 24 hours WeChat closes. Once the payee could confirm it, this
    does not hold, whatever WeChat does not find.
    """
    if payout.cancel_asked_at is None or payout.package_info or payout.last_sent_at is None:
        return False
    return payout.last_sent_at < timezone.now() - CLOSED_AFTER


@transaction.atomic
def _apply(payout_id: UUID, bill: dict[str, Any]) -> Payout:
    """What WeChat says of it. An end is final, whatever is told later."""
    payout = _locked(payout_id)
    if payout.is_finished:
        return payout
    if not _is_of(bill, payout):
        logger.error("WeChat Pay tells of another transfer than payout %s", payout_id)
        _unclear(payout, "MISMATCH")
        return payout
    payout.wechat_state = str(bill.get("state", ""))[:32]
    payout.transfer_bill_no = str(bill.get("transfer_bill_no") or payout.transfer_bill_no)[:64]
    payout.trouble = ""
    end = ENDS.get(payout.wechat_state)
    if end is None:
        payout.state = State.WAITING
        if not payout.cancel_asked_at:  # or they could confirm what is being cancelled
            payout.package_info = str(bill.get("package_info") or payout.package_info)
        payout.save(
            update_fields=["state", "wechat_state", "transfer_bill_no", "package_info", "trouble"]
        )
        if payout.package_info and not payout.cancel_asked_at:
            _tell("payout_waiting", payout, payout.payee_id)
        return payout
    _finish(payout, end, str(bill.get("fail_reason") or "")[:64])
    if end == State.SUCCEEDED:
        settlement.mark_paid(
            statement=payout.statement,
            payer=payout.ordered_by,
            reference=payout.transfer_bill_no,
            was_ordered=True,
        )
    return payout


def _is_of(bill: dict[str, Any], payout: Payout) -> bool:
    """Whether it is this transfer, to this person, of this account; not every answer has all."""
    ours = {
        "transfer_amount": payout.amount_fen,
        "openid": payout.openid,
        "mch_id": settings.WECHATPAY_MCH_ID,
        "appid": payout.sent_parameters.get("appid", settings.WECHAT_APP_ID),
    }
    return bill.get("out_bill_no") == payout.out_bill_no and all(
        bill.get(name) in (None, "", value) for name, value in ours.items()
    )


def _finish(payout: Payout, state: Payout.State, fail_reason: str = "") -> None:
    payout.state, payout.finished_at = state, timezone.now()
    payout.fail_reason = fail_reason if state != State.SUCCEEDED else ""
    payout.openid = payout.package_info = ""
    payout.sent_parameters = {}
    payout.save(
        update_fields=[
            "state",
            "finished_at",
            "fail_reason",
            "openid",
            "sent_parameters",
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
    trouble = trouble[:64]
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
    """What is sent the first time, by the row and the settings of that moment."""
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


def _again_at(payout: Payout, now: datetime) -> datetime:
    at_least, at_most = ASK_AGAIN
    waited = now - (payout.cancel_asked_at or payout.sent_at or now)
    return now + min(max(waited / 2, at_least), at_most)


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
        community=payout.community,
        target=payout,
        after={
            "statement": str(payout.statement_id),
            "amount_fen": payout.amount_fen,
            "state": payout.state,
            "fail_reason": payout.fail_reason,
        },
    )
