"""Contracts with merchants, and what they offer."""

from django.db import transaction

from backend.accounts.models import User
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
    return Partnership.objects.create(
        community=community,
        merchant=merchant or Merchant.objects.create(name=name, trade=trade),
        name=name,
        fen_per_point=fen_per_point,
        is_donated=is_donated,
    )


def offer(
    *, partnership: Partnership, code: str, title: str, price_points: int, stock: int
) -> Offer:
    """Put something on offer for ``price_points`` a piece."""
    return Offer.objects.create(
        community_id=partnership.community_id,
        partnership=partnership,
        code=code,
        title=title,
        price_points=price_points,
        stock=stock,
    )


def employ(*, merchant: Merchant, user: User, role: MerchantMember.Role) -> MerchantMember:
    """Let ``user`` work there; working there already is fine."""
    member, _ = MerchantMember.objects.get_or_create(
        merchant=merchant, user=user, ended_at=None, defaults={"role": role}
    )
    return member
