"""What a community owes for a redemption: the contract of the day, and its arithmetic."""

from datetime import date

from merchants.catalogue import errors
from merchants.catalogue.models import Offer
from merchants.partners import selectors
from merchants.partners.errors import PartnerNotActive
from merchants.partners.models.partnerships import Partnership, Terms


def in_force(partnership: Partnership, day: date) -> Terms:
    """Return the terms that count on ``day``, a day of the community. Raises PartnerNotActive."""
    versions = Terms.objects.filter(community_id=partnership.community_id, partnership=partnership)
    terms = selectors.counting(versions, day)
    if terms is None:
        raise PartnerNotActive
    return terms


def amount_fen(terms: Terms, offer: Offer, quantity: int) -> int:
    """Return what the community owes the merchant for ``quantity`` pieces of ``offer``, in fen.

    All pieces are worth the same; a share is rounded down. Raises OfferNotPriced if the contract
    needs a figure that the offer does not have.
    """
    match terms.kind:
        case Terms.Kind.DONATED:
            return 0
        case Terms.Kind.PER_POINT:
            assert terms.fen_per_point is not None
            return terms.fen_per_point * offer.price_points * quantity
        case Terms.Kind.SHARE:
            assert terms.share_bp is not None
            if offer.value_fen is None:
                raise errors.OfferNotPriced
            return offer.value_fen * terms.share_bp // 10_000 * quantity
        case _:
            if offer.settled_fen is None:
                raise errors.OfferNotPriced
            return offer.settled_fen * quantity
