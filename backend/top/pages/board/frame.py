"""The frame of a community's public pages, and what several of them show."""

from typing import Any, ClassVar
from uuid import UUID

from django.shortcuts import get_object_or_404

from backend.communities.models import Community
from backend.communities.selectors import tenants
from backend.top.maps import Mark, offset
from backend.top.pages.kept import KeptPage
from volunteers.attendance.positions import Position, wgs84

YEARS = 5  # that one may choose among, this one included


class CommunityPage(KeptPage):
    """A public page of a community, ``/c/{code}/…``; 404 where there is none.

    A subclass says the ``tab`` that it stands under; ``told`` returns what its template shows.
    """

    tab: ClassVar[str] = ""
    community: Community

    def told(self, **names: Any) -> dict[str, Any]:
        """Return what the template shows; ``names`` are those of the address. Raises Http404."""
        return {}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        self.community = get_object_or_404(tenants(), code=kwargs.pop("code"))
        self.clock = self.community.clock
        return {"community": self.community, "tab": self.tab, **self.told(**kwargs)}


# --- places -----------------------------------------------------------------------------------
Coordinates = tuple[float, float]  # latitude and longitude as GPS has them


def coordinates_of(place: Any) -> Coordinates | None:
    """Return where a community, an estate or a shop is; None if that was not told."""
    if place.latitude is None or place.longitude is None:
        return None
    return wgs84(Position(place.latitude, place.longitude, place.coord_type))


def middle_of(community: Community, places: list[Coordinates]) -> Coordinates | None:
    """Return the middle of a map: where the community is, or else the middle of the places."""
    if here := coordinates_of(community):
        return here
    if not places:
        return None
    north, east = zip(*places, strict=True)
    return sum(north) / len(north), sum(east) / len(east)


def estates_around(estates: list[Community], middle: Coordinates) -> list[Mark]:
    """Return the estates whose place is known: name, metres to the east and to the north."""
    return [
        (estate.name, *offset(middle, found))
        for estate in estates
        if (found := coordinates_of(estate)) is not None
    ]


def id_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
