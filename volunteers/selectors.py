"""Reads about volunteers, named for who is asking."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Now

from backend.accounts.models import User
from backend.accounts.selectors import was_a_child
from backend.communities.models import Community, Membership, Role
from backend.communities.selectors import (
    HANDLES,
    WATCHES_OVER,
    communities_of,
    communities_where,
    places_below,
)
from backend.leaving import Leaving
from backend.volunteering import Service, Standing
from volunteers.errors import EstateUnknown
from volunteers.models import (
    Activity,
    Attendance,
    JoinRequest,
    RefusedClaim,
    Report,
    Shift,
    Volunteer,
)

# Who takes a place in a shift: everybody signed up or further, but not who cancelled.
TAKES_A_PLACE = ~Q(attendances__status=Attendance.Status.CANCELLED)


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


def refused_claims_of(attendances: Sequence[Attendance]) -> dict[UUID, list[RefusedClaim]]:
    """What phones told of each of them and was not believed, the first told first."""
    its: dict[UUID, list[RefusedClaim]] = {attendance.pk: [] for attendance in attendances}
    claims = RefusedClaim.objects.filter(
        community__in={attendance.community_id for attendance in attendances}, attendance__in=its
    )
    for claim in claims.order_by("pk"):
        its[claim.attendance_id].append(claim)
    return its


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


def shifts_for(user: User) -> QuerySet[Shift]:
    """All shifts, also those that are over, in the communities where ``user`` volunteers."""
    return Shift.objects.filter(community__in=communities_of(user)).select_related("community")


def shifts_open_to(user: User) -> QuerySet[Shift]:
    """Shifts that are not over, in the communities where ``user`` volunteers; soonest first."""
    return with_places_taken(shifts_for(user).filter(ends_at__gt=Now())).order_by("starts_at", "id")


def with_places_taken(shifts: QuerySet[Shift]) -> QuerySet[Shift]:
    """The shifts with their activity and community, and ``places_taken``."""
    return shifts.select_related("activity", "community").annotate(
        places_taken=Count("attendances", filter=TAKES_A_PLACE)
    )


def activities_handled_by(user: User) -> QuerySet[Activity]:
    """What ``user`` may plan shifts of, newest first."""
    return Activity.objects.filter(community__in=communities_where(user, HANDLES)).order_by("-id")


def activities_in(community: Community) -> QuerySet[Activity]:
    """All that were ever planned there, newest first."""
    return Activity.objects.filter(community=community).order_by("-id")


def shifts_of(activity: Activity) -> QuerySet[Shift]:
    """When it takes place, and how many places are taken."""
    its = Shift.objects.filter(community=activity.community_id, activity=activity)
    return with_places_taken(its)


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


def reports_of(user: User) -> QuerySet[Report]:
    """What ``user`` reported, newest first."""
    return _with_community(Report.objects.filter(reporter=user))


def reports_handled_by(user: User) -> QuerySet[Report]:
    """What ``user`` may accept and close, newest first."""
    return _with_community(Report.objects.filter(community__in=communities_where(user, HANDLES)))


def reports_watched_by(user: User) -> QuerySet[Report]:
    """What ``user`` may look at as staff or auditor, newest first."""
    return _with_community(
        Report.objects.filter(community__in=communities_where(user, WATCHES_OVER))
    )


def public_reports(community: Community) -> QuerySet[Report]:
    """What everybody may follow: no disputes, no calls for help, nothing of children's; newest
    first.
    """
    return (
        Report.objects.filter(community=community)
        .exclude(category__in=Report.CONFIDENTIAL)
        .exclude(by_a_child())
        .exclude(text="")  # of a child's who was erased
        .order_by("-id")
    )


def by_a_child() -> Q:
    """Of reports: the reporter was under 14 when they told, and stays so in it when they grow up.

    Whichever protects more: as they were known to be then, or by a birthday told since.
    """
    return Q(is_by_child=True) | was_a_child("reporter", at="submitted_at")


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
    return Standing(kind=kind, minutes=verified["minutes"])


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


def _with_asker(asked: QuerySet[JoinRequest]) -> QuerySet[JoinRequest]:
    return asked.select_related("community", "user", "estate", "decided_by").order_by("-id")


def _with_community(reports: QuerySet[Report]) -> QuerySet[Report]:
    return reports.select_related("community", "reporter").order_by("-id")
