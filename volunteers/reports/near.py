"""Reports near a place, nearest first: for whoever reports, and around one for its staff."""

from datetime import timedelta
from math import asinh, cos, degrees, radians, tan
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import BooleanField, FloatField, Func, Q, QuerySet, Value
from django.utils import timezone

from backend.communities.models import Community, CoordType
from volunteers.attendance.positions import (
    EARTH_METRES,
    Position,
    distance_metres,
    gcj02,
    wgs84,
)
from volunteers.reports.models.categories import ReportPolicy
from volunteers.reports.models.reports import ON_THE_MAP, Report
from volunteers.reports.selectors import by_a_child

MOST = 20
COORDINATES_KEPT_FOR = timedelta(days=30)  # after the end: DESIGN section 4
METRES_OF_A_DEGREE = radians(1) * EARTH_METRES
MAPS_DIFFER = 0.01  # degrees: no two kinds of coordinates of one place differ by more
WIDER = 1.02  # than the circle on the map: the metres themselves decide


def near(
    community: Community, category: str, position: Position, *, besides: UUID | None = None
) -> dict[UUID, int]:
    """Return the metres to each open report of ``category`` near ``position``, nearest first.

    Never of what is confidential, not yet screened, or told by a child.
    """
    metres = near_metres(community)
    here = wgs84(position)
    places = {CoordType.WGS84: here, CoordType.GCJ02: gcj02(*here)}
    first, second = (
        _nearest(community, category, coord_type, place, metres)
        for coord_type, place in places.items()
    )
    found = {
        pk: round(distance_metres(position, Position(latitude, longitude, coord_type)))
        for pk, latitude, longitude, coord_type in first.union(second, all=True)
        if pk != besides
    }
    within = sorted((far, pk) for pk, far in found.items() if far <= metres)
    return {pk: far for far, pk in within[:MOST]}


def near_report(report: Report) -> dict[UUID, int]:
    """Return the metres to each open report near an open one; none if it is confidential."""
    if report.is_confidential or report.latitude is None or report.longitude is None:
        return {}
    position = Position(report.latitude, report.longitude, report.coord_type)
    return near(report.community, report.category, position, besides=report.pk)


class Offset(NamedTuple):
    """The distance of a report from another: in all, to the east and to the north, in metres."""

    metres: int
    east: int
    north: int


def around(report: Report, among: QuerySet[Report]) -> dict[UUID, Offset]:
    """Return where those ``among`` its community's reports are that are near one, nearest first.

    Of any category, open or ended in the last 30 days; none for a report without coordinates.
    """
    if report.latitude is None or report.longitude is None:
        return {}
    here = Position(report.latitude, report.longitude, report.coord_type)
    metres = near_metres(report.community)
    box = metres / METRES_OF_A_DEGREE + MAPS_DIFFER
    wide = box / max(cos(radians(report.latitude)), 1e-6)
    recent = Q(closed_at__gte=timezone.now() - COORDINATES_KEPT_FOR)
    rows: Any = among.filter(
        Q(status__in=Report.OPEN) | recent,
        community=report.community_id,
        latitude__range=(report.latitude - box, report.latitude + box),
        longitude__range=(report.longitude - wide, report.longitude + wide),
    ).exclude(pk=report.pk)
    found = {}
    for pk, *place in rows.order_by("pk").values_list("pk", "latitude", "longitude", "coord_type"):
        offset = _offset(here, Position(*place))
        if offset.metres <= metres:
            found[pk] = offset
    return dict(sorted(found.items(), key=lambda item: (item[1], item[0]))[:MOST])


def _offset(here: Position, there: Position) -> Offset:
    (south, west), (north, east) = wgs84(here), wgs84(there)
    eastwards = (east - west) * cos(radians(south)) * METRES_OF_A_DEGREE
    northwards = (north - south) * METRES_OF_A_DEGREE
    return Offset(round(distance_metres(here, there)), round(eastwards), round(northwards))


def near_metres(community: Community) -> int:
    """Return within how many metres a community shows other reports of a category."""
    decided = ReportPolicy.objects.filter(community=community)
    default: int = ReportPolicy._meta.get_field("near_metres").default
    return decided.values_list("near_metres", flat=True).first() or default


def _nearest(
    community: Community, category: str, coord_type: str, place: tuple[float, float], metres: int
) -> QuerySet[Report, Any]:
    """Return the nearest of those whose place was told in ``coord_type``, from its own map.

    Two maps differ from another by hundreds of metres, but hardly anywhere near one place.
    """
    latitude, longitude = place
    here = _point(longitude, degrees(asinh(tan(radians(latitude)))))
    radius = degrees(metres * WIDER / EARTH_METRES) / max(cos(radians(latitude)), 1e-6)
    circle = Func(here, Value(radius), function="circle", output_field=FloatField())
    return (
        Report.objects.filter(
            _operator("<@", ON_THE_MAP, circle, output_field=BooleanField()),
            community=community,
            category=category,
            coord_type=coord_type,
            status__in=Report.OPEN,
            is_screened=True,
            is_confidential=False,
            is_by_child=False,
            latitude__isnull=False,
        )
        .exclude(by_a_child())
        .order_by(_operator("<->", ON_THE_MAP, here, output_field=FloatField()))
        .values_list("pk", "latitude", "longitude", "coord_type")[: MOST + 1]
    )


def _point(x: float, y: float) -> Func:
    return Func(Value(x), Value(y), function="point", output_field=FloatField())


def _operator(sign: str, *operands: Any, output_field: Any) -> Func:
    return Func(
        *operands, template="(%(expressions)s)", arg_joiner=f" {sign} ", output_field=output_field
    )
