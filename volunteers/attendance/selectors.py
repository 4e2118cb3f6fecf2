"""Reads about volunteers, named for who is asking."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import (
    HANDLES,
    WATCHES_OVER,
    communities_where,
)
from backend.registries.leaving import Leaving
from backend.registries.volunteering import Service, Standing
from volunteers.activities.models import Activity
from volunteers.attendance.models import Attendance, RefusedClaim
from volunteers.people.models import Volunteer

# Who takes a place in a shift: everybody signed up or further, but not who cancelled.
STARS_FROM_HOURS = (100, 300, 600, 1_000, 1_500)  # 志愿者星级认定: one star to five


def refused_claims_of(attendances: Sequence[Attendance]) -> dict[UUID, list[RefusedClaim]]:
    """What phones told of each of them and was not believed, the first told first."""
    its: dict[UUID, list[RefusedClaim]] = {attendance.pk: [] for attendance in attendances}
    claims = RefusedClaim.objects.filter(
        community__in={attendance.community_id for attendance in attendances}, attendance__in=its
    )
    for claim in claims.order_by("pk"):
        its[claim.attendance_id].append(claim)
    return its


def attendances_of(user: User) -> QuerySet[Attendance]:
    """What ``user`` signed up for, newest first."""
    return _with_shift(Attendance.objects.filter(volunteer=user))


def what_runs(leaving: Leaving) -> QuerySet[Attendance]:
    """Where they are checked in, and what they signed up for and has not begun; by primary key."""
    return Attendance.objects.filter(
        Q(status=Attendance.Status.CHECKED_IN)
        | Q(status=Attendance.Status.SIGNED_UP, shift__starts_at__gt=leaving.at),
        **leaving.whose,
    ).order_by("pk")


def attendances_handled_by(user: User) -> QuerySet[Attendance]:
    """What ``user`` may verify or reject, newest first."""
    return _with_shift(Attendance.objects.filter(community__in=communities_where(user, HANDLES)))


def attendances_watched_by(user: User) -> QuerySet[Attendance]:
    """What ``user`` may look at as staff or auditor, newest first."""
    return _with_shift(
        Attendance.objects.filter(community__in=communities_where(user, WATCHES_OVER))
    )


def never_checked_out(before: datetime) -> QuerySet[Attendance]:
    """Still checked in although the shift was over at ``before``."""
    return Attendance.objects.filter(
        status=Attendance.Status.CHECKED_IN, shift__ends_at__lte=before
    )


def kinds() -> list[str]:
    """What a volunteer can be enrolled as."""
    return Volunteer.Kind.values


def stars_of(minutes: int) -> int:
    """0 to 5, by verified minutes. Source: 《志愿服务记录办法》, the usual five steps."""
    return sum(minutes >= hours * 60 for hours in STARS_FROM_HOURS)


def standing(*, community_id: UUID, user_id: UUID) -> Standing | None:
    """What somebody is there as a volunteer, with the minutes that others confirmed."""
    kind = (
        Volunteer.objects.filter(community=community_id, user=user_id, left_at__isnull=True)
        .values_list("kind", flat=True)
        .first()
    )
    if kind is None:
        return None
    verified = Attendance.objects.filter(
        community=community_id, volunteer=user_id, status=Attendance.Status.VERIFIED
    ).aggregate(minutes=Coalesce(Sum("worked_minutes"), 0))
    minutes = verified["minutes"]
    return Standing(kind=kind, minutes=minutes, stars=stars_of(minutes))


def activity_title(*, community_id: UUID, activity_id: UUID) -> str | None:
    """What an activity of that community is called."""
    return (
        Activity.objects.filter(community=community_id, pk=activity_id)
        .values_list("title", flat=True)
        .first()
    )


def services(
    *,
    community_id: UUID,
    activity_ids: Collection[UUID],
    until: datetime,
    but_for: QuerySet[Any, UUID],
) -> list[Service]:
    """The hours verified before ``until``, by activity, but for the attendances of these ids."""
    verified = Attendance.objects.filter(
        community=community_id,
        shift__community=community_id,
        shift__activity__in=activity_ids,
        status=Attendance.Status.VERIFIED,
        verified_at__lt=until,
    ).exclude(pk__in=but_for)
    summed = (
        verified.values("shift__activity", "shift__activity__title")
        .annotate(
            volunteers=Count("volunteer", distinct=True),
            minutes=Sum("worked_minutes"),
            attendance_ids=ArrayAgg("pk"),
        )
        .order_by("shift__activity")
    )
    return [
        Service(
            activity_id=row["shift__activity"],
            title=row["shift__activity__title"],
            volunteers=row["volunteers"],
            minutes=row["minutes"],
            attendance_ids=row["attendance_ids"],
        )
        for row in summed
    ]


def verified_minutes(community: Community) -> int:
    """Minutes of service that somebody else has confirmed."""
    verified = Attendance.objects.filter(
        community=community, status=Attendance.Status.VERIFIED
    ).aggregate(minutes=Coalesce(Sum("worked_minutes"), 0))
    return int(verified["minutes"])


def _with_shift(attendances: QuerySet[Attendance]) -> QuerySet[Attendance]:
    return attendances.select_related("shift__activity", "community", "volunteer").order_by("-id")
