"""Venues, series and their occurrences: read by volunteers, planned by staff."""

from typing import Any

from django.urls import path
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.fields import (
    CharField,
    DateField,
    DateTimeField,
    IntegerField,
    TimeOfDayField,
)
from backend.api.filters import BooleanFilter, CharFilter, CommunityFilter, PeriodFilter, TextFilter
from backend.api.paging import CursorPagination
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer, ReasonSerializer
from backend.communities.api.shown import reached_place
from backend.communities.models import Community, CoordType
from backend.communities.selectors import HANDLES, WATCHES_OVER
from backend.events import selectors
from backend.events.models import Occurrence, Series, Status, Venue
from backend.events.recurrence import Recurrence, of_rule
from backend.events.services import series as services
from backend.events.services import venues

OPENINGS_AT_MOST = 50
VENUE_HELP = "A venue's id. Null: none."


# --- shapes -----------------------------------------------------------------------------------
class OpeningSerializer(serializers.Serializer[Any]):
    """A time of opening on a weekday, Monday being 1; closing at 00:00 is the end of the day."""

    weekday = IntegerField(min_value=1, max_value=7)
    from_time = TimeOfDayField()
    until_time = TimeOfDayField()


class VenueInBriefSerializer(ReadSerializer[Venue]):
    """A venue and where it is; coordinates are both null if it has none."""

    class Meta:
        model = Venue
        fields: tuple[str, ...] = (
            "id",
            "name",
            "address",
            "latitude",
            "longitude",
            "coord_type",
        )


class VenueSerializer(VenueInBriefSerializer):
    """A venue of a community or an ``estate``. Without ``opening_hours`` it is always open."""

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)
    opening_hours = OpeningSerializer(many=True, read_only=True)

    class Meta(VenueInBriefSerializer.Meta):
        fields = (*VenueInBriefSerializer.Meta.fields, "closed_at")


class MakeVenueSerializer(serializers.Serializer[Any]):
    """A venue. A change keeps the fields that it leaves out; send both coordinates, or neither."""

    name = CharField(max_length=60)
    address = CharField(max_length=120, required=False, allow_blank=True)
    latitude = serializers.FloatField(min_value=-90, max_value=90, required=False, allow_null=True)
    longitude = serializers.FloatField(
        min_value=-180, max_value=180, required=False, allow_null=True
    )
    coord_type = serializers.ChoiceField(choices=CoordType.choices, required=False)
    opening_hours = serializers.ListField(
        child=OpeningSerializer(), required=False, max_length=OPENINGS_AT_MOST
    )

    def validate_opening_hours(self, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            hours | {name: f"{hours[name]:%H:%M}" for name in ("from_time", "until_time")}
            for hours in told
        ]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        told = [name for name in ("latitude", "longitude") if name in attrs]
        if len(told) == 1 or len({attrs[name] is None for name in told}) > 1:
            raise serializers.ValidationError(
                {"longitude": [_("Tell both coordinates, or neither.")]}, code="required"
            )
        return attrs


class RecurrenceSerializer(serializers.Serializer[Any]):
    """How a series recurs: every ``interval`` weeks or months, on ``days``.

    Days of a week are 1 for Monday to 7 for Sunday. Days of a month are 1 to 31, of which at most
    one comes after the 28th: it is the last day of a month that is shorter. Every three months on
    the 19th is ``{"every": "month", "interval": 3, "days": [19]}``.
    """

    every = serializers.ChoiceField(choices=[("week", _("Week")), ("month", _("Month"))])
    interval = IntegerField(min_value=1, max_value=12, default=1)
    days = serializers.ListField(
        child=IntegerField(min_value=1, max_value=31), min_length=1, max_length=31
    )


class SeriesSerializer(ReadSerializer[Series]):
    """A series of a community or an ``estate``, its occurrences from ``from_time``.

    Times are by the community's clock; an occurrence that ends no later than it begins ends on the
    next day. ``ends_on`` is the last possible day, null if there is none. ``rule`` is the
    ``recurrence`` as RFC 5545 writes it.
    """

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)
    venue = VenueInBriefSerializer(read_only=True, allow_null=True)
    recurrence = serializers.SerializerMethodField()
    from_time = TimeOfDayField(read_only=True)
    until_time = TimeOfDayField(read_only=True)

    class Meta:
        model = Series
        fields = (
            "id",
            "title",
            "theme",
            "rule",
            "starts_on",
            "ends_on",
            "status",
            "reason",
            "cancelled_at",
            "created_at",
        )

    @extend_schema_field(RecurrenceSerializer)
    def get_recurrence(self, series: Series) -> dict[str, Any]:
        recurrence = of_rule(series.rule)
        return {
            "every": recurrence.every,
            "interval": recurrence.interval,
            "days": list(recurrence.days),
        }


class ChangeSeriesSerializer(serializers.Serializer[Any]):
    """Changes of a series; fields left out stay. To recur otherwise, plan another series."""

    title = CharField(max_length=80)
    theme = CharField(
        max_length=40, required=False, allow_blank=True, help_text="A season or a campaign."
    )
    venue_id = serializers.UUIDField(required=False, allow_null=True, help_text=VENUE_HELP)
    from_time = TimeOfDayField()
    until_time = TimeOfDayField()


class PlanSeriesSerializer(ChangeSeriesSerializer):
    """A series. ``ends_on`` is included; without it the series goes on until it is cancelled."""

    recurrence = RecurrenceSerializer()
    starts_on = DateField()
    ends_on = DateField(required=False, allow_null=True)

    def validate_recurrence(self, told: dict[str, Any]) -> Recurrence:
        return Recurrence(told["every"], tuple(told["days"]), told["interval"])


class CancelSeriesSerializer(ReasonSerializer):
    """A reason; with ``since``, occurrences before that day stay."""

    since = DateField(required=False, allow_null=True)


class SeriesInBriefSerializer(ReadSerializer[Series]):
    class Meta:
        model = Series
        fields = ("id", "title", "theme")


class OccurrenceSerializer(ReadSerializer[Occurrence]):
    """One day of a series. ``day`` is the one that the series gave, also if it was moved."""

    series = SeriesInBriefSerializer(read_only=True)

    class Meta:
        model = Occurrence
        fields = ("id", "day", "starts_at", "ends_at", "status", "reason", "cancelled_at")


class MoveOccurrenceSerializer(serializers.Serializer[Any]):
    starts_at = DateTimeField()
    ends_at = DateTimeField()


# --- filters ----------------------------------------------------------------------------------
class VenueFilter(CommunityFilter):
    estate = CharFilter(field_name="estate__code", help_text="An estate's code.")
    closed = BooleanFilter(
        field_name="closed_at",
        lookup_expr="isnull",
        exclude=True,
        help_text="Whether it is no longer used.",
    )
    text = TextFilter("name", "address", help_text="Part of the name or the address.")


class SeriesFilter(CommunityFilter):
    estate = CharFilter(field_name="estate__code", help_text="An estate's code.")
    status = filters.ChoiceFilter(choices=Status.choices)
    theme = CharFilter(help_text="A season or a campaign.")
    venue = filters.UUIDFilter(help_text="A venue's id.")
    text = TextFilter("title", help_text="Part of the title.")


class OccurrenceFilter(PeriodFilter):
    moment, ends = "starts_at", "ends_at"
    series = filters.UUIDFilter(help_text="A series' id.")
    status = filters.ChoiceFilter(choices=Status.choices)


class SoonestFirst(CursorPagination):
    ordering = ("starts_at", "id")  # type: ignore[assignment]


# --- views ------------------------------------------------------------------------------------
class CommunityVenuesView(ListView[Venue]):
    """List the venues of a community or estate: ``GET /api/v1/communities/{code}/venues``.

    For staff and auditors, newest first, also those that are no longer used.
    """

    serializer_class = VenueSerializer
    filterset_class = VenueFilter
    finds = below(reached_place(WATCHES_OVER), selectors.venues_in)

    @writes(
        VenueSerializer,
        reached_place(HANDLES),
        body=MakeVenueSerializer,
        creates=selectors.venues_in,
    )
    def post(self, user: User, place: Community, /, **facts: Any) -> Venue:
        """Make a venue: ``POST /api/v1/communities/{code}/venues``. For staff and managers."""
        return venues.make(place=place, by=user, **facts)


class VenueView(OpenView[Venue]):
    """Open a venue: ``GET /api/v1/venues/{venue_id}``. For volunteers, staff and auditors."""

    serializer_class = VenueSerializer
    finds = seen(selectors.venues_seen_by, "venue_id")

    @writes(
        VenueSerializer,
        seen(selectors.venues_handled_by, "venue_id"),
        body=MakeVenueSerializer,
        edits=True,
    )
    def patch(self, user: User, venue: Venue, **changes: Any) -> Venue:
        """Change a venue: ``PATCH /api/v1/venues/{venue_id}``. For staff and managers.

        What is planned there already stays, also where new opening hours would not allow it.
        """
        return venues.change(venue=venue, by=user, changes=changes)


class CloseVenueView(APIView):
    """Close a venue for good: ``POST /api/v1/venues/{venue_id}/close``.

    For staff and managers. Nothing new is planned there (``venue_not_used``); what is planned
    stays. Idempotent.
    """

    @writes(VenueSerializer, seen(selectors.venues_handled_by, "venue_id"))
    def post(self, user: User, venue: Venue) -> Venue:
        return venues.close(venue=venue, by=user)


class CommunitySeriesView(ListView[Series]):
    """List the series of a community or estate: ``GET /api/v1/communities/{code}/series``.

    For staff and auditors, newest first, cancelled ones too.
    """

    serializer_class = SeriesSerializer
    filterset_class = SeriesFilter
    finds = below(reached_place(WATCHES_OVER), selectors.series_in)

    @writes(
        SeriesSerializer,
        reached_place(HANDLES),
        body=PlanSeriesSerializer,
        creates=selectors.series_in,
    )
    def post(self, user: User, place: Community, /, **facts: Any) -> Series:
        """Plan a series: ``POST /api/v1/communities/{code}/series``. For staff and managers.

        Its occurrences of the coming two months are made at once, later ones each night. A day on
        which the venue is closed at that time has none; if that is each day, ``venue_closed``.
        """
        return services.plan(place=place, by=user, **facts)


class SeriesView(OpenView[Series]):
    """Open a series: ``GET /api/v1/series/{series_id}``. For volunteers, staff and auditors."""

    serializer_class = SeriesSerializer
    finds = seen(selectors.series_seen_by, "series_id")

    @writes(
        SeriesSerializer,
        seen(selectors.series_handled_by, "series_id"),
        body=ChangeSeriesSerializer,
        edits=True,
    )
    def patch(self, user: User, series: Series, **changes: Any) -> Series:
        """Change a series: ``PATCH /api/v1/series/{series_id}``. For staff and managers.

        Occurrences to come follow, unless they were moved by hand. Whoever signed up or has a
        stall is told new times and another venue.
        """
        return services.change(series=series, by=user, changes=changes)


class CancelSeriesView(APIView):
    """Cancel a series, at once or from a day on: ``POST /api/v1/series/{series_id}/cancel``.

    For staff and managers. All occurrences to come are cancelled, with ``since`` those from that
    day on, after which the series ends. Whoever signed up or has a stall is told the ``reason``.
    Idempotent.
    """

    @writes(
        SeriesSerializer,
        seen(selectors.series_handled_by, "series_id"),
        body=CancelSeriesSerializer,
    )
    def post(self, user: User, series: Series, **facts: Any) -> Series:
        return services.cancel(series=series, by=user, **facts)


class SeriesOccurrencesView(ListView[Occurrence]):
    """List the occurrences of a series: ``GET /api/v1/series/{series_id}/occurrences``.

    Soonest first, past and cancelled ones too.
    """

    serializer_class = OccurrenceSerializer
    pagination_class = SoonestFirst
    filterset_class = OccurrenceFilter
    finds = below(seen(selectors.series_seen_by, "series_id"), selectors.occurrences_of)


class OccurrenceView(OpenView[Occurrence]):
    """Open an occurrence: ``GET /api/v1/occurrences/{occurrence_id}``."""

    serializer_class = OccurrenceSerializer
    finds = seen(selectors.occurrences_seen_by, "occurrence_id")

    @writes(
        OccurrenceSerializer,
        seen(selectors.occurrences_handled_by, "occurrence_id"),
        body=MoveOccurrenceSerializer,
        edits=True,
    )
    def patch(self, user: User, occurrence: Occurrence, **changes: Any) -> Occurrence:
        """Move one occurrence: ``PATCH /api/v1/occurrences/{occurrence_id}``.

        For staff and managers, before it begins. Its shifts and its fair move along, and whoever
        signed up or has a stall is told.
        """
        times = {"starts_at": occurrence.starts_at, "ends_at": occurrence.ends_at}
        return services.move_occurrence(occurrence=occurrence, by=user, **times | changes)


class CancelOccurrenceView(APIView):
    """Cancel one occurrence: ``POST /api/v1/occurrences/{occurrence_id}/cancel``.

    For staff and managers. Its shifts and its fair are cancelled; whoever signed up or has a stall
    is told the ``reason``. Idempotent.
    """

    @writes(
        OccurrenceSerializer,
        seen(selectors.occurrences_handled_by, "occurrence_id"),
        body=ReasonSerializer,
    )
    def post(self, user: User, occurrence: Occurrence, **facts: Any) -> Occurrence:
        return services.cancel_occurrence(occurrence=occurrence, by=user, **facts)


SERIES, OCCURRENCE = "series/<uuid:series_id>", "occurrences/<uuid:occurrence_id>"

urlpatterns = [
    path("communities/<str:code>/venues", CommunityVenuesView.as_view()),
    path("venues/<uuid:venue_id>", VenueView.as_view()),
    path("venues/<uuid:venue_id>/close", CloseVenueView.as_view()),
    path("communities/<str:code>/series", CommunitySeriesView.as_view()),
    path(SERIES, SeriesView.as_view()),
    path(f"{SERIES}/cancel", CancelSeriesView.as_view()),
    path(f"{SERIES}/occurrences", SeriesOccurrencesView.as_view()),
    path(OCCURRENCE, OccurrenceView.as_view()),
    path(f"{OCCURRENCE}/cancel", CancelOccurrenceView.as_view()),
]
