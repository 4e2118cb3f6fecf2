"""Patrols: begun and ended by volunteers, with what they counted, photographed and reported."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.audit import services as trail
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, communities_where
from backend.files import storing
from backend.files.pictures import without_exif
from backend.sql import constraint_of
from volunteers.attendance.selectors import attendance_during
from volunteers.people.selectors import estate_in, is_volunteer
from volunteers.reports import errors
from volunteers.reports.models.patrols import (
    Patrol,
    PatrolCount,
    PatrolOutcome,
    PatrolPhoto,
    PatrolReport,
)
from volunteers.reports.models.reports import Report

PHOTOS_AT_MOST = 9


@transaction.atomic
def set_outcomes(*, community: Community, by: User, outcomes: Sequence[Mapping[str, str]]) -> None:
    """Set the kinds of outcomes that are counted, each a ``code`` and a ``name``. Idempotent.

    One that is left out is counted no more; old counts stay.
    """
    wanted = {one["code"]: one["name"] for one in outcomes}
    rows = PatrolOutcome.objects.select_for_update(no_key=True).filter(community=community)
    known = {row.code: row for row in rows.order_by("pk")}
    for code, row in known.items():
        changed = {"name": wanted.get(code, row.name), "is_retired": code not in wanted}
        before = trail.facts_of(row, *changed)
        if before != changed:
            row.save_with(**changed)
            trail.record(
                "patrol_outcome.change", actor=by, target=row, before=before, after=changed
            )
    for code, name in wanted.items():
        if code not in known:
            row = PatrolOutcome.objects.create(community=community, code=code, name=name)
            trail.record("patrol_outcome.add", actor=by, target=row, after={"code": code})


@transaction.atomic
def begin(
    *,
    community: Community,
    walker: User,
    estate_id: UUID | None = None,
    now: datetime | None = None,
) -> Patrol:
    """Begin a patrol of the community, or of one of its estates, by a volunteer or its staff.

    It belongs to the shift at which the walker is checked in. Raises EstateUnknown,
    GuardianConsentRequired, NotAVolunteerHere, PatrolUnderWay.
    """
    guardians.require_guardian(walker)
    is_staff = communities_where(walker, HANDLES).filter(pk=community.pk).exists()
    if not is_staff and not is_volunteer(walker, community.pk):
        raise NotAVolunteerHere
    now = now or timezone.now()
    try:
        with transaction.atomic():
            return Patrol.objects.create(
                community=community,
                estate=None if estate_id is None else estate_in(community, estate_id),
                walker=walker,
                attendance=attendance_during(community.pk, walker.pk, now),
                started_at=now,
            )
    except IntegrityError as error:
        if constraint_of(error) != "patrol_under_way_once":
            raise
        raise errors.PatrolUnderWay from None


@transaction.atomic
def end(
    *,
    patrol: Patrol,
    counts: Mapping[str, int],
    note: str = "",
    people: int = 1,
    now: datetime | None = None,
) -> Patrol:
    """End a patrol with its counts, by the codes of the community's kinds of outcomes.

    Idempotent. Raises OutcomeUnknown, and PatrolEnded if it ended with something else.
    """
    patrol = patrol.locked("community", "estate", "walker")
    if patrol.ended_at is not None:
        counted = dict(patrol.counts.values_list("outcome__code", "count"))
        if (counted, patrol.note, patrol.people) != (dict(counts), note, people):
            raise errors.PatrolEnded
        return patrol
    known = {
        outcome.code: outcome
        for outcome in PatrolOutcome.objects.filter(community=patrol.community_id, is_retired=False)
    }
    for code in counts:
        if code not in known:
            raise errors.OutcomeUnknown(outcome=code)
    PatrolCount.objects.bulk_create(
        PatrolCount(
            community=patrol.community, patrol=patrol, outcome=known[code], count=counts[code]
        )
        for code in sorted(counts)
    )
    patrol.save_with(ended_at=now or timezone.now(), note=note, people=people)
    return patrol


@transaction.atomic
def link(*, patrol: Patrol, report: Report) -> Patrol:
    """Link a report that the walker made on the patrol. Idempotent.

    Raises ReportStatusWrong once the report has ended, and ReportNotOnPatrol if somebody else made
    it, or before or after the patrol, or on another.
    """
    patrol = patrol.locked("community", "estate", "walker")
    report = report.locked()
    known = PatrolReport.objects.filter(community=patrol.community_id, report=report).first()
    if known is not None and known.patrol_id == patrol.pk:
        return patrol
    if report.status not in Report.OPEN:
        raise errors.ReportStatusWrong(current_status=report.status)
    is_on_it = (
        known is None
        and report.reporter_id == patrol.walker_id
        and report.submitted_at >= patrol.started_at
        and (patrol.ended_at is None or report.submitted_at <= patrol.ended_at)
    )
    if not is_on_it:
        raise errors.ReportNotOnPatrol
    PatrolReport.objects.create(community=patrol.community, patrol=patrol, report=report)
    return patrol


def add_photo(*, patrol: Patrol, photo: "UploadedFile[Any]") -> Patrol:
    """Add a photo, re-encoded and without EXIF. Raises PatrolPhotosFull and as ``without_exif``."""
    jpeg = without_exif(photo)
    with transaction.atomic():
        patrol = patrol.locked("community", "estate", "walker")
        if patrol.photos.count() >= PHOTOS_AT_MOST:
            raise errors.PatrolPhotosFull(at_most=PHOTOS_AT_MOST)
        taken = PatrolPhoto(community=patrol.community, patrol=patrol)
        storing.keep(taken.image, jpeg)
        taken.save(force_insert=True)
    return patrol
