"""Reports as something that samples are drawn of, and the evidence of each."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.communities.models import Community
from backend.sampling.subjects import Evidence, Subject
from points.awards.sampled import evidence_by_source
from volunteers.reports.categories import names_of
from volunteers.reports.models.reports import Report
from volunteers.reports.services import reading


def _rows(community: Community) -> QuerySet[Report]:
    return Report.objects.filter(community=community)


def _evidence(community: Community, report_ids: Collection[UUID]) -> dict[UUID, Evidence]:
    found = list(_rows(community).filter(pk__in=report_ids).prefetch_related("photos"))
    earned = evidence_by_source(community, [report.award_source for report in found])
    names = names_of(community.pk)
    return {
        report.pk: _said(report, names[report.category], earned.get(report.award_source))
        for report in found
    }


def _said(report: Report, what: str, award: Evidence | None) -> Evidence:
    photos = [photo for photo in report.photos.all() if photo.image]
    people = (report.reporter_id, report.closed_by_id, report.voided_by_id)
    told = (
        *("category", "text", "place", "status", "estate_id", "is_by_child", "accepted_at"),
        *("made_safe_at", "fixed_at", "closed_at", "closed_by_id", "earned_at", "reopened_at"),
        *("answer", "colour", "duplicate_of_id", "made_during_id", "voided_at", "voided_by_id"),
    )
    passing = {
        "latitude": report.latitude,
        "longitude": report.longitude,
        "coord_type": report.coord_type,
        "photos": [f"/api/v1/reports/{report.pk}/photos/{photo.pk}" for photo in photos],
        "reason": report.reason,
    }
    return Evidence(
        at=report.submitted_at,
        what=what,
        person_id=report.reporter_id,
        points=award.points if award else None,
        amount_fen=award.amount_fen if award else None,
        basis=award.basis if award else {},
        arithmetic=award.arithmetic if award else {},
        transfers=award.transfers if award else (),
        more={name: getattr(report, name) for name in told} | {"photo_count": len(photos)},
        passing=passing,
        acts_on=[("report", str(report.pk))],
        people=frozenset(filter(None, people)),
    )


def _note_reading(reader: User, community: Community, report_ids: Collection[UUID]) -> None:
    shown = _rows(community).filter(pk__in=report_ids).select_related("community")
    reading.note_reading(reader=reader, reports=shown)


REPORTS = Subject(
    title=_("Report"),
    rows=_rows,
    moment="submitted_at",
    evidence=_evidence,
    note_reading=_note_reading,
)
