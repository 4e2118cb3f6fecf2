"""Queries for attendances and hours, named for the reader."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    Min,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Sum,
    UUIDField,
    When,
    prefetch_related_objects,
)
from django.db.models.functions import Coalesce, JSONObject, Now
from django.db.models.lookups import LessThan
from django.utils import timezone

from backend.accounts import ages
from backend.accounts.models import User
from backend.accounts.selectors import may_take_part
from backend.communities.models import Community, Role
from backend.communities.selectors import (
    BELONGS,
    HANDLES,
    WATCHES_OVER,
    communities_of,
    in_reach,
    known_to,
    places_where,
    tenants,
)
from backend.days import first_moment
from backend.events.models import Status as Planned
from backend.registries.volunteering import Service, Standing
from backend.tenants import HERE
from volunteers.activities.models import Activity, ServicePolicy, Shift
from volunteers.activities.selectors import in_charge
from volunteers.attendance import codes
from volunteers.attendance.errors import CodeForged
from volunteers.attendance.models.attendances import Attendance, RefusedClaim
from volunteers.attendance.models.gates import Gate
from volunteers.attendance.models.objections import Correction, Evaluation, Objection
from volunteers.attendance.models.places import CallOut, WaitingPlace
from volunteers.people import selectors as people
from volunteers.people.models import Volunteer
from volunteers.teams.models import Team, TeamMember
from volunteers.teams.selectors import in_teams_led_by, led_by

STARS_FROM_HOURS = (100, 300, 600, 1_000, 1_500)  # 志愿者星级认定: one star to five
OF_ATTENDANCES = "shift__activity__"


def with_places(shifts: QuerySet[Shift], user: User | None = None) -> QuerySet[Shift]:
    """Annotate shifts with their places, those taken and those waited for, and with the caller's.

    ``my_attendance`` (id and status) and ``my_waiting_place`` (id and position) may be ``None``.
    """
    whose = {"community": OuterRef("community"), "shift": OuterRef("pk")}
    of_shift = Attendance.objects.filter(**whose)
    taken = of_shift.exclude(status=Attendance.Status.CANCELLED).order_by().values("shift")
    waiting = WaitingPlace.objects.filter(**whose, status=WaitingPlace.Status.WAITING).order_by()
    caller = {"volunteer": user.pk if user else None}
    mine = with_position(waiting.filter(**caller))
    return shifts.select_related("activity", "community").annotate(
        places_taken=Coalesce(Subquery(taken.values(taken=Count("pk"))), 0),
        waiting=Coalesce(Subquery(waiting.values("shift").values(waiting=Count("pk"))), 0),
        my_attendance=Subquery(
            of_shift.filter(**caller).values(told=JSONObject(id="pk", status="status"))
        ),
        my_waiting_place=Subquery(mine.values(told=JSONObject(id="pk", position="position"))),
    )


def still_wants_people() -> Q:
    """Return the condition that a shift ``with_places`` wants more people than it has.

    If no number is wanted, it wants as many as fit.
    """
    enough = Coalesce("wanted", "capacity")
    return Q(wanted=None, capacity=None) | Q(LessThan(F("places_taken"), enough))


# --- waiting lists and call-outs --------------------------------------------------------------
def with_position(
    places: QuerySet[WaitingPlace], user: User | None = None
) -> QuerySet[WaitingPlace]:
    """Annotate places on waiting lists with ``position``: 1 is first in line, ``None`` is off."""
    before = WaitingPlace.objects.filter(
        Q(since_at__lt=OuterRef("since_at"))
        | Q(since_at=OuterRef("since_at"), pk__lte=OuterRef("pk")),
        community=OuterRef("community"),
        shift=OuterRef("shift"),
        status=WaitingPlace.Status.WAITING,
    )
    count = before.order_by().values("shift").values(before=Count("pk"))
    is_waiting = When(status=WaitingPlace.Status.WAITING, then=Subquery(count))
    told = places.select_related("shift__activity", "community", "volunteer")
    return told.annotate(position=Case(is_waiting, output_field=IntegerField()))


def waiting_places_of(user: User) -> QuerySet[WaitingPlace]:
    """Return the places of ``user`` on waiting lists, ended ones included, newest first."""
    theirs = WaitingPlace.objects.filter(community__in=known_to(user), volunteer=user)
    return theirs.order_by("-id")


def waiting_places_seen_by(user: User) -> QuerySet[WaitingPlace]:
    """Return the places of ``user``, and those they may look at as staff or auditor."""
    return WaitingPlace.objects.filter(Q(volunteer=user) | _watched(user))


def waiting_places_at(shift: Shift) -> QuerySet[WaitingPlace]:
    """Return the places on the waiting list of one shift, ended ones included, in their order."""
    its = WaitingPlace.objects.filter(community=shift.community_id, shift=shift)
    return its.order_by("since_at", "id")


def call_outs_at(shift: Shift) -> QuerySet[CallOut]:
    """Return the call-outs for one shift, newest first."""
    return _called(CallOut.objects.filter(community=shift.community_id, shift=shift))


def call_outs_watched_by(user: User) -> QuerySet[CallOut]:
    """Return the call-outs ``user`` may look at as staff or auditor."""
    return _called(CallOut.objects.filter(_watched(user)))


def call_outs_handled_by(user: User) -> QuerySet[CallOut]:
    """Return the call-outs ``user`` may end."""
    return _called(CallOut.objects.filter(in_charge(user, HANDLES, activity=OF_ATTENDANCES)))


def with_turnout(volunteers: QuerySet[Volunteer], user: User | None = None) -> QuerySet[Volunteer]:
    """Annotate volunteers with the shifts that they ``attended``, and with their ``no_shows``.

    Hours that were rejected or voided are not attended.
    """
    theirs = Attendance.objects.filter(community=OuterRef("community"), volunteer=OuterRef("user"))
    no_shows = theirs.filter(status=Attendance.Status.NO_SHOW)
    attended = theirs.filter(checked_in_at__isnull=False)
    attended = attended.exclude(status__in=Attendance.DOES_NOT_COUNT)

    def count(rows: QuerySet[Attendance]) -> Coalesce:
        return Coalesce(Subquery(rows.order_by().values("volunteer").values(n=Count("pk"))), 0)

    return volunteers.annotate(attended=count(attended), no_shows=count(no_shows))


def who_could_come(
    shift: Shift,
    busy: QuerySet[Attendance],
    *,
    team: Team | None = None,
    estate: Community | None = None,
    kind: str = "",
    skill: str = "",
) -> QuerySet[Volunteer]:
    """Return the volunteers who could still sign up for ``shift``, of those that are asked for.

    ``busy`` are the places that are taken elsewhere at that time.
    """
    whose = {"community": shift.community_id, "volunteer": OuterRef("user")}
    at_shift = Attendance.objects.filter(**whose, shift=shift)
    waiting = WaitingPlace.objects.filter(**whose, shift=shift, status=WaitingPlace.Status.WAITING)
    found = Volunteer.objects.filter(
        ~Exists(at_shift.exclude(status=Attendance.Status.CANCELLED)),
        ~Exists(waiting),
        ~Exists(busy.filter(volunteer=OuterRef("user"))),
        may_take_part("user"),
        community=shift.community_id,
        left_at__isnull=True,
    )
    if shift.activity.min_age is not None:
        day = shift.starts_at.astimezone(ages.CLOCK).date()
        found = found.filter(user__born_on__lte=ages.years_before(shift.activity.min_age, day))
    if team is not None:
        members = TeamMember.objects.filter(**whose, team=team, status=TeamMember.Status.MEMBER)
        found = found.filter(Exists(members))
    if estate is not None:
        found = found.filter(estate=estate)
    if kind:
        found = found.filter(kind=kind)
    if skill:
        found = found.filter(skills__contains=[skill])
    return found


def refused_claims_watched_by(user: User) -> QuerySet[RefusedClaim]:
    """Return the refused claims that staff, auditors and leaders may look at, newest first."""
    watched = in_charge(user, WATCHES_OVER, activity=OF_ATTENDANCES)
    return (
        RefusedClaim.objects.filter(watched)
        .select_related("community", "volunteer", "told_by", "shift__activity")
        .order_by("-id")
    )


def hide_phones(reader: User, rows: Sequence[Attendance | RefusedClaim | WaitingPlace]) -> None:
    """Mark the volunteers whose phone ``reader`` does not see: leaders see names alone."""
    people.hide_phones(reader, rows, _of_staff(reader, WATCHES_OVER))


def open_gates_of(shift: Shift) -> QuerySet[Gate]:
    """Return the page at the door of a shift, if there is one."""
    return Gate.objects.filter(community=shift.community_id, shift=shift, closed_at=None)


def link_of(gate: Gate) -> str:
    """Return the last part of the page's address, which nobody can guess."""
    return codes.code_of(codes.Kind.GATE, gate, at=gate.opened_at)


def gate_at(link: str) -> Gate | None:
    """Return the page of a link; ``None`` once it is closed, its shift over or cancelled."""
    try:
        code = codes.read(codes.Kind.GATE, link)
    except CodeForged:
        return None
    return (
        Gate.objects.filter(
            community=code.community_id,
            pk=code.about,
            closed_at=None,
            shift__status=Planned.PLANNED,
            shift__ends_at__gt=Now(),
        )
        .select_related("community", "shift__activity__venue")
        .first()
    )


def volunteer_record(user: User, code: str) -> Volunteer | None:
    """Return the record of ``user`` as a volunteer of the community called ``code``, if it is."""
    there = communities_of(user).filter(code=code)
    return Volunteer.objects.filter(community__in=there, user=user).first()


def prefetch_refused_claims(attendances: Sequence[Attendance]) -> None:
    """Prefetch the ``refused_claims`` of all attendances, oldest first."""
    communities = {attendance.community_id for attendance in attendances}
    claims = RefusedClaim.objects.filter(community__in=communities).order_by("pk")
    prefetch_related_objects(attendances, Prefetch("refused_claims", claims))


def attendances_of(user: User) -> QuerySet[Attendance]:
    """Return the attendances of ``user``, newest first."""
    return _with_shift(
        Attendance.objects.filter(community__in=known_to(user), volunteer__in=user.record_ids)
    )


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
    return _with_shift(Attendance.objects.filter(Q(volunteer__in=user.record_ids) | _watched(user)))


def attendances_at(shift: Shift) -> QuerySet[Attendance]:
    """Return the attendances of one shift."""
    return _with_shift(Attendance.objects.filter(community=shift.community_id, shift=shift))


def hours_to_verify(user: User, community: Community) -> QuerySet[Attendance]:
    """Return the attendances there that await verification by ``user``, the first to end first.

    A page is read off an index that holds these alone, however many are settled.
    """
    waiting = attendances_handled_by(user).filter(
        community=community, status=Attendance.Status.CHECKED_OUT
    )
    return waiting.order_by("checked_out_at", "id")


def communities_verified_by(user: User) -> QuerySet[Community]:
    """Return the communities where ``user`` verifies hours: of all, of an estate or their team."""
    places = places_where(user, HANDLES)
    lets_leaders = ServicePolicy.objects.filter(
        Q(community__in=communities_of(user)),
        community__in=led_by(user).order_by().values("community"),
        leaders_verify=True,
    )
    return tenants().filter(
        Q(pk__in=places)
        | Q(pk__in=places.values("parent"))
        | Q(pk__in=lets_leaders.values("community"))
    )


def hours_published_in(community: Community) -> QuerySet[Attendance]:
    """Return the hours of a community that anybody there may object to, newest first."""
    published = Attendance.objects.filter(
        community=community,
        status=Attendance.Status.PUBLISHED,
        published_until__gt=timezone.now(),
    )
    return _with_shift(published).order_by("-published_until", "-id")


def hours_objected_to_by(user: User) -> QuerySet[Attendance]:
    """Return the published hours that ``user`` may object to, or has objected to."""
    theirs = places_where(user, BELONGS)
    published = Attendance.objects.filter(community__in=theirs)
    return _with_shift(published.filter(published_until__isnull=False))


def hours_to_finalise(now: datetime) -> QuerySet[Attendance]:
    """Return published hours, of any community, that were public long enough undisputed."""
    disputed = Objection.objects.filter(
        community=OuterRef("community"), attendance=OuterRef("pk"), status=Objection.Status.OPEN
    )
    return Attendance.objects.filter(
        ~Exists(disputed), status=Attendance.Status.PUBLISHED, published_until__lte=now
    )


class Waiting(NamedTuple):
    """How many hours of a place await verification, and since when the oldest."""

    records: int
    oldest: datetime


def hours_waiting(community: Community) -> dict[UUID, Waiting]:
    """Return what awaits verification in a community, by its estates and, for the rest, itself."""
    waiting = Attendance.objects.filter(community=community, status=Attendance.Status.CHECKED_OUT)
    places = waiting.order_by().values(
        place=Coalesce(f"{OF_ATTENDANCES}estate", "community", output_field=UUIDField())
    )
    counted = places.annotate(count=Count("pk"), oldest=Min("checked_out_at"))
    return {row["place"]: Waiting(row["count"], row["oldest"]) for row in counted}


def communities_with_hours_to_verify() -> list[UUID]:
    """Return the communities in which hours await verification."""
    waiting = Attendance.objects.filter(HERE, status=Attendance.Status.CHECKED_OUT)
    return list(waiting.order_by().values_list("community_id", flat=True).distinct())


def minutes_served(community: Community, since: date, until: date) -> dict[UUID, int]:
    """Return the verified minutes of each volunteer who served on the days ``since`` to ``until``.

    By the day of the check-in.
    """
    verified = Attendance.objects.filter(
        community=community,
        status=Attendance.Status.VERIFIED,
        checked_in_at__gte=first_moment(since),
        checked_in_at__lt=first_moment(until + timedelta(days=1)),
    )
    summed = verified.order_by().values("volunteer").annotate(minutes=Sum("worked_minutes"))
    return dict(summed.values_list("volunteer", "minutes"))


def communities_with_hours_to_finalise() -> list[UUID]:
    """Return the communities with ``hours_to_finalise`` now."""
    due = hours_to_finalise(timezone.now()).filter(HERE)
    return list(due.order_by().values_list("community_id", flat=True).distinct())


def communities_to_look_at() -> list[UUID]:
    """Return the communities with attendances in which nobody has looked for signals."""
    unseen = Attendance.objects.filter(
        HERE, status=Attendance.Status.CHECKED_OUT, signals__isnull=True
    )
    return list(unseen.order_by().values_list("community_id", flat=True).distinct())


def objections_handled_by(user: User) -> QuerySet[Objection]:
    """Return the appeals and objections that ``user`` may decide on, newest first."""
    reach = in_reach(user, HANDLES, estate=f"attendance__{OF_ATTENDANCES}estate")
    return _with_attendance(Objection.objects.filter(reach))


def objections_watched_by(user: User) -> QuerySet[Objection]:
    """Return the appeals and objections ``user`` may look at as staff or auditor, newest first."""
    reach = in_reach(user, WATCHES_OVER, estate=f"attendance__{OF_ATTENDANCES}estate")
    return _with_attendance(Objection.objects.filter(reach))


def objections_by(user: User) -> QuerySet[Objection]:
    """Return the appeals and objections that ``user`` raised, newest first."""
    here = Q(community__in=known_to(user)) | Q(community__in=places_where(user, BELONGS))
    return _with_attendance(Objection.objects.filter(here, raised_by=user))


def attendances_serving(user: User) -> QuerySet[Attendance]:
    """Return the attendances of activities that serve ``user`` and that are over, newest first."""
    serving = Attendance.objects.filter(
        community__in=places_where(user, BELONGS),
        shift__activity__serves=user,
        status__in=(
            Attendance.Status.CHECKED_OUT,
            Attendance.Status.PUBLISHED,
            Attendance.Status.VERIFIED,
        ),
    )
    return _with_shift(serving)


def attendances_evaluated_by(user: User) -> QuerySet[Attendance]:
    """Return the attendances that ``user`` may evaluate: as the person served, or as staff."""
    served = Q(community__in=places_where(user, BELONGS), shift__activity__serves=user)
    return _with_shift(Attendance.objects.filter(served | _of_staff(user, HANDLES)))


def evaluations_by(user: User) -> QuerySet[Evaluation]:
    """Return the evaluations that ``user`` gave where they still belong."""
    return Evaluation.objects.filter(community__in=places_where(user, BELONGS), given_by=user)


def prefetch_what_became(attendances: Sequence[Attendance]) -> None:
    """Prefetch corrections, objections and evaluations of all attendances, oldest first."""
    communities = {attendance.community_id for attendance in attendances}
    for model in (Correction, Objection, Evaluation):
        rows: QuerySet[Any] = model._default_manager.filter(community__in=communities)
        name = f"{model._meta.model_name}s"
        prefetch_related_objects(attendances, Prefetch(name, rows.order_by("pk")))


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
    known = (
        Volunteer.objects.filter(community=community_id, user=user_id, left_at__isnull=True)
        .values_list("kind", "user__merged_ids")
        .first()
    )
    if known is None:
        return None
    kind, merged_ids = known
    minutes = verified_minutes(community_id, volunteer__in=[user_id, *merged_ids])
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
    return _summed(verified, Sum("worked_minutes"))


def services_voided(*, community_id: UUID, among: QuerySet[Any, UUID]) -> list[Service]:
    """Sum the voided hours of the attendances ``among`` by activity, below zero."""
    voided = Attendance.objects.filter(
        community=community_id,
        shift__community=community_id,
        pk__in=among,
        status=Attendance.Status.VOIDED,
    )
    return _summed(voided, -Sum("worked_minutes"))


def _summed(attendances: QuerySet[Attendance], minutes: Any) -> list[Service]:
    summed = (
        attendances.values(activity_id=F("shift__activity"), title=F("shift__activity__title"))
        .annotate(
            volunteers=Count("volunteer", distinct=True),
            minutes=minutes,
            attendance_ids=ArrayAgg("pk"),
        )
        .order_by("activity_id")
    )
    return [Service(**row) for row in summed]


def verified_minutes(community_id: UUID, **whose: Any) -> int:
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
        Attendance.objects.filter(**communities, volunteer__in=user.record_ids, status=status)
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


def _called(call_outs: QuerySet[CallOut]) -> QuerySet[CallOut]:
    related = ("shift__activity", "community", "called_by", "team", "estate")
    return call_outs.select_related(*related).order_by("-id")


def _watched(user: User) -> Q:
    return in_charge(user, WATCHES_OVER, activity=OF_ATTENDANCES)


def _of_staff(user: User, roles: tuple[Role, ...]) -> Q:
    return in_reach(user, roles, estate=f"{OF_ATTENDANCES}estate")


def _with_attendance(objections: QuerySet[Objection]) -> QuerySet[Objection]:
    return objections.select_related(
        "community", "attendance__shift__activity", "attendance__volunteer", "raised_by"
    ).order_by("-id")


def _with_shift(attendances: QuerySet[Attendance]) -> QuerySet[Attendance]:
    return attendances.select_related("shift__activity", "community", "volunteer").order_by("-id")
