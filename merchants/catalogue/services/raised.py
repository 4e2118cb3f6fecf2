"""How much a price or a listing may raise what the community owes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from backend.accounts.models import User
from merchants.catalogue.models import Offer, OfferPrice
from merchants.partners import selectors
from merchants.partners.models.increases import Increase
from merchants.partners.models.partnerships import Terms
from merchants.partners.services import increases

MOST_FEN = 10**15  # above every limit, and fits where it is kept

_pieces_out: list[Callable[[Offer], int]] = []


def counts_pieces(pieces: Callable[[Offer], int]) -> None:
    """Register a function that counts an offer's pieces that may still come back. Idempotent."""
    if pieces not in _pieces_out:
        _pieces_out.append(pieces)


def ask(
    kind: Increase.Kind, offer: Offer, by: User, facts: dict[str, Any] | None = None
) -> Increase | None:
    """Return an Increase if a second person has to confirm the offer's raise, else ``None``."""
    amount_fen = fen_more(offer)
    if not amount_fen:
        return None
    return increases.ask(kind=kind, about=offer, by=by, amount_fen=amount_fen, facts=facts)


def drop_listing(offer: Offer) -> None:
    """Drop the increase that waits for the listing: the offer has changed or was decided on."""
    increases.drop(offer.community_id, subject_id=offer.pk, kind=Increase.Kind.LISTING)


def fen_more(offer: Offer) -> int:
    """Return how much more all pieces may cost than when the offer was last listed, in fen.

    ``value_fen`` and ``settled_fen`` count in full, whatever today's contract is. If the offer was
    listed before, its price in points counts at the highest rate of today or later. Pieces are the
    stock and those that are out, and one at least.
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
    pieces = offer.stock + sum(count(offer) for count in _pieces_out)
    return min(a_piece * max(1, pieces), MOST_FEN)


def _highest_rate(offer: Offer) -> int:
    """Return the highest rate that counts today or later, in fen per point; 0 if there is none."""
    versions = Terms.objects.filter(
        community_id=offer.community_id, partnership=offer.partnership_id, withdrawn_at=None
    )
    today = offer.community.today
    now = selectors.counting(versions, today)
    later = [one for one in versions if one.valid_from and one.valid_from > today]
    by_points = [one for one in (now, *later) if one and one.kind == Terms.Kind.PER_POINT]
    return max((one.fen_per_point or 0 for one in by_points), default=0)


def is_alone(offer: Offer, since: datetime | None = None) -> bool:
    """Tell whether one person alone raised the offer (after ``since``), still unconfirmed."""
    alone = Increase.objects.filter(
        community_id=offer.community_id, subject_id=offer.pk, status=Increase.Status.ALONE
    )
    return (alone if since is None else alone.filter(asked_at__gt=since)).exists()
