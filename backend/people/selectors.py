"""Reads about people's records, as their staff see them."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value

from backend.accounts.models import User
from backend.communities.models import Community, Membership, Suspension
from backend.communities.selectors import (
    HANDLES,
    MANAGES,
    WATCHES_OVER,
    is_within,
    lineage,
    people_of,
    places_where,
    suspensions_in_force,
)
from backend.people.models import LogInChange, LogInLink, Merge
from backend.registries import merging


def people_in(place: Community) -> QuerySet[User]:
    """Return the people of a place by name, each with whether they are suspended there now."""
    along = Q(community__in=lineage(place)) | is_within(place, "community")
    there = suspensions_in_force(OuterRef("pk")).filter(along | Q(is_everywhere=True))
    return people_of(place).annotate(is_suspended=Exists(there))


def alike(person: Any) -> QuerySet[User]:
    """Return others of the place from which ``person`` is seen with a name like theirs, or none."""
    others = people_in(person.seen_from).exclude(pk=person.pk)
    return others.annotate(theirs=Value(person.name)).filter(
        Q(name__icontains=person.name) | Q(theirs__icontains=F("name"))
    )


def roles_of(user: User, place: Community) -> QuerySet[Membership]:
    """Return the roles that ``user`` holds or held in ``place`` and below it, newest first."""
    theirs = Membership.objects.filter(is_within(place, "community"), user=user)
    return theirs.select_related("community").order_by("-id")


def suspensions_in(place: Community) -> QuerySet[Suspension]:
    """Return all suspensions at the place, newest first."""
    return _with_people(Suspension.objects.filter(community=place))


def suspensions_of(user: User, place: Community) -> QuerySet[Suspension]:
    """Return the suspensions of ``user`` that concern ``place``, lifted ones too, newest first."""
    along = Q(community__in=lineage(place)) | is_within(place, "community")
    return _with_people(Suspension.objects.filter(along | Q(is_everywhere=True), user=user))


def my_suspensions(user: User) -> QuerySet[Suspension]:
    """Return the suspensions of ``user``, newest first."""
    return _with_people(Suspension.objects.filter(user=user))


def suspensions_seen_by(user: User) -> QuerySet[Suspension]:
    """Return the suspensions in places that ``user`` watches over."""
    return _with_people(Suspension.objects.filter(community__in=places_where(user, WATCHES_OVER)))


def suspensions_managed_by(user: User) -> QuerySet[Suspension]:
    """Return the suspensions that ``user`` may lift."""
    return _with_people(Suspension.objects.filter(community__in=places_where(user, MANAGES)))


def log_in_changes_in(place: Community) -> QuerySet[LogInChange]:
    """Return the changes of log-ins that were proposed in the place, newest first."""
    return _proposed(LogInChange.objects.filter(community=place), "user")


def log_in_changes_seen_by(user: User) -> QuerySet[LogInChange]:
    """Return the changes of log-ins in places that ``user`` watches over."""
    theirs = LogInChange.objects.filter(community__in=places_where(user, WATCHES_OVER))
    return _proposed(theirs, "user")


def log_in_changes_handled_by(user: User) -> QuerySet[LogInChange]:
    """Return the changes of log-ins that ``user`` may confirm or reject."""
    theirs = LogInChange.objects.filter(community__in=places_where(user, HANDLES))
    return _proposed(theirs, "user")


def log_in_links_of(person: Any) -> QuerySet[LogInLink]:
    """Return the links that were made for ``person``."""
    return LogInLink.objects.filter(user=person.pk).select_related("place", "user", "invited_by")


def log_in_links_made_by(user: User) -> QuerySet[LogInLink]:
    """Return the links that ``user`` made, as long as they handle the place's people."""
    made = LogInLink.objects.filter(invited_by=user, place__in=places_where(user, HANDLES))
    return made.select_related("place", "user", "invited_by")


def merges_in(place: Community) -> QuerySet[Merge]:
    """Return the merges that were proposed in the place, newest first."""
    return _proposed(Merge.objects.filter(community=place), "merged", "kept")


def merges_seen_by(user: User) -> QuerySet[Merge]:
    """Return the merges in places that ``user`` watches over."""
    theirs = Merge.objects.filter(community__in=places_where(user, WATCHES_OVER))
    return _proposed(theirs, "merged", "kept")


def merges_handled_by(user: User) -> QuerySet[Merge]:
    """Return the merges that ``user`` may confirm or reject."""
    theirs = Merge.objects.filter(community__in=places_where(user, HANDLES))
    return _proposed(theirs, "merged", "kept")


def merge_of(merged: User) -> Merge:
    """Return the merge by which this record ended."""
    return Merge.objects.get(merged=merged, status=Merge.Status.CONFIRMED)


def figures_of(merged: User, kept: User) -> list[dict[str, Any]]:
    """List what the two records have in each place where either held a role."""
    held = Membership.objects.filter(user__in=[merged, kept]).select_related("community")
    places = {one.community_id: one.community for one in held}
    return [
        {
            "community": {"id": str(pk), "code": place.code, "name": place.name},
            **{
                name: {
                    "roles": sorted(
                        {
                            one.role
                            for one in held
                            if one.community_id == pk
                            and one.user_id == user.pk
                            and one.ended_at is None
                        }
                    ),
                    **merging.counted(pk, user.pk),
                }
                for name, user in (("merged", merged), ("kept", kept))
            },
        }
        for pk, place in sorted(places.items(), key=lambda one: one[1].name)
    ]


def standing_against(conflicts: Iterable[merging.Conflict]) -> list[str]:
    """Return the codes of those of the conflicts that have to be settled before a merge."""
    return sorted({one.code for one in conflicts} - {*Merge.TOLD})


def _with_people(suspensions: QuerySet[Suspension]) -> QuerySet[Suspension]:
    rows = suspensions.select_related("community", "user", "suspended_by", "lifted_by")
    return rows.order_by("-id")


def _proposed(proposals: QuerySet[Any], *about: str) -> QuerySet[Any]:
    rows = proposals.select_related("community", "proposed_by", "decided_by", *about)
    return rows.order_by("-id")
