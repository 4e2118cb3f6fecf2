"""Queries for volunteers and requests to join, named for the reader."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from backend.accounts.models import User
from backend.communities.models import Community, Membership, Role
from backend.communities.selectors import (
    HANDLES,
    MANAGES,
    WATCHES_OVER,
    in_reach,
    known_to,
    places_below,
)
from volunteers.people.errors import EstateUnknown
from volunteers.people.models import CellMember, JoinRequest, Volunteer

FEWEST_TOLD = 5  # people: whoever may not see names is told of no fewer


def is_volunteer(user: User, community_id: UUID) -> bool:
    """Tell whether ``user`` is enrolled there."""
    return Volunteer.objects.filter(
        community_id=community_id, user=user, left_at__isnull=True
    ).exists()


def left_at(user_id: UUID, community_id: UUID) -> datetime | None:
    """Return when a volunteer there left; ``None`` if they have not."""
    return (
        Volunteer.objects.filter(community_id=community_id, user_id=user_id)
        .values_list("left_at", flat=True)
        .first()
    )


def has_left_since(user_id: UUID, community_id: UUID, moment: datetime) -> bool:
    """Tell whether they left after ``moment``, even if they are back since."""
    return Membership.objects.filter(
        community_id=community_id, user_id=user_id, role=Role.VOLUNTEER, ended_at__gte=moment
    ).exists()


def volunteers_in(community: Community) -> QuerySet[Volunteer]:
    """Return the current volunteers of the community."""
    enrolled = Volunteer.objects.filter(community=community, left_at__isnull=True)
    return enrolled.select_related("estate")


def volunteers_seen_by(user: User) -> QuerySet[Volunteer]:
    """Return the records of ``user`` as a volunteer, and those that they may look at."""
    seen = Q(user=user) | in_reach(user, WATCHES_OVER)
    return _with_person(Volunteer.objects.filter(seen))


def volunteers_kept_by(user: User) -> QuerySet[Volunteer]:
    """Return the current volunteers whose skills ``user`` may set: themselves, or as staff."""
    kept = Q(user=user) | in_reach(user, HANDLES)
    return _with_person(Volunteer.objects.filter(kept, left_at__isnull=True))


def volunteers_ever_in(place: Community) -> QuerySet[Volunteer]:
    """Return the volunteers of a community or an estate, former ones included; newest first.

    A record that was merged into another one is not shown beside that.
    """
    shown = Volunteer.objects.filter(**place.whose, user__merged_into__isnull=True)
    return _with_person(shown)


def volunteering_of(user: User) -> QuerySet[Volunteer]:
    """Return the records of ``user`` as a volunteer, former ones included."""
    return _with_person(Volunteer.objects.filter(community__in=known_to(user), user=user))


def join_requests_of(user: User) -> QuerySet[JoinRequest]:
    """Return the requests of ``user`` to join, newest first."""
    return _with_asker(JoinRequest.objects.filter(user=user))


def last_asked(user: User, community: Community) -> JoinRequest | None:
    """Return the last request of ``user`` to join there."""
    asked = JoinRequest.objects.filter(community=community, user=user)
    return asked.select_related("estate").order_by("-id").first()


def stays_away(user: User, community: Community) -> bool:
    """Tell whether ``user`` withdrew their last request to join, or asked to be erased."""
    asked = last_asked(user, community)
    has_withdrawn = asked is not None and asked.status == JoinRequest.Status.WITHDRAWN
    return has_withdrawn or user.erasure_requested_at is not None or not user.is_active


def join_requests_handled_by(user: User) -> QuerySet[JoinRequest]:
    """Return the requests that ``user`` may approve or reject."""
    return _with_asker(JoinRequest.objects.filter(in_reach(user, HANDLES)))


def join_requests_seen_by(user: User) -> QuerySet[JoinRequest]:
    """Return the requests of ``user``, and those that they may approve or reject."""
    return _with_asker(JoinRequest.objects.filter(Q(user=user) | in_reach(user, HANDLES)))


def estate_in(community: Community, estate_id: UUID) -> Community:
    """Return the estate of this id under ``community``. Raises EstateUnknown."""
    estate: Community | None = places_below(community).filter(pk=estate_id).first()
    if estate is None:
        raise EstateUnknown
    return estate


def cells_handled_by(user: User) -> list[tuple[UUID, UUID]]:
    """Return the cells that ``user`` leads or works in, each as (community, estate)."""
    theirs = CellMember.objects.filter(
        community__in=known_to(user),
        user=user,
        function__in=CellMember.HANDLES,
        ended_at__isnull=True,
    )
    return list(theirs.values_list("community_id", "estate_id"))


def cell_members_in(community: Community) -> QuerySet[CellMember]:
    """Return who has, or had, a function in the community's cells; newest first."""
    return _with_cell(CellMember.objects.filter(community=community))


def cell_members_managed_by(user: User) -> QuerySet[CellMember]:
    """Return the functions in cells that ``user`` may end."""
    return _with_cell(CellMember.objects.filter(in_reach(user, MANAGES)))


def cell_members_seen_by(user: User) -> QuerySet[CellMember]:
    """Return the functions of ``user`` in cells, and those they see as staff or auditor."""
    seen = in_reach(user, WATCHES_OVER) | Q(community__in=known_to(user), user=user)
    return _with_cell(CellMember.objects.filter(seen))


def workers_of(estate_id: UUID, community_id: UUID) -> QuerySet[CellMember]:
    """Return the worker of a cell, and then its leader."""
    return (
        CellMember.objects.filter(
            community=community_id,
            estate=estate_id,
            function__in=CellMember.HANDLES,
            ended_at__isnull=True,
        )
        .select_related("user")
        .order_by("-function")
    )


def hide_phones(reader: User, rows: Sequence[Any], staffs: Q) -> None:
    """Mark volunteers of ``rows`` of one table whose phone ``reader`` does not see.

    The phone is seen by the person and by ``staffs``, a condition on the rows that the reader
    reaches as staff or auditor; leaders see the names of their people.
    """
    others = [row for row in rows if row.volunteer_id != reader.pk]
    if not others:
        return
    reached = type(others[0])._default_manager.filter(
        staffs, community__in={row.community_id for row in others}, pk__in=[r.pk for r in others]
    )
    seen = set(reached.values_list("pk", flat=True))
    for row in others:
        row.volunteer.is_shown_without_phone = row.pk not in seen


def _with_asker(asked: QuerySet[JoinRequest]) -> QuerySet[JoinRequest]:
    return asked.select_related("community", "user", "estate", "decided_by").order_by("-id")


def _with_cell(members: QuerySet[CellMember]) -> QuerySet[CellMember]:
    return members.select_related("community", "estate", "user").order_by("-id")


def _with_person(volunteers: QuerySet[Volunteer]) -> QuerySet[Volunteer]:
    return volunteers.select_related("community", "user", "estate").order_by("-id")
