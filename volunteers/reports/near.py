"""Open reports near a place, nearest first, found by an index of their map."""

from math import asinh, cos, degrees, radians, tan
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, FloatField, Func, QuerySet, Value

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
