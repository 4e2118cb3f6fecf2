"""Recomputation of every award of a community from its attendance or report."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from backend.communities.models import Community
from points.awards import selectors as points
from points.awards.services import awards
from points.awards.services.rederiving import AT_ONCE, Difference, Record, rederive
from volunteers.attendance.models import Attendance
from volunteers.reports.models import Report


def _attended(attendance: Attendance) -> Record:
    facts = None
    served = attendance.served
    if attendance.status == Attendance.Status.VERIFIED and served:
        facts = awards.Hours(attendance.shift.activity.category, *served)
    return Record(attendance.volunteer_id, attendance.status, facts)


def _reported(report: Report) -> Record:
    facts = None
    if report.status == Report.Status.VERIFIED and report.closed_at:
        facts = awards.Report(report.category, report.closed_at)
    return Record(report.reporter_id, report.status, facts)


# Records by the kind of their source, and how to derive an award's facts from one.
KINDS: dict[str, tuple[QuerySet[Any], Callable[[Any], Record]]] = {
    "hours": (Attendance.objects.select_related("shift__activity"), _attended),
    "report": (Report.objects.all(), _reported),
}


class Recomputation:
    """Iterator over the awards that differ from their records, and records without an award.

    Takes at most eight SQL statements for ``at_once`` awards, and two for as many verified records
    of a kind. Writes nothing. ``awards`` counts the awards looked at so far.
    """

    def __init__(self, community: Community, *, at_once: int = AT_ONCE) -> None:
        self.community = community
        self.awards = 0
        self._at_once = at_once

    def __iter__(self) -> Iterator[Difference]:
        self.awards = 0
        for difference in rederive(self.community, self._records, at_once=self._at_once):
            self.awards += 1
            if difference:
                yield difference
        for records, _ in KINDS.values():
            yield from self._without_award(records.filter(status="verified"))

    def _records(self, sources: list[str]) -> dict[str, Record]:
        return {
            record.award_source: told(record)
            for kind, (records, told) in KINDS.items()
            for record in records.filter(community=self.community, pk__in=_ids(sources, kind))
        }

    def _without_award(self, verified: QuerySet[Any]) -> Iterator[Difference]:
        verified = verified.filter(community=self.community).select_related(None)
        rest = verified = verified.order_by("-id").only("id")
        while some := list(rest[: self._at_once]):
            sources = [record.award_source for record in some]
            # Read after the records, so that the award of one verified meanwhile is seen.
            awarded = points.points_by_source([self.community.pk], sources)
            for source in sources:
                if source not in awarded:
                    yield Difference(source, {"award": None}, {"award": "given"})
            if len(some) < self._at_once:
                return
            rest = verified.filter(pk__lt=some[-1].pk)


def _ids(sources: list[str], kind: str) -> list[UUID]:
    """Return the ids of the sources of that kind; skips other sources."""
    ids = []
    for source in sources:
        prefix, _, pk = source.partition(":")
        if prefix == kind:
            try:
                ids.append(UUID(pk))
            except ValueError:
                continue
    return ids
