"""Filter of what takes place near somebody."""

import re
from math import cos, radians
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from backend.api.filters import CharFilter, WordsField
from backend.communities.models import CoordType
from volunteers.attendance.positions import EARTH_METRES, Position, gcj02, wgs84

FARTHEST_METRES = 50_000
_NEAR = re.compile(
    r"(-?\d{1,2}(?:\.\d{1,9})?),(-?\d{1,3}(?:\.\d{1,9})?),(\d{1,5})(?:,(wgs84|gcj02))?"
)
NEAR_HELP = (
    "Within so many metres of a position: `latitude,longitude,metres`, as Chinese maps have it, or"
    " with `,wgs84` as GPS does. What has no venue on the map is left out."
)


class _NearField(WordsField):
    """A form field for a position and a distance."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        match = _NEAR.fullmatch(text)
        if match is None:
            raise ValidationError(_("Write latitude, longitude and metres."), code="invalid")
        latitude, longitude, metres = float(match[1]), float(match[2]), int(match[3])
        if abs(latitude) > 90 or abs(longitude) > 180 or metres > FARTHEST_METRES:
            raise ValidationError(_("Write latitude, longitude and metres."), code="invalid")
        return Position(latitude, longitude, match[4] or CoordType.GCJ02), metres


class NearFilter(CharFilter):
    """Filter of rows whose venue, at the end of ``path``, is within some metres of a position."""

    field_class = _NearField

    def __init__(self, path: str, **kwargs: Any) -> None:
        super().__init__(help_text=NEAR_HELP, **kwargs)
        self.path = path

    def filter(self, found: QuerySet[Any], value: tuple[Position, int] | None) -> QuerySet[Any]:
        if not value:
            return found
        position, metres = value
        gps = wgs84(position)
        near = Q()
        # In the datum of each venue. So near, the Earth is as flat as a map.
        for coord_type, (latitude, longitude) in (
            (CoordType.WGS84, gps),
            (CoordType.GCJ02, gcj02(*gps)),
        ):
            squared = f"near_{coord_type.value}"
            north = F(f"{self.path}__latitude") - latitude
            east = (F(f"{self.path}__longitude") - longitude) * cos(radians(latitude))
            found = found.alias(**{squared: north * north + east * east})
            within = (metres / (radians(1) * EARTH_METRES)) ** 2
            near |= Q(**{f"{self.path}__coord_type": coord_type, f"{squared}__lte": within})
        return found.filter(near)
