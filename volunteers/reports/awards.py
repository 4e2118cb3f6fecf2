"""Reports as a kind of awards: verified reports earn by the rules for reports."""

from datetime import UTC
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext

from backend.communities.models import Community
from backend.registries.events import Told
from points.awards.kinds import Facts, Kind, Record, Rows, Version
from points.rules.services import ReportRule
from volunteers.reports.models import Report

Status = Report.Status


def facts_of(report: Report) -> Facts:
    """Return the facts of a closed report: its rule is that of the day of closing."""
    assert report.closed_at is not None  # a check constraint
    return Facts(
        category=report.category,
        counts_from=report.closed_at,
        occurred_at=report.closed_at,
        during=f"hours:{report.made_during_id}" if report.made_during_id else "",
    )


def _inputs(facts: Facts, community: Community) -> dict[str, Any]:
    return {
        "category": facts.category,
        "verified_at": facts.counts_from.astimezone(UTC).isoformat(),
    }


def _earns(inputs: dict[str, Any], rule: ReportRule) -> tuple[int, dict[str, Any]]:
    return rule.reward_points, {}


def _told(report: Report) -> Record:
    was_verified = report.status in (Status.VERIFIED, Status.VOIDED)
    return Record(
        report.reporter_id,
        report.status,
        facts_of(report) if was_verified and report.closed_at else None,
        is_voided=report.status == Status.VOIDED,
    )


def _words(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    found = Report.objects.filter(community_id=community_id, pk__in=ids)
    return {
        pk: Told(gettext(str(Report.Category(category).label)), {"report_id": pk})
        for pk, category in found.values_list("pk", "category")
    }


REPORT = Kind(
    name="report",
    subject="report",
    versions=[Version(_inputs, _earns)],
    records=Rows(
        Report.objects.all(),
        _told,
        Q(status__in=(Status.VERIFIED, Status.VOIDED)),
        "closed_at",
    ),
    tells=_words,
)
