"""Reads about volunteers, named for who is asking."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from backend.accounts.models import User
from backend.communities.models import Community, Membership, Role
from backend.communities.selectors import (
    HANDLES,
    communities_where,
    places_below,
)
from volunteers.people.errors import EstateUnknown
from volunteers.people.models import JoinRequest, Volunteer


def is_volunteer(user: User, community_id: UUID) -> bool:
    """Whether ``user`` is enrolled there."""
    return Volunteer.objects.filter(
        community_id=community_id, user=user, left_at__isnull=True
    ).exists()


def left_at(user_id: UUID, community_id: UUID) -> datetime | None:
    """When somebody who was enrolled there left."""
    return (
        Volunteer.objects.filter(community_id=community_id, user_id=user_id)
        .values_list("left_at", flat=True)
        .first()
    )


def has_left_since(user_id: UUID, community_id: UUID, moment: datetime) -> bool:
    """Whether they ceased to be a volunteer there after ``moment``, whatever they are today."""
    return Membership.objects.filter(
        community_id=community_id, user_id=user_id, role=Role.VOLUNTEER, ended_at__gte=moment
    ).exists()


def volunteers_in(community: Community) -> QuerySet[Volunteer]:
    """Who is enrolled there."""
    return Volunteer.objects.filter(community=community, left_at__isnull=True)


def volunteering_of(user: User) -> QuerySet[Volunteer]:
    """Where ``user`` is or was a volunteer."""
    return Volunteer.objects.filter(user=user).select_related("community")


def join_requests_of(user: User) -> QuerySet[JoinRequest]:
    """Where ``user`` asked to join, newest first."""
    return _with_asker(JoinRequest.objects.filter(user=user))


def last_asked(user: User, community: Community) -> JoinRequest | None:
    """How ``user`` last asked to join there."""
    asked = JoinRequest.objects.filter(community=community, user=user)
    return asked.select_related("estate").order_by("-id").first()


def stays_away(user: User, community: Community) -> bool:
    """Whether ``user`` thought better of joining there, or wants to be forgotten."""
    asked = last_asked(user, community)
    thought_better = asked is not None and asked.status == JoinRequest.Status.WITHDRAWN
    return thought_better or user.erasure_requested_at is not None or not user.is_active


def join_requests_in(community: Community) -> QuerySet[JoinRequest]:
    """Who asked to join there, newest first."""
    return _with_asker(JoinRequest.objects.filter(community=community))


def join_requests_handled_by(user: User) -> QuerySet[JoinRequest]:
    """What ``user`` may approve or reject, newest first."""
    return _with_asker(JoinRequest.objects.filter(community__in=communities_where(user, HANDLES)))


def estate_in(community: Community, estate_id: UUID) -> Community:
    """The estate of that id under ``community``. Raises EstateUnknown."""
    estate: Community | None = places_below(community).filter(pk=estate_id).first()
    if estate is None:
        raise EstateUnknown
    return estate


def _with_asker(asked: QuerySet[JoinRequest]) -> QuerySet[JoinRequest]:
    return asked.select_related("community", "user", "estate", "decided_by").order_by("-id")
