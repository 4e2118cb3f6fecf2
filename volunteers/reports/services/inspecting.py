"""Inspections: planned on a series, made or overdue, and made anew after a repair."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community, Membership
from backend.communities.selectors import HANDLES
from backend.events.errors import SeriesUnknown
from backend.events.models import Occurrence, Series
from backend.events.planners import Planner
from backend.events.services import series as events
from backend.notices import services as notices
from backend.tenants import HERE
from volunteers.people.selectors import is_volunteer
from volunteers.reports import errors
from volunteers.reports.models.inspections import Inspection, InspectionPlan
from volunteers.reports.models.reports import Report, Source
from volunteers.reports.services import submitting

Status = Inspection.Status
FIXED = (Report.Status.FIXED, Report.Status.CLOSED)
SEEN_TO_AT_ONCE = 500  # inspections in one transaction


@transaction.atomic
def plan(
    *,
    community: Community,
    by: User,
    series_id: UUID,
    place: str,
    items: Sequence[str],
    reinspect_days: int = 7,
) -> InspectionPlan:
    """Plan to inspect ``place`` on each occurrence of a series of a community or an estate.

    It is due by the end of each. Raises SeriesUnknown, SeriesCancelled, InspectionPlanned if the
    series has a plan.
    """
    series = events.series_of(community.whose["community_id"], series_id)  # type: ignore[arg-type]
    if series is None or not {**community.whose}.items() <= vars(series).items():
        raise SeriesUnknown
    if InspectionPlan.objects.filter(community=series.community_id, series=series).exists():
        raise errors.InspectionPlanned
    made = InspectionPlan.objects.create(
        community=series.community,
        series=series,
        place=place,
        items=list(dict.fromkeys(items)),
        reinspect_days=reinspect_days,
        planned_by=by,
    )
    trail.record("inspection_plan.make", actor=by, target=made, after={"series": str(series.pk)})
    for occurrence in events.coming_occurrences(series):
        _add(made, occurrence)
    return made


@transaction.atomic
def inspect(
    *,
    inspection: Inspection,
    by: User,
    problems: Sequence[str] = (),
    note: str = "",
    category: str = "facility",
    now: datetime | None = None,
) -> Inspection:
    """Record that an inspection was made; ``problems``, some of its items, make a report.

    The report is the inspector's own if they volunteer there, else one that they relay. Idempotent.
    Raises ItemUnknown, CategoryUnknown, InspectionOver if it was made otherwise or cancelled.
    """
    inspection = inspection.locked("community", "plan__series__estate")
    found = list(dict.fromkeys(problems))
    status = Status.PROBLEM if found else Status.OK
    if inspection.status != Status.DUE:
        known = (inspection.status, inspection.problems, inspection.note)
        if known != (status, found, note):
            raise errors.InspectionOver(current_status=inspection.status)
        return inspection
    for item in found:
        if item not in inspection.plan.items:
            raise errors.ItemUnknown(item=item)
    facts: dict[str, Any] = {}
    if found:
        whose: dict[str, Any] = {"reporter": by}
        if not is_volunteer(by, inspection.community_id):
            whose = {"reporter": None, "source": Source.RELAYED, "relayed_by": by}
        facts["report"] = submitting.submit(
            community=inspection.community,
            category=category,
            text="；".join(filter(None, ["、".join(found), note])),
            place=inspection.plan.place,
            estate=inspection.plan.series.estate,
            **whose,
        )
    moment = now or timezone.now()
    told = {"status": status, "problems": found, "note": note}
    inspection.save_with(inspected_at=moment, inspected_by=by, **told, **facts)
    after = {"status": status} | {name: str(report.pk) for name, report in facts.items()}
    trail.record("inspection.make", actor=by, target=inspection, after=after)
    return inspection


# --- by the clock -----------------------------------------------------------------------------
def communities_to_see_to(*, now: datetime | None = None) -> list[UUID]:
    """Return the communities in which an inspection is overdue and untold, or one was repaired."""
    overdue = Q(status=Status.DUE, due_at__lt=now or timezone.now(), told_overdue_at__isnull=True)
    repaired = Q(status=Status.PROBLEM, report__status__in=FIXED) & ~Exists(_followed())
    found = Inspection.objects.filter(overdue | repaired, HERE)
    return list(found.values_list("community_id", flat=True).distinct())


@transaction.atomic
def plan_again(*, community: Community) -> int:
    """Plan the re-inspection of places whose problem was fixed. Returns the count. Idempotent.

    It is due so many days after the fix as the plan says.
    """
    repaired = (
        Inspection.objects.filter(
            ~Exists(_followed()),
            community=community,
            status=Status.PROBLEM,
            report__status__in=FIXED,
        )
        .select_related("plan")
        .annotate(fixed_at=Coalesce("report__fixed_at", "report__closed_at"))
        .order_by("pk")[:SEEN_TO_AT_ONCE]
    )
    made = Inspection.objects.bulk_create(
        [
            Inspection(
                community=community,
                plan=one.plan,
                follows=one,
                due_at=one.fixed_at + timedelta(days=one.plan.reinspect_days),
            )
            for one in repaired
        ],
        ignore_conflicts=True,  # two at once
    )
    return len(made)


@transaction.atomic
def tell_overdue(*, community: Community, now: datetime | None = None) -> int:
    """Tell the staff of overdue inspections, once of each. Returns how many are. Idempotent.

    They are the staff and managers of the community, and of the estate of the series.
    """
    now = now or timezone.now()
    overdue = list(
        Inspection.objects.select_for_update(no_key=True, of=("self",))
        .filter(
            community=community, status=Status.DUE, due_at__lt=now, told_overdue_at__isnull=True
        )
        .select_related("plan__series")
        .order_by("pk")[:SEEN_TO_AT_ONCE]
    )
    places = {community.pk} | {one.plan.series.estate_id for one in overdue}
    held = Membership.objects.filter(
        community__in=filter(None, places),
        role__in=HANDLES,
        ended_at__isnull=True,
        user__is_active=True,
    )
    staff = set(held.values_list("community_id", "user_id"))
    owed = {
        f"inspection-overdue:{one.pk}:{person}": (one, person)
        for one in overdue
        for place, person in staff
        if place in (community.pk, one.plan.series.estate_id)
    }
    notices.owe_many(
        community=community,
        kind="inspection_overdue",
        owed=[
            notices.Owed(
                key=key,
                recipient_id=person,
                facts={
                    "place": one.plan.place,
                    "starts_at": one.due_at.isoformat(),
                    "timezone": community.timezone,
                },
                target_id=one.pk,
            )
            for key, (one, person) in owed.items()
        ],
        due_at=now,
    )
    Inspection.objects.filter(community=community, pk__in=[one.pk for one in overdue]).update(
        told_overdue_at=now
    )
    return len(overdue)


# --- the planner ------------------------------------------------------------------------------
def _plan_on(occurrence: Occurrence) -> None:
    plans = InspectionPlan.objects.filter(
        community=occurrence.community_id, series=occurrence.series
    )
    for one in plans:
        _add(one, occurrence)


def _move(occurrence: Occurrence, was: datetime, by: User) -> None:
    _due_on(occurrence).update(due_at=occurrence.ends_at, told_overdue_at=None)


def _cancel(occurrence: Occurrence, by: User, reason: str) -> None:
    _due_on(occurrence).update(status=Status.CANCELLED)


def _follow(series: Series, was: Series, by: User) -> None:
    """Change nothing: what is due moves with its occurrence."""


PLANNER = Planner(plan=_plan_on, moved=_move, cancelled=_cancel, changed=_follow)


def _add(made: InspectionPlan, occurrence: Occurrence) -> None:
    Inspection.objects.get_or_create(
        community_id=made.community_id,
        plan=made,
        occurrence=occurrence,
        defaults={"due_at": occurrence.ends_at},
    )


def _due_on(occurrence: Occurrence) -> Any:
    return Inspection.objects.filter(
        community=occurrence.community_id, occurrence=occurrence, status=Status.DUE
    )


def _followed() -> Any:
    return Inspection.objects.filter(community=OuterRef("community"), follows=OuterRef("pk"))
