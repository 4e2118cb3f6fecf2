"""Merging two records of a volunteer: what stands against it, what there is, and what moves."""

from collections.abc import Iterator
from uuid import UUID

from django.db.models import Q

from backend.accounts.models import User
from backend.communities.selectors import known_to
from backend.communities.services import roles
from backend.registries.merging import Conflict, Merging
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.selectors import verified_minutes
from volunteers.people.models import Volunteer
from volunteers.people.services import joining, people
from volunteers.reports.models.confirmations import Confirmation
from volunteers.reports.models.reports import Report

UNDER_WAY = (Attendance.Status.SIGNED_UP, Attendance.Status.CHECKED_IN)


def conflicts(merged: User, kept: User) -> Iterator[Conflict]:
    """Yield what hours and reports of the two records say against their being merged."""
    both = sorted({*known_to(merged), *known_to(kept)})
    yield from _at_two_places(both, merged, kept)
    for theirs, other in ((merged, kept), (kept, merged)):
        for decided in (
            Attendance.objects.filter(community__in=both, volunteer=theirs, verified_by=other),
            Report.objects.filter(community__in=both, reporter=theirs, closed_by=other),
            Confirmation.objects.filter(
                community__in=both, report__reporter=theirs, confirmer=other
            ),
        ):
            for community_id, pk in decided.values_list("community_id", "pk"):
                yield Conflict("decided_each_other", community_id, (pk,))
    under_way = Attendance.objects.filter(
        community__in=both, volunteer=merged, status__in=UNDER_WAY
    )
    for community_id in under_way.values_list("community_id", flat=True).distinct():
        yield Conflict("under_way", community_id)


def counted(community_id: UUID, user_id: UUID) -> dict[str, int]:
    """Tell the verified minutes of a record in a community, and how many reports it made."""
    reports = Report.objects.filter(community=community_id, reporter=user_id)
    return {
        "minutes": verified_minutes(community_id, volunteer=user_id),
        "reports": reports.count(),
    }


def move(merging: Merging) -> None:
    """Enrol the record that stays wherever the one that ends is, or was, a volunteer.

    Where they had left, they have left: so what was theirs there is known to be theirs.
    """
    theirs = Volunteer.objects.filter(community__in=known_to(merging.merged), user=merging.merged)
    for ended in theirs.select_related("community", "estate", "user").order_by("pk"):
        known = Volunteer.objects.filter(community=ended.community, user=merging.kept).first()
        if ended.left_at is None or known is None:
            volunteer, _ = people.enrol(
                user=merging.kept,
                community=ended.community,
                kind=Volunteer.Kind((known or ended).kind),
                estate=known.estate if known and known.estate_id else ended.estate,
            )
            skills = list(dict.fromkeys([*volunteer.skills, *ended.skills]))
            volunteer.save_with(skills=skills)
            if ended.left_at is not None:
                role = roles.volunteering(user_id=merging.kept.pk, community_id=ended.community_id)
                assert role is not None
                roles.end(membership=role, ended_by=None)
                volunteer.save_with(left_at=ended.left_at)
        if ended.left_at is None:
            ended.save_with(left_at=merging.at)
    joining.take_all_back(user=merging.merged)


def _at_two_places(places: list[UUID], merged: User, kept: User) -> Iterator[Conflict]:
    """Yield the hours of ``merged`` at a time when ``kept`` was on record somewhere else."""
    counts = Attendance.objects.exclude(status__in=Attendance.DOES_NOT_COUNT)
    there = counts.filter(
        community__in=places, volunteer=merged, checked_out_at__isnull=False
    ).values_list("community_id", "pk", "checked_in_at", "checked_out_at")
    for community_id, pk, came_at, left_at in there:
        other = counts.filter(
            Q(checked_out_at__isnull=True) | Q(checked_out_at__gt=came_at),
            community__in=places,
            volunteer=kept,
            checked_in_at__lt=left_at,
        ).first()
        if other is not None:
            yield Conflict("at_two_places", community_id, (pk, other.pk))
