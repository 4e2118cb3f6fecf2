"""The public's pages of reports: the list with its map, and one report."""

from collections import Counter
from dataclasses import dataclass
from math import atan2, hypot, pi
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from backend.communities.selectors import places_below
from backend.top.maps import Mark, Plane, offset
from backend.top.pages.board.frame import (
    CommunityPage,
    Coordinates,
    estates_around,
    id_or_none,
    middle_of,
)
from volunteers.attendance.positions import Position, wgs84
from volunteers.models import Report
from volunteers.people.selectors import FEWEST_TOLD
from volunteers.reports.categories import categories_of, names_of
from volunteers.reports.models.categories import Colour
from volunteers.reports.progress import steps_of
from volunteers.reports.reward_states import RewardState, reward_states
from volunteers.reports.selectors import PUBLIC_DECIMALS, confirmation_counts, public_reports

PAGE_REPORTS = 20
MAP_REPORTS = 200  # the newest, of which those are drawn that have a place
LEAST_METRES, FARTHEST_METRES = 1_500, 10_000  # that the map shows
WORDS = {  # a public report's status, as people call it
    Report.Status.SUBMITTED.value: _("Submitted"),
    Report.Status.ACCEPTED.value: _("Being handled"),
    Report.Status.MADE_SAFE.value: _("Made safe"),
    Report.Status.FIXED.value: _("Fixed"),
    Report.Status.CLOSED.value: _("Verified and dealt with"),
    Report.Status.REJECTED.value: _("Not confirmed"),
    Report.Status.DUPLICATE.value: _("Reported before"),
    Report.Status.NOT_OURS.value: _("Not ours to handle"),
    Report.Status.WITHDRAWN.value: _("Withdrawn"),
    Report.Status.VOIDED.value: _("Voided"),
}
COLOURS = {Colour.RED: _("Red"), Colour.YELLOW: _("Yellow"), Colour.BLUE: _("Blue")}
REWARDS = {  # nothing is said of NONE
    RewardState.WAITING_APPROVAL: _("The reward waits for approval."),
    RewardState.FUND_EXHAUSTED: _("The reward waits until there is money in the fund."),
    RewardState.FROZEN: _("The reward waits, as the report was reopened."),
    RewardState.RESERVED: _("The reward is on its way."),
    RewardState.UNCLAIMED: _("The reward was not collected yet."),
    RewardState.PAID: _("The reward was paid."),
    RewardState.TAKEN_BACK: _("The reward was taken back."),
}
DIRECTIONS = (  # from the east against the clock
    _("east"), _("north-east"), _("north"), _("north-west"),
    _("west"), _("south-west"), _("south"), _("south-east"),
)  # fmt: skip


class ReportsView(CommunityPage):
    """The page of reports and where they were made: ``/c/{code}/reports``.

    ``category`` and ``status`` narrow it down, ``before`` is the last report of the page before.
    """

    template_name = "board/reports.html"
    tab = "reports"
    parameters = ("category", "status", "before")

    def told(self, **names: Any) -> dict[str, Any]:
        known = categories_of(self.community)
        categories = {code: one.name for code, one in known.items() if not one.is_confidential}
        wanted = {name: self.asked[name] for name in ("category", "status") if name in self.asked}
        if wanted.get("category", "") not in {"", *categories}:
            raise Http404
        if wanted.get("status", "") not in {"", *WORDS}:
            raise Http404
        found = public_reports(self.community).filter(**wanted)
        page = found
        if "before" in self.asked:
            if (before := id_or_none(self.asked["before"])) is None:
                raise Http404
            page = found.filter(pk__lt=before)
        rows = list(page[: PAGE_REPORTS + 1])
        return {
            "reports": told_of(self.community, rows[:PAGE_REPORTS]),
            "more": rows[PAGE_REPORTS - 1].pk if len(rows) > PAGE_REPORTS else None,
            "categories": categories.items(),
            "statuses": WORDS.items(),
            "asked": self.asked,
            "map": None if "before" in self.asked else self._map(found),
        }

    def _map(self, reports: QuerySet[Report]) -> "Map | None":
        newest = reports.values_list("latitude", "longitude", "coord_type")[:MAP_REPORTS]
        cells = Counter(
            (round(latitude, PUBLIC_DECIMALS), round(longitude, PUBLIC_DECIMALS), datum)
            for latitude, longitude, datum in newest
            if latitude is not None and longitude is not None
        )
        found: Counter[Coordinates] = Counter()
        for cell, count in cells.items():
            found[wgs84(Position(*cell))] += count
        middle = middle_of(self.community, list(found))
        if not found or not middle:
            return None
        return _drawn(found, middle, estates_around(list(places_below(self.community)), middle))


def told_of(community: Any, reports: list[Report]) -> list[tuple[Report, str, str | Promise]]:
    """Return reports with what their category and status are called."""
    names = names_of(community.pk)
    return [(one, names[one.category], WORDS[one.status]) for one in reports]


# --- the map ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Cell:
    """Reports of about a square kilometre: how many, where they are drawn, and where they are."""

    reports: int
    x: float
    y: float
    radius: float
    kilometres: str
    direction: str | Promise


@dataclass(frozen=True)
class Map:
    """Where reports were made, to a kilometre; ``outside`` are farther than it shows."""

    plane: Plane
    cells: list[Cell]
    estates: list[Mark]
    outside: int


def _drawn(found: "Counter[Coordinates]", middle: Coordinates, estates: list[Mark]) -> Map:
    offsets = [(*offset(middle, place), count) for place, count in found.most_common()]
    shown = [one for one in offsets if hypot(*one[:2]) <= FARTHEST_METRES]
    plane = Plane(max([LEAST_METRES, *(hypot(*one[:2]) for one in shown)]))
    cells = [
        Cell(
            count,
            *plane.at(east, north),
            radius=round(min(9 + count**0.5 * 2, 24), 1),
            kilometres=f"{hypot(east, north) / 1000:.1f}",
            direction=DIRECTIONS[round(atan2(north, east) / (pi / 4)) % 8],
        )
        for east, north, count in shown
    ]
    outside = sum(count for *_, count in offsets) - sum(cell.reports for cell in cells)
    return Map(plane, cells, plane.marks(estates), outside)


# --- one report -------------------------------------------------------------------------------
class ReportView(CommunityPage):
    """The page of one report: ``/c/{code}/reports/{report_id}``."""

    template_name = "board/report.html"
    tab = "reports"

    def told(self, **names: Any) -> dict[str, Any]:
        community = self.community
        report = get_object_or_404(public_reports(community), pk=names["report_id"])
        confirmations = confirmation_counts(report).get(report.pk, 0)
        state = reward_states(community.pk, [report]).get(report.pk, RewardState.NONE)
        return {
            "report": report,
            "category": names_of(community.pk)[report.category],
            "colour": COLOURS[Colour(report.colour)],
            "status": WORDS[report.status],
            "steps": [(WORDS[step["status"]], step["at"]) for step in steps_of(report)],
            "confirmations": confirmations if confirmations >= FEWEST_TOLD else None,
            "has_confirmations": confirmations > 0,
            "reward": REWARDS.get(state),
        }
