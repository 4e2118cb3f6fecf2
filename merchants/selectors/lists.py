"""Reads about what partners need and lend."""

from django.db.models import Prefetch, QuerySet

from backend.accounts.models import User
from backend.communities.selectors import HANDLES, communities_of, communities_where
from merchants.models import ActivityMatch, ListEntry, Merchant, Partnership


def list_entries_open_to(user: User) -> QuerySet[ListEntry]:
    """What active partners need and lend where ``user`` volunteers, newest first."""
    return _list_entries(
        ListEntry.objects.filter(
            community__in=communities_of(user),
            partnership__state=Partnership.State.ACTIVE,
            closed_at__isnull=True,
        )
    )


def list_entries_of(partnership: Partnership) -> QuerySet[ListEntry]:
    """Its two lists, newest first, closed entries as well."""
    return _list_entries(
        ListEntry.objects.filter(community=partnership.community_id, partnership=partnership)
    )


def list_entries_at(merchant: Merchant) -> QuerySet[ListEntry]:
    """The same in all its communities."""
    return _list_entries(ListEntry.objects.filter(partnership__merchant=merchant))


def list_entries_handled_by(user: User) -> QuerySet[ListEntry]:
    """Those ``user`` matches to activities as staff."""
    return _list_entries(ListEntry.objects.filter(community__in=communities_where(user, HANDLES)))


def matches_of(entry: ListEntry) -> QuerySet[ActivityMatch]:
    """Which activities serve it, or did."""
    return ActivityMatch.objects.filter(community=entry.community_id, entry=entry)


def _list_entries(entries: QuerySet[ListEntry]) -> QuerySet[ListEntry]:
    current = ActivityMatch.objects.filter(ended_at__isnull=True).order_by("id")
    return (
        entries.select_related("partnership", "community")
        .prefetch_related(Prefetch("matches", current, to_attr="current_matches"))
        .order_by("-id")
    )
