"""Figures of funds for the public: by seal, and by category of what was rewarded.

Whatever is not a public report's is told as one sum, 「其他」. If fewer than five reports are
behind it, the category of the fewest reports goes into it, and the next, until there are five;
where that takes all of them, the budget alone is told.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext

from backend.communities.models import Community
from points.funds import selectors as funds
from volunteers.people.selectors import FEWEST_TOLD
from volunteers.reports.categories import names_of
from volunteers.reports.models.confirmations import Confirmation
from volunteers.reports.selectors import public_reports


@dataclass
class Part:
    """The part of a fund that was paid and is reserved for reports of a category."""

    reports: set[str] = field(default_factory=set)
    paid: int = 0
    reserved: int = 0

    def add(self, other: "Part") -> None:
        self.reports |= other.reports
        self.paid += other.paid
        self.reserved += other.reserved


OTHER = ""  # of no public report
USE = ("paid", "ended", "unsealed", "reserved", "left")


def told(community: Community, *, year: int | None = None) -> list[dict[str, Any]]:
    """Return the figures of the community's funds as JSON, newest first."""
    found = funds.funds_in(community)
    if year is not None:
        found = found.filter(year=year)
    names = names_of(community.pk)
    return [_told(community, fund, names) for fund in found]


def _told(community: Community, fund: Any, names: dict[str, str]) -> dict[str, Any]:
    figures = funds.published(fund)
    parts = folded(_parts(community, funds.by_subject(fund)))
    return {
        "id": str(fund.pk),
        "name": fund.name,
        "year": fund.year,
        "unit": fund.account.unit,
        "seal_number": figures.number,
        "seal_head": figures.head,
        "sealed_at": figures.sealed_at and figures.sealed_at.isoformat(),
        **{name: getattr(figures, name) for name in ("budget", "topped_up", "carried_in")},
        **{name: None if parts is None else getattr(figures, name) for name in USE},
        "categories": None
        if parts is None
        else [
            {
                "category": category or None,
                "name": names.get(category, category) if category else gettext("Other"),
                "paid": part.paid,
                "reserved": part.reserved,
            }
            for category, part in sorted(parts.items(), key=lambda one: (not one[0], -one[1].paid))
        ],
    }


def _parts(community: Community, by_subject: Iterable[tuple[str, int, int]]) -> dict[str, Part]:
    """Return the parts by category: those of public reports, and ``OTHER``."""
    rows = [(subject.partition(":"), paid, reserved) for subject, paid, reserved in by_subject]
    confirmed = Confirmation.objects.filter(
        community=community,
        pk__in=[UUID(pk) for (kind, _, pk), *_ in rows if kind == "confirmation"],
    )
    reports = {str(pk): str(report) for pk, report in confirmed.values_list("pk", "report_id")}
    reports |= {pk: pk for (kind, _, pk), *_ in rows if kind == "report"}
    public = public_reports(community).filter(pk__in=[UUID(pk) for pk in reports.values()])
    categories = {str(pk): category for pk, category in public.values_list("pk", "category")}
    parts: dict[str, Part] = defaultdict(Part)
    for (_, _, pk), paid, reserved in rows:
        report = reports.get(pk, pk)
        parts[categories.get(report, OTHER)].add(Part({report}, paid, reserved))
    return dict(parts)


def folded(parts: dict[str, Part]) -> dict[str, Part] | None:
    """Fold categories into ``OTHER`` until that is of five reports; None if they do not suffice."""
    if OTHER not in parts:
        return parts
    other, kept = Part(), dict(parts)
    other.add(kept.pop(OTHER))
    while len(other.reports) < FEWEST_TOLD:
        if not kept:
            return None
        other.add(kept.pop(min(kept, key=lambda one: (len(kept[one].reports), one))))
    return kept | {OTHER: other}
