"""What raises what the community owes takes a second person of its staff.

Below the community's limit one person does it alone: what they raised alone there in 30 days
counts against it. What has no bound is above every limit.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from merchants.catalogue.models import Offer, OfferPrice
from merchants.giving.models.wishes import Wish
from merchants.partners.models.increases import Increase
from merchants.partners.models.partnerships import Partnership, Terms
from merchants.redemption.models import Redemption

WINDOW = timedelta(days=30)
MOST_FEN = 10**15  # above every limit, and fits where it is kept
State = Increase.State


def ask(
    *,
    kind: Increase.Kind,
    community: Community,
    by: User,
    amount_fen: int | None,
    partnership: Partnership | None = None,
    offer: Offer | None = None,
    wish: Wish | None = None,
    facts: dict[str, Any] | None = None,
) -> Increase | None:
    """What ``by`` wants is for somebody else to confirm; ``None`` if ``by`` may do it alone.

    Either is on record. Whoever calls it holds what it is about. Asked again it is asked once.
    """
    about = {"partnership": partnership, "offer": offer, "wish": wish, "facts": facts or {}}
    asked = {"community": community, "kind": kind, "asked_by": by, **about}
    waiting = Increase.objects.filter(**asked, state=State.PENDING).first()
    if waiting is not None:
        return waiting
    may_alone = amount_fen is not None and amount_fen <= _left(community, by)
    made = Increase.objects.create(
        **asked, amount_fen=amount_fen, state=State.ALONE if may_alone else State.PENDING
    )
    made.refresh_from_db(fields=["asked_at"])  # the database's own time
    record("increase.ask", made, by)
    return None if may_alone else made


def _left(community: Community, by: User) -> int:
    """What ``by`` may still raise alone there: two acts of theirs queue at the community."""
    limit = Community.objects.select_for_update(no_key=True).get(pk=community.pk).alone_limit_fen
    alone = Increase.objects.filter(
        community=community,
        asked_by=by,
        state=State.ALONE,
        asked_at__gt=timezone.now() - WINDOW,
    )
    return int(limit - (alone.aggregate(fen=Sum("amount_fen"))["fen"] or 0))


def raised_by_terms(last: Terms | None, new: Terms) -> bool:
    """Whether ``new`` may cost more than ``last``; how much has no bound.

    What will be redeemed under it nobody knows. Another kind may always cost more, but for what
    is donated.
    """
    if new.kind == Terms.Kind.DONATED:
        return False
    if last is None or last.kind != new.kind:
        return True
    return (new.fen_per_point or 0) > (last.fen_per_point or 0) or (new.share_bp or 0) > (
        last.share_bp or 0
    )


def raised_by_offer_fen(offer: Offer) -> int:
    """What the pieces that there are may cost more than as it was last listed, in fen.

    ``value_fen`` and ``settled_fen`` count in full, whatever the contract is by today; a price in
    points by the highest rate that counts today or later, where it was listed before: points are
    owed for whatever they buy. Pieces are the stock, what is held, and one at least.
    """
    listed = (
        OfferPrice.objects.filter(community_id=offer.community_id, offer=offer, is_proposed=False)
        .order_by("-id")
        .first()
    )

    def more(name: str) -> int:
        before = getattr(listed, name) if listed else 0
        return max(0, (getattr(offer, name) or 0) - (before or 0))

    points_fen = _highest_rate(offer) * more("price_points") if listed else 0
    a_piece = max(points_fen, more("value_fen"), more("settled_fen"))
    held = offer.redemptions.filter(
        community_id=offer.community_id, status=Redemption.Status.HELD
    ).aggregate(pieces=Sum("quantity"))["pieces"]
    return min(a_piece * max(1, offer.stock + (held or 0)), MOST_FEN)


def _highest_rate(offer: Offer) -> int:
    """Of what counts today or will."""
    versions = list(
        Terms.objects.filter(
            community_id=offer.community_id,
            partnership=offer.partnership_id,
            withdrawn_at__isnull=True,
        ).order_by("version")
    )
    today = offer.community.today
    begun = [one for one in versions if one.valid_from is None or one.valid_from <= today]
    counting = begun[-1:] + [one for one in versions if one not in begun]
    by_points = [one for one in counting if one.kind == Terms.Kind.PER_POINT]
    return max((one.fen_per_point or 0 for one in by_points), default=0)


def drop(community_id: UUID, **about: object) -> None:
    """Take out of the queue what was asked for ``about`` something that is not so any more."""
    pending = Increase.objects.filter(community_id=community_id, state=State.PENDING, **about)
    pending.update(state=State.DROPPED)


def is_alone(offer: Offer, since: datetime | None = None) -> bool:
    """Whether one person alone raised it, ``since`` then, and no other has confirmed it since."""
    alone = Increase.objects.filter(community_id=offer.community_id, offer=offer, state=State.ALONE)
    return (alone if since is None else alone.filter(asked_at__gt=since)).exists()


def record(action: str, increase: Increase, by: User) -> None:
    about = increase.wish_id or increase.offer_id or increase.partnership_id
    trail.record(
        action,
        actor=by,
        community=increase.community,
        target=increase,
        after={
            "kind": increase.kind,
            "state": increase.state,
            "about": str(about) if about else None,
            "amount_fen": increase.amount_fen,
        },
    )
