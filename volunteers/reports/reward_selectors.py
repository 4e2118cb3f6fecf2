"""Queries for rewards in money: claims on funds by reports, and how they are paid."""

from collections.abc import Sequence
from typing import Any, TypeAlias
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TextField,
    UUIDField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Concat, StrIndex, Substr

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import known_to
from backend.payouts import selectors as payouts
from backend.payouts.models import Payout
from points.funds import selectors as funds
from points.kinds import Unit
from volunteers.reports.models.hand_payments import HandPayment

Reward: TypeAlias = Any  # a claim on a fund, with what as_rewards adds

_AN_ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


def rewards_in(community: Community) -> QuerySet[Reward]:
    """Return what reports earned from funds of the community, newest first."""
    return as_rewards(funds.claims_in(community), whose=community)


def rewards_of(user: User) -> QuerySet[Reward]:
    """Return what the reports and confirmations of ``user`` earned from funds, newest first."""
    return as_rewards(funds.claims_paying(f"person:{user.pk}", known_to(user)))


def rewards_to_order(community: Community | None = None) -> QuerySet[Reward]:
    """Return the rewards of which a payout by WeChat is to be ordered, in the order of closing.

    Each reservation that may be paid is ordered once by itself: whatever fails is for staff to look
    at. Without a community, of all.
    """
    where = {} if community is None else {"community": community}
    whose = community or OuterRef("community")
    rewards = as_rewards(funds.claims_reserved(**where), whose=community)
    ordered = Payout.objects.filter(community=whose, key=OuterRef("payout_key"))
    by_hand = HandPayment.objects.filter(
        community=whose, claim=OuterRef("pk"), withdrawn_at__isnull=True
    )
    return rewards.filter(~Exists(ordered), ~Exists(by_hand), is_for_wechat=True).order_by(
        "closed_at", "id"
    )


def hand_payments_of(reward: Reward) -> QuerySet[HandPayment]:
    """Return the payments by hand of a reward, newest first."""
    return _hand_payments(Q(community=reward.community_id, claim=reward.pk))


def _hand_payments(which: Q) -> QuerySet[HandPayment]:
    people = ("payee", "recorded_by", "confirmed_by", "withdrawn_by", "community")
    return HandPayment.objects.filter(which).select_related(*people).order_by("-id")


def payouts_of(reward: Reward) -> QuerySet[Payout]:
    """Return the payouts of a reward, newest first."""
    return payouts.payouts_of(reward.community_id, f"reward:{reward.pk}")


def last_payouts(rewards: Sequence[Reward]) -> dict[str, Payout]:
    """Return the latest payout of each reward, by its subject."""
    found = Payout.objects.filter(
        community__in={reward.community_id for reward in rewards},
        subject__in=[reward.payout_subject for reward in rewards],
    )
    return {payout.subject: payout for payout in found.select_related("ordered_by").order_by("id")}


def people_paid_by(rewards: Sequence[Reward]) -> dict[UUID, User]:
    """Return the people whom rewards pay, by their ids."""
    return User.objects.in_bulk({reward.payee_user_id for reward in rewards})


def figures_of(rewards: QuerySet[Reward]) -> dict[str, dict[str, int]]:
    """Return how many rewards are paid, reserved, waiting and so on, and of how many fen."""
    reserved = Q(status="reserved")
    groups = {
        "paid": Q(status="committed"),
        "reserved": reserved,
        "unknown": reserved & Q(payout_status=Payout.Status.UNKNOWN),
        "by_hand": reserved & Q(is_for_wechat=False),
        "waiting": Q(status="waiting"),
        "unclaimed": Q(status="unclaimed"),
    }
    net = F("amount") - Coalesce("set_off", 0)
    sums = rewards.order_by().aggregate(
        **{f"{name}_count": Count("pk", filter=which) for name, which in groups.items()},
        **{f"{name}_fen": Sum(net, filter=which, default=0) for name, which in groups.items()},
    )
    return {
        name: {"count": sums[f"{name}_count"], "amount_fen": sums[f"{name}_fen"]} for name in groups
    }


def as_rewards(claims: QuerySet[Reward], *, whose: Community | None = None) -> QuerySet[Reward]:
    """Keep those of reports and confirmations in fen, and add how they can be paid.

    ``payout_status`` is that of the latest payout. ``is_for_wechat`` if WeChat can pay it: the
    payee logs in with it, the amount is within the limits, and whoever stands behind the order is
    somebody else. ``whose`` is the community if all claims are of one:
    every subquery of a query of one community names it.
    """
    on_wechat = SocialAccount.objects.filter(provider="wechat", user=OuterRef("payee_user_id"))
    last = Payout.objects.filter(
        community=whose or OuterRef("community"), subject=OuterRef("payout_subject")
    )
    limits = settings.WECHATPAY_LEAST_FEN, settings.WECHATPAY_MOST_FEN
    rewards: QuerySet[Reward] = (
        claims.filter(
            subject__regex=f"^(report|confirmation):{_AN_ID}",
            payee__unit=Unit.FEN,
            payee__holder__regex=f"^person:{_AN_ID}",
        )
        .annotate(
            payee_user_id=_id_in("payee__holder"),
            payout_key=_named("hold", "hold"),
            payout_subject=_named("reward", "pk"),
        )
        .annotate(
            payout_status=Subquery(last.order_by("-id").values("status")[:1]),
            is_for_wechat=Exists(on_wechat)
            & Q(amount__range=limits)
            & ~Q(payee_user_id=Coalesce("approved_by", "asked_by")),
        )
    )
    return rewards


def _named(kind: str, field: str) -> Concat:
    """Return the name of the thing that ``field`` refers to, such as ``reward:<id>``."""
    return Concat(Value(f"{kind}:"), Cast(field, TextField()), output_field=TextField())


def _id_in(field: str) -> Case:
    """Return the id after the colon of ``field``; nothing if there is none."""
    number = Cast(Substr(field, StrIndex(F(field), Value(":")) + 1), UUIDField())
    return Case(When(**{f"{field}__regex": f":{_AN_ID}"}, then=number))
