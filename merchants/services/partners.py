"""Contracts with merchants, what they offer, and who works there."""

from typing import Any

from django.db import models, transaction

from backend.accounts.models import User
from backend.audit.services import trail
from backend.communities.models import Community
from merchants.models import Merchant, MerchantMember, Offer, Partnership


@transaction.atomic
def sign_contract(
    *,
    community: Community,
    name: str,
    trade: str,
    fen_per_point: int,
    is_donated: bool,
    merchant: Merchant | None = None,
) -> Partnership:
    """A merchant becomes a partner of ``community``, paid ``fen_per_point`` or donating.

    ``merchant`` is given when the business is a partner elsewhere already.
    """
    partnership = Partnership.objects.create(
        community=community,
        merchant=merchant or Merchant.objects.create(name=name, trade=trade),
        name=name,
        fen_per_point=fen_per_point,
        is_donated=is_donated,
    )
    trail.record(
        "partnership.sign",
        actor=None,
        community=community,
        target=partnership,
        after={
            "merchant": str(partnership.merchant_id),
            "fen_per_point": fen_per_point,
            "is_donated": is_donated,
        },
    )
    return partnership


@transaction.atomic
def offer(
    *, partnership: Partnership, code: str, title: str, price_points: int, stock: int
) -> Offer:
    """Put something on offer for ``price_points`` a piece."""
    offered = Offer.objects.create(
        community_id=partnership.community_id,
        partnership=partnership,
        code=code,
        title=title,
        price_points=price_points,
        stock=stock,
    )
    trail.record(
        "offer.make",
        actor=None,
        community=partnership.community,
        target=offered,
        after={"price_points": price_points, "stock": stock},
    )
    return offered


@transaction.atomic
def employ(*, merchant: Merchant, user: User, role: MerchantMember.Role) -> MerchantMember:
    """Let ``user`` work there; working there already is fine."""
    member, is_new = take_on(merchant=merchant, user=user, role=role)
    if is_new:
        record(
            "merchant_member.employ",
            actor=None,
            merchant=merchant,
            target=member,
            after={"role": member.role, "user": str(user.pk)},
        )
    return member


def take_on(
    *, merchant: Merchant, user: User, role: MerchantMember.Role
) -> tuple[MerchantMember, bool]:
    """Put on record that ``user`` works there; ``False`` if they do, as what they are.

    For ``employ`` and invitations.
    """
    return MerchantMember.objects.get_or_create(
        merchant=merchant, user=user, ended_at=None, defaults={"role": role}
    )


def record(
    action: str,
    *,
    actor: User | None,
    merchant: Merchant,
    target: models.Model,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write down what concerns no one community where auditors look: in each it is a partner of."""
    partnerships = merchant.partnerships.select_related("community").order_by("pk")
    communities: list[Community | None] = [one.community for one in partnerships]
    for community in communities or [None]:
        trail.record(
            action, actor=actor, community=community, target=target, before=before, after=after
        )
