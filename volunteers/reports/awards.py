"""Reports and their confirmations as kinds of awards, by the rules for reports."""

from dataclasses import replace
from datetime import UTC
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from backend.communities.models import Community
from backend.registries.events import Told
from points.awards.kinds import Facts, Kind, Record, Rows, Version
from points.rules.services import ONE, ReportRule
from volunteers.reports.categories import names_of
from volunteers.reports.models.confirmations import Confirmation
from volunteers.reports.models.reports import Report

Status = Report.Status


def facts_of(report: Report) -> Facts:
    """Return the facts of a rewarded report: they are those of the day of its first closing."""
    assert report.earned_at is not None  # it was rewarded
    return Facts(
        category=report.ruled_as,
        counts_from=report.earned_at,
        occurred_at=report.earned_at,
        during=f"hours:{report.made_during_id}" if report.made_during_id else "",
        more={
            "reported_as": report.category,
            "colour": report.colour,
            "group": report.reporter_group,
        },
    )


def facts_of_confirmation(confirmation: Confirmation) -> Facts:
    """Return the facts of a rewarded confirmation: its report's, wherever the confirmer was."""
    facts = facts_of(confirmation.report)
    more = facts.more | {"rewarded_as": confirmation.rewarded_as}
    return replace(facts, during="", more=more)


def _inputs(facts: Facts, community: Community) -> dict[str, Any]:
    return {
        "category": facts.category,
        **facts.more,
        "closed_at": facts.counts_from.astimezone(UTC).isoformat(),
    }


def _earns(inputs: dict[str, Any], rule: ReportRule) -> tuple[int, dict[str, Any]]:
    reward = rule.reward_for(colour=inputs["colour"], group=inputs["group"])
    return reward, {"reward": reward}


def _share(inputs: dict[str, Any], rule: ReportRule) -> tuple[int, dict[str, Any]]:
    reward, steps = _earns(inputs, rule)
    share = rule.confirmer_share_bp
    return reward * share // ONE, steps | {"confirmer_share_bp": share}


def _record(person_id: UUID | None, report: Report, facts: Facts | None) -> Record:
    is_wrong = report.status in Report.ENDED and report.status != Status.CLOSED
    return Record(person_id, report.status, facts, is_voided=is_wrong)


def _told(report: Report) -> Record:
    return _record(report.reporter_id, report, facts_of(report) if report.earned_at else None)


def _told_confirmation(confirmation: Confirmation) -> Record:
    is_rewarded = confirmation.rewarded_as and confirmation.report.earned_at
    facts = facts_of_confirmation(confirmation) if is_rewarded else None
    return _record(confirmation.confirmer_id, confirmation.report, facts)


def _words(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    found = Report.objects.filter(community_id=community_id, pk__in=ids)
    names = names_of(community_id)
    return {
        pk: Told(names[category], {"report_id": pk})
        for pk, category in found.values_list("pk", "category")
    }


def _words_of_confirmations(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    found = Confirmation.objects.filter(community_id=community_id, pk__in=ids)
    of_report = dict(found.values_list("pk", "report_id"))
    words = _words(community_id, list(set(of_report.values())))
    return {
        pk: Told(_("Confirmed: %(what)s") % {"what": words[report_id].words}, words[report_id].ids)
        for pk, report_id in of_report.items()
    }


REPORT = Kind(
    name="report",
    subject="report",
    versions=[Version(_inputs, _earns)],
    records=Rows(
        Report.objects.filter(reporter__isnull=False),
        _told,
        Q(earned_at__isnull=False),
        "earned_at",
    ),
    tells=_words,
)

CONFIRMATION = Kind(
    name="confirmation",
    subject="report",
    versions=[Version(_inputs, _share)],
    records=Rows(
        Confirmation.objects.select_related("report"),
        _told_confirmation,
        Q(rewarded_as__isnull=False),
        "report__earned_at",
    ),
    tells=_words_of_confirmations,
)
