"""The public's page of the shops where points can be spent, those within a walk first."""

from collections import defaultdict
from dataclasses import dataclass
from math import hypot
from typing import Any
from uuid import UUID

from backend.api.policies import Need
from backend.communities.selectors import places_below
from backend.top.maps import Plane, offset
from backend.top.pages.board.frame import (
    CommunityPage,
    Coordinates,
    coordinates_of,
    estates_around,
    middle_of,
)
from merchants.catalogue.selectors import offers_shown_to_all
from merchants.models import Offer, Partnership
from merchants.partners.selectors import shops_shown_to_all

WALK_METRES = 1_200  # fifteen minutes, in a straight line
FARTHEST_METRES = 2_400  # that the map shows


@dataclass
class Shop:
    """A shop as everybody may know it; ``number`` is its place in the list and on the map."""

    partner: Partnership
    offers: list[Offer]
    at: Coordinates | None
    offset: tuple[float, float] | None = None  # metres to the east and the north of the middle
    drawn_at: tuple[float, float] | None = None
    number: int = 0

    @property
    def metres(self) -> int | None:
        return None if self.offset is None else round(hypot(*self.offset))

    @property
    def is_near(self) -> bool:
        return self.metres is not None and self.metres <= WALK_METRES


class ShopsView(CommunityPage):
    """The page of shops: ``/c/{code}/shops``.

    Ordered from where the community is; a reader's own place is known to their browser alone.
    """

    template_name = "board/shops.html"
    tab = "shops"
    needs = frozenset({Need.GEOLOCATION})

    def told(self, **names: Any) -> dict[str, Any]:
        offers: dict[UUID, list[Offer]] = defaultdict(list)
        for offer in offers_shown_to_all(self.community):
            offers[offer.partnership_id].append(offer)
        shops = [
            Shop(partner, offers[partner.pk], coordinates_of(partner))
            for partner in shops_shown_to_all(self.community)
        ]
        places = [shop.at for shop in shops if shop.at]
        middle = middle_of(self.community, places) if places else None
        shown: dict[str, Any] = {"shops": shops, "walk_metres": WALK_METRES}
        if middle:
            plane = _placed(shops, middle)
            around = estates_around(list(places_below(self.community)), middle)
            shown |= {
                "is_from_office": self.community.latitude is not None,
                "near": sum(shop.is_near for shop in shops),
                "plane": plane,
                "walk": plane.length(WALK_METRES),
                "estates": plane.marks(around),
            }
        shops.sort(key=lambda shop: (shop.metres is None, shop.metres))
        for number, shop in enumerate(shops, start=1):
            shop.number = number
        return shown


def _placed(shops: list[Shop], middle: Coordinates) -> Plane:
    """Tell each shop how far it is from the middle, and where it is drawn if the map reaches it."""
    for shop in shops:
        shop.offset = offset(middle, shop.at) if shop.at else None
    far = [shop.metres for shop in shops if shop.metres and shop.metres <= FARTHEST_METRES]
    plane = Plane(max([WALK_METRES, *far]))
    for shop in shops:
        if shop.offset and hypot(*shop.offset) <= plane.reach + 1:
            shop.drawn_at = plane.at(*shop.offset)
    return plane
