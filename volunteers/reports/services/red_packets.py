"""Red packets: rewards in fen reach their people by WeChat, or by hand.

A reward is a claim on a fund; its payout has the subject ``reward:<claim id>``. Each reservation is
ordered once by itself. Unclaimed within WeChat's 24 hours it lapses, and its person asks for it
anew; what fails otherwise keeps its reservation, for staff to order again or to pay by hand. Locks
are taken in one order: report, payout, fund, claim. docs/reports.md, "Red packets".
"""

from contextlib import suppress
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.errors import Refusal
from backend.notices import services as notices
from backend.payouts import selectors as sent
from backend.payouts import services as payouts
from backend.payouts import subjects
from backend.payouts.errors import PayoutFinished, PayoutUnderWay
from backend.payouts.models import Payout, Purpose
from points.funds import services as funds
from volunteers.reports import errors
from volunteers.reports import reward_selectors as selectors
from volunteers.reports.models.hand_payments import HandPayment
from volunteers.reports.reward_selectors import Reward

OVERDUE = "OVERDUE_CLOSE"  # WeChat's code for what nobody confirmed in time


# --- by WeChat --------------------------------------------------------------------------------
def order_due(*, community: Community) -> int:
    """Order the payout of every reward whose turn it is. Returns how many.

    Idempotent, also with several workers at once: each reservation is ordered once.
    """
    ordered = 0
    for reward in selectors.rewards_to_order(community):
        try:
            ordered += _order_once(reward)
        except Refusal:  # somebody ordered, paid or took it back at this moment
            continue
    return ordered


@transaction.atomic
def _order_once(reward: Reward) -> bool:
    funds.payable(claim=reward)  # locks it, and sets off what the payee owes
    still = selectors.rewards_to_order(reward.community).filter(pk=reward.pk).first()
    if still is None:
        return False
    _order(still, still.approved_by or still.asked_by, key=still.payout_key)
    return True


@transaction.atomic
def order(*, reward: Reward, ordered_by: User) -> Payout:
    """Order a payout of a reserved reward anew, as staff, after the last one failed.

    Raises RewardNotPayable, PaidByHand, and what a payout raises.
    """
    reward = _payable(reward)
    if selectors.hand_payments_of(reward).filter(withdrawn_at=None).exists():
        raise errors.PaidByHand
    return _order(reward, ordered_by)


def _order(reward: Reward, ordered_by: User, key: str | None = None) -> Payout:
    day = reward.closed_at.astimezone(reward.community.clock)
    return payouts.order(
        community=reward.community,
        subject=reward.payout_subject,
        holder=reward.payee.holder,
        title=f"报事奖励 {day:%Y-%m-%d}",
        amount_fen=reward.amount - reward.set_off,
        payee=User.objects.get(pk=reward.payee_user_id),
        purpose=Purpose(
            remark=f"{reward.community.name}报事奖励",
            scene=settings.REWARD_SCENE,
            report=settings.REWARD_SCENE_INFO,
            perception=settings.REWARD_PERCEPTION,
        ),
        ordered_by=ordered_by,
        key=key,
    )


@transaction.atomic
def call_off(*, subject: str, community: Community, by: User) -> None:
    """Cancel the payout of what a report earned, if one is under way, because it was taken back.

    Until WeChat says how it ended, the money may have gone. Idempotent. The caller holds no lock of
    the claim, for a payout is locked before it.
    """
    reward = selectors.rewards_in(community).filter(subject=subject).first()
    if reward is None:
        return
    live = sent.under_way(community.pk, reward.payout_subject).first()
    if live is not None and live.cancel_asked_at is None:
        with suppress(PayoutFinished):
            payouts.call_off(payout=live, by=by)


def _hears(payout: Payout) -> None:
    """Pay the claim whose payout succeeded, and let one lapse that nobody took in time.

    One that was taken back meanwhile is given up, unless the money has gone.
    """
    reward = _reward_of(payout)
    if payout.status == Payout.Status.SUCCEEDED:
        _paid(funds.commit(claim=reward, at=payout.finished_at), payout.payee)
    elif payout.fail_reason == OVERDUE or reward.taken_back_at:
        assert reward.hold_id is not None  # an order is of a reservation
        lapsed = funds.lapse(claim=reward, hold_id=reward.hold_id)
        if lapsed.status == funds.Status.UNCLAIMED:
            _tell("reward_unclaimed", lapsed, payout.payee, str(payout.pk))


def _refuse(payout: Payout, by: User) -> None:
    if payout.payee_id == by.pk:
        raise errors.OwnReward


def _seen_by(user: User) -> Q:
    return Q(payee=user)


KIND = subjects.Kind(hears=_hears, refuse=_refuse, seen_by=_seen_by)


@transaction.atomic
def ask_again(*, reward: Reward) -> Reward:
    """Let an unclaimed reward wait for its person in its old place; a new payout follows.

    Idempotent: one that waits or is reserved stays as it is. Raises ClaimStatusWrong.
    """
    return funds.ask_again(claim=reward)


# --- by hand ----------------------------------------------------------------------------------
@transaction.atomic
def pay_by_hand(*, reward: Reward, reference: str, recorded_by: User) -> HandPayment:
    """Record that a reserved reward is paid in cash or by a bank; another person confirms it.

    Idempotent for one reference. Raises OwnReward, RewardNotPayable, PaidByHand if another payment
    is recorded, PayoutUnderWay if WeChat pays it.
    """
    if f"person:{recorded_by.pk}" == reward.payee.holder:
        raise errors.OwnReward
    reward = _payable(reward)
    known = selectors.hand_payments_of(reward).filter(withdrawn_at=None).first()
    if known is not None:
        if (known.reference, known.recorded_by_id) != (reference, recorded_by.pk):
            raise errors.PaidByHand
        return known
    if sent.under_way(reward.community_id, reward.payout_subject).exists():
        raise PayoutUnderWay
    payment = HandPayment.objects.create(
        community_id=reward.community_id,
        claim=reward,
        payee_id=reward.payee_user_id,
        amount_fen=reward.amount - reward.set_off,
        reference=reference,
        recorded_by=recorded_by,
    )
    _record("hand_payment.record", payment, recorded_by)
    return payment


@transaction.atomic
def confirm(
    *, payment: HandPayment, confirmed_by: User, now: datetime | None = None
) -> HandPayment:
    """Confirm a payment by hand, as a second person: the reward is paid. Idempotent.

    ``now`` is when it was paid, for what is replayed. Raises OwnReward, OwnHandPayment if they
    recorded it, HandPaymentWithdrawn, RewardNotPayable.
    """
    reward = selectors.rewards_in(payment.community).get(pk=payment.claim_id).locked()
    payment = payment.locked("payee", "community")
    if confirmed_by.pk == payment.payee_id:
        raise errors.OwnReward
    if confirmed_by.pk == payment.recorded_by_id:
        raise errors.OwnHandPayment
    if payment.withdrawn_at:
        raise errors.HandPaymentWithdrawn
    if payment.confirmed_at:
        return payment
    if reward.status != funds.Status.RESERVED:
        raise errors.RewardNotPayable(current_status=reward.status)
    now = now or timezone.now()
    payment.save_with(confirmed_by=confirmed_by, confirmed_at=now)
    _record("hand_payment.confirm", payment, confirmed_by)
    _paid(funds.commit(claim=reward, at=now), payment.payee)
    return payment


@transaction.atomic
def withdraw(*, payment: HandPayment, withdrawn_by: User) -> HandPayment:
    """Withdraw a payment by hand that was recorded in error. Idempotent.

    The reward is paid by WeChat or by hand afterwards. Raises OwnReward, HandPaymentConfirmed.
    """
    payment = payment.locked("community")
    if withdrawn_by.pk == payment.payee_id:
        raise errors.OwnReward
    if payment.confirmed_at:
        raise errors.HandPaymentConfirmed
    if payment.withdrawn_at:
        return payment
    payment.save_with(withdrawn_by=withdrawn_by, withdrawn_at=timezone.now())
    _record("hand_payment.withdraw", payment, withdrawn_by)
    return payment


# --- what both share --------------------------------------------------------------------------
def _payable(reward: Reward) -> Reward:
    """Return the reward anew, locked, after what its payee owes was set off.

    Raises RewardNotPayable.
    """
    amount = funds.payable(claim=reward)
    reward = selectors.rewards_in(reward.community).get(pk=reward.pk)
    if not amount or not reward.is_payable:
        raise errors.RewardNotPayable(current_status=reward.status)
    return reward


def _reward_of(payout: Payout) -> Reward:
    return selectors.rewards_in(payout.community).get(pk=subjects.id_of(payout))


def _paid(reward: Reward, payee: User) -> None:
    notices.withdraw(community=reward.community, key=f"reward_waiting:{reward.pk}")
    _tell("reward_paid", reward, payee)


def tell_waiting(*, subject: str, community: Community) -> None:
    """Owe a notice to whoever earned a reward that waits for money. Idempotent."""
    waiting = selectors.rewards_in(community).filter(status=funds.Status.WAITING)
    if reward := waiting.filter(subject=subject).first():
        _tell("reward_waiting", reward, User.objects.get(pk=reward.payee_user_id))


def _tell(kind: str, reward: Reward, payee: User, which: str = "") -> None:
    notices.owe(
        community=reward.community,
        key=f"{kind}:{which or reward.pk}",
        recipient=payee,
        kind=kind,
        facts={
            "community": reward.community.name,
            "yuan": f"{(reward.amount - (reward.set_off or 0)) / 100:.2f}",
        },
        target_id=reward.pk,
        due_at=timezone.now(),
    )


def _record(action: str, payment: HandPayment, actor: User) -> None:
    facts: dict[str, Any] = {"claim": str(payment.claim_id), "amount_fen": payment.amount_fen}
    trail.record(
        action, actor=actor, target=payment, after=facts | {"reference": payment.reference}
    )
