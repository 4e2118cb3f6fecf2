"""Queries for venues, series and occurrences, named for the reader."""

from django.db.models import Q, QuerySet

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_of, in_reach
from backend.events.models import Occurrence, Series, Venue


def venues_in(place: Community) -> QuerySet[Venue]:
    """Return all venues of a community, or of an estate, newest first."""
    return _placed(Venue.objects.filter(**place.whose))


def venues_seen_by(user: User) -> QuerySet[Venue]:
    """Return the venues of communities where ``user`` volunteers or that they watch over."""
    return _placed(Venue.objects.filter(_seen_by(user)))


def venues_handled_by(user: User) -> QuerySet[Venue]:
    """Return the venues that ``user`` may change and close as staff."""
    return _placed(Venue.objects.filter(in_reach(user, HANDLES)))


def series_in(place: Community) -> QuerySet[Series]:
    """Return all series of a community, or of an estate, newest first."""
    return _series(Series.objects.filter(**place.whose))


def series_seen_by(user: User) -> QuerySet[Series]:
    """Return the series of communities where ``user`` volunteers or that they watch over."""
    return _series(Series.objects.filter(_seen_by(user)))


def series_handled_by(user: User) -> QuerySet[Series]:
    """Return the series that ``user`` may change and cancel as staff."""
    return _series(Series.objects.filter(in_reach(user, HANDLES)))


def occurrences_of(series: Series) -> QuerySet[Occurrence]:
    """Return the occurrences of ``series``, soonest first."""
    return _occurrences(Occurrence.objects.filter(community=series.community_id, series=series))


def occurrences_seen_by(user: User) -> QuerySet[Occurrence]:
    """Return the occurrences of the series that ``user`` may see."""
    return _occurrences(Occurrence.objects.filter(_seen_by(user, estate="series__estate")))


def occurrences_handled_by(user: User) -> QuerySet[Occurrence]:
    """Return the occurrences that ``user`` may move and cancel as staff."""
    handled = in_reach(user, HANDLES, estate="series__estate")
    return _occurrences(Occurrence.objects.filter(handled))


def _seen_by(user: User, estate: str = "estate") -> Q:
    return Q(community__in=communities_of(user)) | in_reach(user, WATCHES_OVER, estate=estate)


def _placed(rows: QuerySet[Venue]) -> QuerySet[Venue]:
    return rows.select_related("community", "estate").order_by("-id")


def _series(rows: QuerySet[Series]) -> QuerySet[Series]:
    return rows.select_related("community", "estate", "venue").order_by("-id")


def _occurrences(rows: QuerySet[Occurrence]) -> QuerySet[Occurrence]:
    return rows.select_related("community", "series__venue").order_by("starts_at", "id")
