"""Public pages, without a log-in: all communities, and what one of them did."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from backend.communities.models import Community
from backend.communities.selectors import tenants
from backend.top.pages.board.figures import bulletins_of
from backend.top.pages.board.frame import CommunityPage
from backend.top.pages.board.reports import told_of
from backend.top.pages.kept import KeptPage
from merchants.giving import selectors
from merchants.models import Campaign
from merchants.partners.selectors import shops_shown_to_all
from points.ledger.selectors import public_figures
from points.seals.selectors import seals_of
from volunteers.attendance.selectors import verified_minutes
from volunteers.people.selectors import volunteers_in
from volunteers.reports.selectors import public_reports

REPORTS_SHOWN = 5
SPONSORSHIPS_SHOWN = 5
BULLETINS_SHOWN = 3


class HomeView(KeptPage):
    """The page of all communities: ``/``."""

    template_name = "board/home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {"communities": tenants().select_related("parent").order_by("parent__name", "name")}


class BoardView(CommunityPage):
    """The page of one community: ``/c/{code}/``."""

    template_name = "board/board.html"
    tab = "board"

    def told(self, **names: Any) -> dict[str, Any]:
        community = self.community
        return {
            "figures": _figures(community),
            "seal": seals_of(community).first(),
            "campaigns": selectors.with_totals(Campaign.objects.filter(community=community)),
            "sponsorships": selectors.sponsorships_in(community)[:SPONSORSHIPS_SHOWN],
            "bulletins": bulletins_of(community)[:BULLETINS_SHOWN],
            "reports": told_of(community, list(public_reports(community)[:REPORTS_SHOWN])),
        }


def _figures(community: Community) -> list[tuple[str | Promise, int]]:
    points = public_figures(community)
    return [
        (_("Volunteers"), volunteers_in(community).count()),
        (_("Hours served"), verified_minutes(community.pk) // 60),
        (_("Points issued"), points["issued"]),
        # What campaigns disbursed is told below, with what for.
        (_("Points redeemed"), points["redeemed"] - selectors.disbursed_in(community)),
        (_("Points in wallets"), points["outstanding"]),
        (_("Partner merchants"), shops_shown_to_all(community).count()),
    ]
