"""Offers as something that an import wrote, and may take back."""

from uuid import UUID

from django.utils.functional import Promise

from backend.imports.kinds import Taken, Thing, referred_to
from merchants.catalogue.models import Offer, OfferPrice
from merchants.catalogue.services import offers
from merchants.partners.errors import OwnMerchant
from merchants.partners.services import sides


def _built_on(taken: Taken) -> dict[UUID, str | Promise]:
    """Tell of offers with vouchers or moves of stock, and of whose shop one takes back oneself."""
    found = referred_to(Offer, taken, besides={OfferPrice: None})
    rows = Offer.objects.filter(community=taken.community, pk__in=taken.ids)
    for row in rows.select_related("partnership"):
        try:
            sides.refuse_own(taken.by, row.partnership)
        except OwnMerchant as refusal:
            found[row.pk] = refusal.title
    return found


def _undo(taken: Taken) -> None:
    rows = Offer.objects.filter(community=taken.community, pk__in=taken.ids)
    for row in rows.order_by("pk"):
        offers.take_back(offer=row, by=taken.by)


OFFER = Thing("offer", _built_on, _undo)
