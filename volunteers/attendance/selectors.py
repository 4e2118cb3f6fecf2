"""Queries for attendances and hours, named for the reader."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import (
    Count,
    Exists,
    F,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Sum,
    prefetch_related_objects,
)
from django.db.models.functions import Coalesce, JSONObject

from backend.accounts.models import User
from backend.communities.models import Role
from backend.communities.selectors import HANDLES, WATCHES_OVER, in_reach, known_to
from backend.days import first_moment
from backend.registries.volunteering import Service, Standing
from volunteers.activities.models import Activity, ServicePolicy, Shift
from volunteers.activities.selectors import in_charge
from volunteers.attendance.models import Attendance, RefusedClaim
from volunteers.people import selectors as people
from volunteers.people.models import Volunteer
from volunteers.teams.selectors import in_teams_led_by

STARS_FROM_HOURS = (100, 300, 600, 1_000, 1_500)  # 志愿者星级认定: one star to five
OF_ATTENDANCES = "shift__activity__"


def with_places(shifts: QuerySet[Shift], user: User | None = None) -> QuerySet[Shift]:
    """Annotate shifts with ``places_taken`` and ``my_attendance`` (id and status, or ``None``)."""
    of_shift = Attendance.objects.filter(community=OuterRef("community"), shift=OuterRef("pk"))
    taken = of_shift.exclude(status=Attendance.Status.CANCELLED).order_by().values("shift")
    mine = of_shift.filter(volunteer=user.pk if user else None)
    return shifts.select_related("activity", "community").annotate(
        places_taken=Coalesce(Subquery(taken.values(taken=Count("pk"))), 0),
        my_attendance=Subquery(mine.values(told=JSONObject(id="pk", status="status"))),
    )


def refused_claims_watched_by(user: User) -> QuerySet[RefusedClaim]:
    """Return the refused claims that staff, auditors and leaders may look at, newest first."""
    watched = in_charge(user, WATCHES_OVER, activity=f"attendance__{OF_ATTENDANCES}")
    return (
        RefusedClaim.objects.filter(watched)
        .select_related("community", "attendance__volunteer", "attendance__shift__activity")
        .order_by("-id")
    )


def hide_phones(reader: User, attendances: Sequence[Attendance]) -> None:
    """Mark the volunteers whose phone ``reader`` does not see: leaders see names alone."""
    people.hide_phones(reader, attendances, _of_staff(reader, WATCHES_OVER))


def prefetch_refused_claims(attendances: Sequence[Attendance]) -> None:
    """Prefetch the ``refused_claims`` of all attendances, oldest first."""
    communities = {attendance.community_id for attendance in attendances}
    claims = RefusedClaim.objects.filter(community__in=communities).order_by("pk")
    prefetch_related_objects(attendances, Prefetch("refused_claims", claims))


def attendances_of(user: User) -> QuerySet[Attendance]:
    """Return the attendances of ``user``, newest first."""
    return _with_shift(Attendance.objects.filter(community__in=known_to(user), volunteer=user))


def attendances_handled_by(user: User) -> QuerySet[Attendance]:
    """Return the attendances ``user`` may verify or reject, newest first.

    Leaders may only where their community's ServicePolicy lets them.
    """
    lets_leaders = ServicePolicy.objects.filter(
        community=OuterRef("community"), leaders_verify=True
    )
    leads = in_teams_led_by(user, team=f"{OF_ATTENDANCES}team") & Q(Exists(lets_leaders))
    return _with_shift(Attendance.objects.filter(_of_staff(user, HANDLES) | leads))


def attendances_voided_by(user: User) -> QuerySet[Attendance]:
    """Return the attendances whose verified hours ``user`` may void: those of the staff's."""
    return _with_shift(Attendance.objects.filter(_of_staff(user, HANDLES)))


def attendances_marked_by(user: User) -> QuerySet[Attendance]:
    """Return the attendances ``user`` may mark, scan and correct, as staff or leader."""
    return _with_shift(Attendance.objects.filter(in_charge(user, HANDLES, activity=OF_ATTENDANCES)))


def attendances_watched_by(user: User) -> QuerySet[Attendance]:
    """Return the attendances that staff, auditors and leaders may look at, newest first."""
    return _with_shift(Attendance.objects.filter(_watched(user)))


def attendances_seen_by(user: User) -> QuerySet[Attendance]:
    """Return the attendances of ``user``, and those they may look at for others."""
    return _with_shift(Attendance.objects.filter(Q(volunteer=user) | _watched(user)))


def attendances_at(shift: Shift) -> QuerySet[Attendance]:
    """Return the attendances of one shift."""
    return _with_shift(Attendance.objects.filter(community=shift.community_id, shift=shift))


def attendance_during(community_id: UUID, user_id: UUID, moment: datetime) -> Attendance | None:
    """Return the attendance at which the person was at that moment, if it counts or still may."""
    return (
        Attendance.objects.filter(
            Q(checked_out_at__isnull=True) | Q(checked_out_at__gt=moment),
            community=community_id,
            volunteer=user_id,
            checked_in_at__lte=moment,
        )
        .exclude(status__in=Attendance.DOES_NOT_COUNT)
        .first()
    )


def kinds() -> list[str]:
    """Return the kinds of volunteers."""
    return Volunteer.Kind.values


def stars_of(minutes: int) -> int:
    """Return 0 to 5 stars for verified minutes. Source: 《志愿服务记录办法》, in five steps."""
    return sum(minutes >= hours * 60 for hours in STARS_FROM_HOURS)


def standing(*, community_id: UUID, user_id: UUID) -> Standing | None:
    """Return kind, verified minutes and stars of a volunteer there; ``None`` for anybody else."""
    kind = (
        Volunteer.objects.filter(community=community_id, user=user_id, left_at__isnull=True)
        .values_list("kind", flat=True)
        .first()
    )
    if kind is None:
        return None
    minutes = verified_minutes(community_id, volunteer=user_id)
    return Standing(kind=kind, minutes=minutes, stars=stars_of(minutes))


def activity_title(*, community_id: UUID, activity_id: UUID) -> str | None:
    """Return the title of an activity of that community; ``None`` if it has no such activity."""
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
    """Sum the hours verified before ``until`` by activity, except the attendances ``but_for``."""
    verified = Attendance.objects.filter(
        community=community_id,
        shift__community=community_id,
        shift__activity__in=activity_ids,
        status=Attendance.Status.VERIFIED,
        verified_at__lt=until,
    ).exclude(pk__in=but_for)
    summed = (
        verified.values(activity_id=F("shift__activity"), title=F("shift__activity__title"))
        .annotate(
            volunteers=Count("volunteer", distinct=True),
            minutes=Sum("worked_minutes"),
            attendance_ids=ArrayAgg("pk"),
        )
        .order_by("activity_id")
    )
    return [Service(**row) for row in summed]


def verified_minutes(community_id: UUID, **whose: UUID) -> int:
    """Return the verified minutes of a community, or of one volunteer there."""
    verified = Attendance.objects.filter(
        community=community_id, status=Attendance.Status.VERIFIED, **whose
    )
    return int(verified.aggregate(minutes=Coalesce(Sum("worked_minutes"), 0))["minutes"])


def totals_of(
    user: User, *, since: date | None = None, until: date | None = None
) -> list[dict[str, Any]]:
    """Sum the verified hours of ``user`` by community and category, in a period of its own days.

    ``stars`` count all verified hours, whatever the period.
    """
    communities = {"community__in": known_to(user)}
    volunteering = Volunteer.objects.filter(**communities, user=user)
    known = volunteering.select_related("community").order_by("community__name")
    in_period = Q(pk__isnull=False)
    if since:
        in_period &= Q(checked_in_at__gte=first_moment(since))
    if until:
        in_period &= Q(checked_in_at__lt=first_moment(until + timedelta(days=1)))
    status = Attendance.Status.VERIFIED
    summed = (
        Attendance.objects.filter(**communities, volunteer=user, status=status)
        .values("community", category=F("shift__activity__category"))
        .annotate(
            ever=Sum("worked_minutes"),
            verified_minutes=Coalesce(Sum("worked_minutes", filter=in_period), 0),
            attendances=Count("pk", filter=in_period),
        )
        .order_by("category")
    )
    totals = []
    for volunteer in known:
        its = [row for row in summed if row["community"] == volunteer.community_id]
        totals.append(
            {
                "community": volunteer.community,
                "kind": volunteer.kind,
                "stars": stars_of(sum(row["ever"] for row in its)),
                "verified_minutes": sum(row["verified_minutes"] for row in its),
                "attendances": sum(row["attendances"] for row in its),
                "categories": [row for row in its if row["attendances"]],
            }
        )
    return totals


def _watched(user: User) -> Q:
    return in_charge(user, WATCHES_OVER, activity=OF_ATTENDANCES)


def _of_staff(user: User, roles: tuple[Role, ...]) -> Q:
    return in_reach(user, roles, estate=f"{OF_ATTENDANCES}estate")


def _with_shift(attendances: QuerySet[Attendance]) -> QuerySet[Attendance]:
    return attendances.select_related("shift__activity", "community", "volunteer").order_by("-id")
