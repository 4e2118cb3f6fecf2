"""Public pages, without a log-in: what a community did, and its latest reports."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from backend.communities.models import Community
from backend.communities.selectors import tenants
from backend.top.pages.board.reports import WORDS, bulletins_of
from backend.top.pages.kept import KeptPage
from merchants.giving import selectors
from merchants.models import Campaign, Partnership
from points.ledger.selectors import public_figures
from points.seals.selectors import seals_of
from volunteers.attendance.selectors import verified_minutes
from volunteers.people.selectors import volunteers_in
from volunteers.reports.categories import names_of
from volunteers.reports.selectors import public_reports

REPORTS_SHOWN = 20
SPONSORSHIPS_SHOWN = 10
BULLETINS_SHOWN = 6


class HomeView(KeptPage):
    """The page of all communities: ``/``."""

    template_name = "board/home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {"communities": tenants().order_by("name")}


class BoardView(KeptPage):
    """The page of one community: ``/c/{code}``."""

    template_name = "board/board.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        community = get_object_or_404(tenants(), code=kwargs["code"])
        names = names_of(community.pk)
        return {
            "community": community,
            "figures": _figures(community),
            "seal": _latest_seal(community),
            "campaigns": selectors.with_totals(Campaign.objects.filter(community=community)),
            "sponsorships": selectors.sponsorships_in(community)[:SPONSORSHIPS_SHOWN],
            "bulletins": bulletins_of(community)[:BULLETINS_SHOWN],
            "reports": [
                (report, names[report.category], WORDS[report.status])
                for report in public_reports(community)[:REPORTS_SHOWN]
            ],
        }


def _figures(community: Community) -> list[tuple[str | Promise, int]]:
    points = public_figures(community)
    active = Partnership.Status.ACTIVE
    partners = Partnership.objects.filter(community=community, status=active)
    return [
        (_("Volunteers"), volunteers_in(community).count()),
        (_("Hours served"), verified_minutes(community.pk) // 60),
        (_("Points issued"), points["issued"]),
        # What campaigns disbursed is told below, with what for.
        (_("Points redeemed"), points["redeemed"] - selectors.disbursed_in(community)),
        (_("Points in wallets"), points["outstanding"]),
        (_("Partner merchants"), partners.count()),
    ]


def _latest_seal(community: Community) -> dict[str, str] | None:
    """Return the latest seal, against which whoever writes it down can check our ledger later."""
    seal = seals_of(community).first()
    if seal is None:
        return None
    sealed_at = f"{seal.sealed_at.astimezone(community.clock):%Y-%m-%d %H:%M}"
    return {
        "words": _("Ledger seal no. %(number)d of %(sealed_at)s:")
        % {"number": seal.number, "sealed_at": sealed_at},
        "head": bytes(seal.head).hex()[:16],
        "url": reverse("seals", kwargs={"code": community.code}),
    }
