"""Paying by WeChat: a payout keeps one number until WeChat says how it ended.

Without an answer that can be trusted the money may be on its way, so the same number is sent again
with the same parameters. Only after a payout failed or was cancelled can there be another. A payout
that staff cancel is never sent again. How it ended is kept first, and then told to whoever
registered for its subject (subjects.py). Each step is owed, and tried by backend/outbox/. No lock
is held while WeChat is asked. Source: shared/WECHAT.md, section 2.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.notices import services as notices
from backend.outbox import services as outbox
from backend.outbox.kinds import Later
from backend.payouts import errors, selectors, subjects
from backend.payouts.models import Payout, PayoutCallback, Purpose
from backend.sql import constraint_of
from backend.wechat import pay

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
def order(
    *,
    community: Community,
    subject: str,
    holder: str,
    title: str,
    amount_fen: int,
    payee: User,
    purpose: Purpose,
    ordered_by: User,
    key: str | None = None,
) -> Payout:
    """Order a payout to ``payee``, who logs in with WeChat. A task sends it.

    One ``key`` orders once: its first payout is returned, whatever became of it. Raises
    WeChatPayNotConfigured, OwnPayout, PayoutOutsideLimits, PayeeNotOnWeChat, PayoutUnderWay if
    another payout of the subject is under way or succeeded.
    """
    if key and (known := Payout.objects.filter(community=community, key=key).first()):
        return known
    pay.configured()
    if payee == ordered_by:
        raise errors.OwnPayout
    least, most = settings.WECHATPAY_LEAST_FEN, settings.WECHATPAY_MOST_FEN
    if not least <= amount_fen <= most:
        raise errors.PayoutOutsideLimits(least_fen=least, most_fen=most)
    on_wechat = SocialAccount.objects.filter(provider="wechat", user=payee).order_by("pk").first()
    if on_wechat is None:
        raise errors.PayeeNotOnWeChat
    # An insert would wait for one that is just ending, which may wait for a lock of the caller's.
    if selectors.under_way(community.pk, subject).exists():
        raise errors.PayoutUnderWay
    try:
        with transaction.atomic():
            payout = Payout.objects.create(
                community=community,
                subject=subject,
                key=key,
                holder=holder,
                title=title,
                purpose=purpose.parameters,
                payee=payee,
                openid=on_wechat.uid,
                amount_fen=amount_fen,
                ordered_by=ordered_by,
            )
    except IntegrityError as error:
        if constraint_of(error) not in ("payout_once", "payout_key_once"):
            raise
        raise errors.PayoutUnderWay from None
    _record("payout.order", payout, ordered_by)
    return payout


def advance(payout: Payout) -> Later | None:
    """Send or resend the payout, ask WeChat for its status, have it cancelled, or tell its end.

    The outbox calls it, and again ``Later`` for as long as WeChat does not tell how it ended.
    Idempotent, also with several workers at once. Raises WeChatPayNotConfigured, and what the
    subject's app raises when it is told.
    """
    if payout.is_finished:
        _tell_end(payout)
        return None
    account, reason = pay.configured(), ""
    payout = _begin(payout)
    if payout.is_finished:  # by a callback in between
        return None
    try:
        if _is_to_be_sent(payout):
            bill, reason = _send(account, payout)
        else:
            bill = account.query(payout.out_bill_no)
    except pay.OutcomeUnknown as unknown:
        return _nothing_told(payout, unknown.code)
    payout = _apply(payout, bill)
    if payout.cancel_asked_at and payout.wechat_status in UNCONFIRMED:
        try:
            payout = _apply(payout, account.cancel(payout.out_bill_no))
        except pay.OutcomeUnknown as unknown:
            reason = unknown.code  # and asked again the next time
    return _ask_again(payout, reason or payout.reason)


def cancel(*, payout: Payout, by: User) -> Payout:
    """Cancel a payout: it is no longer sent, and WeChat is asked to cancel it.

    A payout that was never sent is cancelled at once, any other once WeChat confirms, which is
    asked until it does. Raises PayoutFinished, WeChatPayNotConfigured, and what the kind of its
    subject refuses.
    """
    payout = call_off(payout=payout, by=by)
    if payout.is_finished:
        return payout
    pay.configured()
    row = {"community_id": payout.community_id, "pk": payout.pk}
    outbox.attempt("payout", is_due=False, **row)
    return Payout.objects.select_related("ordered_by").get(**row)


@transaction.atomic
def call_off(*, payout: Payout, by: User) -> Payout:
    """Cancel a payout without asking WeChat at once, for whoever holds locks of their own.

    The outbox asks. Raises PayoutFinished, and what the kind of its subject refuses.
    """
    payout = _locked(payout)
    subjects.kind_of(payout).refuse(payout, by)
    if payout.is_finished:
        raise errors.PayoutFinished(current_status=payout.status)
    _record("payout.cancel", payout, by)
    asked_at = payout.cancel_asked_at or timezone.now()
    if payout.status == Status.PENDING:
        _finish(payout, Status.CANCELLED, cancel_asked_at=asked_at)
    else:
        payout.save_with(cancel_asked_at=asked_at, **_owed_now())
    return payout


def called_back(*, community_id: UUID, headers: Mapping[str, str], raw: bytes) -> None:
    """Apply a callback of WeChat about a payout. Idempotent; no effect on a finished payout.

    ``raw`` is the body as it came. Raises NotFromWeChatPay, PayoutUnknown, WeChatPayNotConfigured.
    """
    event_id, bill = pay.configured().callback(headers, raw)
    with transaction.atomic():
        try:
            payout = _locked(Payout(community_id=community_id, pk=UUID(hex=bill["out_bill_no"])))
        except (KeyError, TypeError, ValueError, AttributeError, Payout.DoesNotExist):
            raise errors.PayoutUnknown from None
        _, is_new = PayoutCallback.objects.get_or_create(
            community_id=community_id, event_id=event_id[:64], defaults={"payout": payout}
        )
        if is_new:
            _apply(payout, bill)


@transaction.atomic
def _begin(payout: Payout) -> Payout:
    """Note that the payout may be sent now, if it is to be."""
    payout, now = _locked(payout), timezone.now()
    if not payout.is_finished and _is_to_be_sent(payout):
        payout.save_with(
            status=Status.UNKNOWN if payout.status == Status.PENDING else payout.status,
            sent_at=payout.sent_at or now,
            last_sent_at=now,
            sent_parameters=payout.sent_parameters or _parameters(payout),
        )
    return payout


def _is_to_be_sent(payout: Payout) -> bool:
    """Tell whether to send the payout: until sending it has returned the ``package_info``."""
    if payout.cancel_asked_at or payout.package_info:
        return False
    return payout.sent_at is None or payout.sent_at > timezone.now() - SEND_AGAIN_FOR


def _send(account: pay.Pay, payout: Payout) -> tuple[dict[str, Any], str]:
    """Send it. Returns WeChat's bill, and a refusal's code if the bill had to be queried."""
    try:
        bill = account.create(payout.sent_parameters)
        # Who sends is not told the amount, without which no end is believed.
        return account.query(payout.out_bill_no) if bill.get("state") in ENDS else bill, ""
    except pay.OutcomeUnknown as unknown:
        if not unknown.is_refusal:
            raise
        # WeChat may refuse the number because it was sent before.
        try:
            return account.query(payout.out_bill_no), unknown.code
        except pay.OutcomeUnknown:
            raise unknown from None


@transaction.atomic
def _nothing_told(payout: Payout, code: str) -> Later | None:
    payout = _locked(payout)
    if code == NOT_FOUND and not payout.is_finished:
        if _can_not_be_confirmed(payout):
            _finish(payout, Status.CANCELLED, NOT_FOUND)
        elif not (payout.cancel_asked_at or payout.package_info or _is_to_be_sent(payout)):
            code = "TOO_OLD"
    return _ask_again(payout, code)


def _ask_again(payout: Payout, reason: str) -> Later | None:
    """Return when to ask again, less and less often; ``None`` if the payout is finished."""
    if payout.is_finished:
        return None
    payout.reason = reason[:64]
    _warn(payout)
    at_least, at_most = ASK_AGAIN
    now = timezone.now()
    waited = now - (payout.cancel_asked_at or payout.sent_at or now)
    return Later(min(max(waited / 2, at_least), at_most), reason=payout.reason)


def _can_not_be_confirmed(payout: Payout) -> bool:
    """Tell whether no money has moved or can move, given that WeChat does not know the number.

    True if the payee never had the ``package_info`` to confirm with, and the last sending is so
    long ago that WeChat has closed it. Never true once the payee could confirm it.
    """
    if payout.cancel_asked_at is None or payout.package_info or payout.last_sent_at is None:
        return False
    return payout.last_sent_at < timezone.now() - CLOSED_AFTER


@transaction.atomic
def _apply(payout: Payout, bill: dict[str, Any]) -> Payout:
    """Save WeChat's bill. Idempotent: a finished payout stays as it is."""
    payout = _locked(payout)
    if payout.is_finished:
        return payout
    if not _is_of(bill, payout):
        logger.error("WeChat Pay tells of another transfer than payout %s", payout.pk)
        payout.save_with(reason="MISMATCH")
        _warn(payout)
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
            _notify("payout_waiting", payout, payout.payee_id)
        return payout
    _finish(payout, end, str(bill.get("fail_reason") or "")[:64], **told)
    return payout


def _is_of(bill: dict[str, Any], payout: Payout) -> bool:
    """Tell whether the bill is for this payout, payee, account and amount.

    Fields that are missing pass, but the amount of what was paid.
    """
    ours = {
        "transfer_amount": payout.amount_fen,
        "openid": payout.openid,
        "mch_id": settings.WECHATPAY_MCH_ID,
        "appid": payout.sent_parameters.get("appid", settings.WECHAT_APP_ID),
    }
    return (
        bill.get("out_bill_no") == payout.out_bill_no
        and (bill.get("state") != "SUCCESS" or bill.get("transfer_amount") is not None)
        and all(bill.get(name) in (None, "", value) for name, value in ours.items())
    )


def _finish(payout: Payout, status: Payout.Status, fail_reason: str = "", **told: Any) -> None:
    """Save the end, and tell it; if that fails it is owed.

    What goes wrong with the subject's app must not undo the end: WeChat forgets it one day.
    """
    payout.save_with(
        status=status,
        finished_at=timezone.now(),
        fail_reason=fail_reason if status != Status.SUCCEEDED else "",
        reason="",
        openid="",
        sent_parameters={},
        package_info="",
        **_owed_now(),
        **told,
    )
    _record(f"payout.{status}", payout, None)
    if status == Status.FAILED:
        _notify("payout_failed", payout, payout.ordered_by_id, reason=fail_reason)
    try:
        _tell_end(payout)
    except Exception:
        logger.exception("The end of payout %s could not be told", payout.pk)


@transaction.atomic
def _tell_end(payout: Payout) -> None:
    """Tell the subject's app how the payout ended, once. Raises what the app raises."""
    payout = _locked(payout)
    if payout.next_at is not None:
        subjects.kind_of(payout).hears(payout)
        payout.save_with(next_at=None, reason="")


def _owed_now() -> dict[str, Any]:
    return {"next_at": timezone.now(), "attempts": 0, "given_up_at": None}


def _warn(payout: Payout) -> None:
    """Tell the person who ordered a payout after an hour in which WeChat gave no clear answer."""
    if payout.reason and payout.sent_at and payout.sent_at < timezone.now() - UNCLEAR_AFTER:
        _notify("payout_unclear", payout, payout.ordered_by_id, reason=payout.reason)


def _notify(kind: str, payout: Payout, recipient_id: UUID, **facts: str) -> None:
    """Owe a person a notice about the payout, one of each kind."""
    facts |= {
        "community": payout.community.name,
        "title": payout.title,
        "yuan": f"{payout.amount_fen / 100:.2f}",
    }
    key = f"{kind}:{payout.pk}:{recipient_id}"
    notices.owe_many(
        community=payout.community,
        kind=kind,
        owed=[notices.Owed(key=key, recipient_id=recipient_id, facts=facts, target_id=payout.pk)],
        due_at=timezone.now(),
    )


def _parameters(payout: Payout) -> dict[str, Any]:
    """Return the parameters to send, made from the row and the present settings."""
    return {
        "appid": settings.WECHAT_APP_ID,
        "out_bill_no": payout.out_bill_no,
        "openid": payout.openid,
        "transfer_amount": payout.amount_fen,
        "notify_url": f"{settings.WECHATPAY_NOTIFY_URL}/{payout.community_id}",
        **payout.purpose,
    }


def _locked(payout: Payout) -> Payout:
    return payout.locked("ordered_by", "community")


def _record(action: str, payout: Payout, actor: User | None) -> None:
    trail.record(
        action,
        actor=actor,
        target=payout,
        after={
            "subject": payout.subject,
            "amount_fen": payout.amount_fen,
            "status": payout.status,
            "reason": payout.fail_reason or payout.reason,
        },
    )
