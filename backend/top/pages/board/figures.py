"""The public's figures of a year and of a month, and the sheet of a month for a notice board."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.dates import MONTHS
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backend import codes
from backend.communities.models import Community
from backend.top.charts import Chart, Series, Share, Shares, counted
from backend.top.pages.board.books import amounts_of
from backend.top.pages.board.frame import YEARS, CommunityPage
from backend.top.pages.board.reports import WORDS, told_of
from points.ledger.selectors import Told, figures_told_by_month
from points.seals.selectors import seals_of
from volunteers.attendance import figures as service
from volunteers.models import Bulletin, BulletinComment, Report
from volunteers.people.selectors import FEWEST_TOLD
from volunteers.reports import figures, fund_figures
from volunteers.reports.selectors import public_reports, with_superseded

EARLIEST_YEAR = 2000
HANDLED_SHOWN = 12
COMMENTS_SHOWN = 100
NUMBERS = range(1, 13)  # of months
POINTS = [
    ("issued", _("Points issued")),
    ("redeemed", _("Points redeemed")),
    ("expired", _("Points expired")),
    ("given", _("Points given back")),
]


# --- a year -----------------------------------------------------------------------------------
class FiguresView(CommunityPage):
    """The page of figures: ``/c/{code}/figures/{year}``, or of this year without it."""

    template_name = "board/figures.html"
    tab = "figures"

    def told(self, **names: Any) -> dict[str, Any]:
        this_year = self.community.today.year
        year = names.get("year", this_year)
        if not EARLIEST_YEAR <= year <= this_year:
            raise Http404
        whole, months = (
            figures.told(figures.of_year(self.community, year, by))
            for by in (figures.By.YEAR, figures.By.MONTH)
        )
        served = _served(self.community, year)
        moved = figures_told_by_month(self.community, year, fewest=FEWEST_TOLD)
        charts = _charts(year, served, moved, months["periods"])
        last = self.community.today.month if year == this_year else 12
        return {
            "year": year,
            "years": range(this_year, this_year - YEARS, -1),
            "months": [(number, MONTHS[number]) for number in range(1, last + 1)],
            "served": served.total,
            "points": [(words, moved[name].total) for name, words in POINTS],
            "charts": [one for one in charts if not one.is_empty],
            "shares": [one for one in _shares(whole["periods"]) if not one.is_empty],
            "whole": shown(whole["periods"][0]) if whole["periods"] else None,
            "confidential": told(whole["confidential"]),
        }


def _served(community: Community, year: int) -> service.Figures:
    return service.of_place(community, sees_names=False, by=service.By.MONTH, year=year)


def _charts(
    year: int,
    served: service.Figures,
    moved: Mapping[str, Told],
    reported: Sequence[Mapping[str, Any]],
) -> list[Chart]:
    """Return the charts of a year by month; a month of fewer than five people has no number."""
    months = [f"{number:02}" for number in NUMBERS]
    groups = {int((one.key or "")[-2:]): one for one in served.groups}
    reports = {date.fromisoformat(one["since"]).month: one["total"] for one in reported}

    def of(name: str) -> list[float | None]:
        return [getattr(groups[one], name) if one in groups else None for one in NUMBERS]

    hours = [None if one is None else round(one / 60, 1) for one in of("minutes")]
    return [
        Chart(
            "hours",
            _("Verified hours"),
            _("Verified hours in each month of {year}.").format(year=year),
            _("Month"),
            months,
            [Series(_("Hours"), hours)],
        ),
        Chart(
            "people",
            _("People who served"),
            _("People who served, and how often, in each month of {year}.").format(year=year),
            _("Month"),
            months,
            [Series(_("People"), of("people")), Series(_("Attendances"), of("attendances"))],
        ),
        Chart(
            "points",
            _("Points"),
            _("Points issued, redeemed and expired in each month of {year}.").format(year=year),
            _("Month"),
            months,
            [
                Series(_("Issued"), moved["issued"].months),
                Series(_("Redeemed"), moved["redeemed"].months),
                Series(_("Expired"), moved["expired"].months),
            ],
        ),
        Chart(
            "reports",
            _("Reports"),
            _("Reports made in each month of {year}, and how many of them are fixed.").format(
                year=year
            ),
            _("Month"),
            months,
            [
                Series(_("Reports"), [reports.get(one, {}).get("reports", 0) for one in NUMBERS]),
                Series(_("Fixed"), [reports.get(one, {}).get("fixed", 0) for one in NUMBERS]),
            ],
        ),
    ]


def _shares(periods: list[dict[str, Any]]) -> list[Shares]:
    """Return the reports of a period by category and by status."""
    if not periods:
        return []
    (period,) = periods
    by_category = [
        Share(one["name"], one["reports"], counted(one["reports"])) for one in period["categories"]
    ]
    by_status = [
        Share(WORDS[one["status"]], one["reports"], counted(one["reports"]))
        for one in period["total"]["by_status"]
    ]
    return [
        Shares(_("Reports by category"), _("Category"), by_category, _("Reports")),
        Shares(_("Reports by status"), _("Status"), by_status, _("Reports")),
    ]


def shown(period: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a period with what a page shows beside them."""
    for one in [period["total"], *period["categories"]]:
        one["statuses"] = [(WORDS[of["status"]], of["reports"]) for of in one["by_status"]]
        one["median"] = _within(one["median_within_hours"])
        one["in_a_week"] = one["fixed"] and round(100 * one["fixed_within_a_week"] / one["fixed"])
    return period | {"month": period["since"][:7]}


def _within(hours: int | None) -> str:
    if hours is None:
        return ""
    if hours <= 48:
        return gettext("within %(hours)d h") % {"hours": hours}
    return gettext("within %(days)d days") % {"days": hours // 24}


def told(confidential: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the confidential reports with the first and the last month of their period."""
    return [
        one
        | {
            "first": one["since"][:7],
            "last": f"{date.fromisoformat(one['until']) - timedelta(days=1):%Y-%m}",
        }
        for one in confidential
    ]


# --- a month ----------------------------------------------------------------------------------
class MonthView(CommunityPage):
    """The page of a month that has begun: ``/c/{code}/figures/{year}/{month}``."""

    template_name = "board/month.html"
    tab = "figures"

    def told(self, **names: Any) -> dict[str, Any]:
        year, month = names["year"], names["month"]
        if not (1 <= month <= 12 and year >= EARLIEST_YEAR):
            raise Http404
        since = date(year, month, 1)
        if since > self.community.today:
            raise Http404
        until = figures.after(since, figures.By.MONTH)
        reported = figures.told(figures.between(self.community, since, until, figures.By.MONTH))
        served = _served(self.community, year).groups
        moved = figures_told_by_month(self.community, year, fewest=FEWEST_TOLD)
        return {
            "since": since,
            "is_over": until <= self.community.today,
            "served": next((one for one in served if one.key == f"{since:%Y-%m}"), None),
            "points": [(words, moved[name].months[month - 1]) for name, words in POINTS],
            "period": shown(reported["periods"][0]) if reported["periods"] else None,
            "confidential": told(reported["confidential"]),
            "handled": told_of(self.community, list(_closed(self.community, since, until))),
            "funds": [amounts_of(one) for one in fund_figures.told(self.community, year=year)],
            "bulletins": bulletins_of(self.community).filter(starts_on=since),
            "seal": seals_of(self.community).first(),
        }


def _closed(community: Community, since: date, until: date) -> Any:
    """Return the last public reports that were closed in a period."""
    begin, end = (datetime.combine(day, time(), community.clock) for day in (since, until))
    closed = public_reports(community).filter(
        status=Report.Status.CLOSED, closed_at__gte=begin, closed_at__lt=end
    )
    return closed.order_by("-closed_at")[:HANDLED_SHOWN]


class SheetView(MonthView):
    """The sheet of a month for a notice board 公示栏: ``/c/{code}/print/{year}-{month}``."""

    template_name = "board/sheet.html"

    def told(self, **names: Any) -> dict[str, Any]:
        try:
            day = date.fromisoformat(f"{names['month']}-01")
        except ValueError as exc:
            raise Http404 from exc
        shown_too = super().told(year=day.year, month=day.month)
        board, check = (
            self.request.build_absolute_uri(reverse(name, kwargs={"code": self.community.code}))
            for name in ("board", "board-check")
        )
        seal = shown_too["seal"]
        head = bytes(seal.head).hex() if seal else ""
        return shown_too | {
            "board_url": board,
            "board_code": _drawn(board),
            "check_code": _drawn(f"{check}#{head}") if head else "",
            "head": [head[at : at + 8] for at in range(0, len(head), 8)],
        }


def _drawn(address: str) -> str:
    """Return a QR code of an address, as the source of an image."""
    return f"data:image/svg+xml;base64,{b64encode(codes.picture(address, 'svg')).decode()}"


# --- bulletins --------------------------------------------------------------------------------
def bulletins_of(community: Community) -> QuerySet[Bulletin]:
    """Return the latest version of each bulletin that is public, newest period first."""
    found: Any = _published(community)
    latest: QuerySet[Bulletin] = found.filter(is_superseded=False)
    return latest.order_by("-starts_on", "-id")


def _published(community: Community) -> QuerySet[Bulletin]:
    published = Bulletin.objects.filter(community=community, status=Bulletin.Status.PUBLISHED)
    return with_superseded(published, whose=community)


class BulletinView(CommunityPage):
    """The page of a bulletin: ``/c/{code}/bulletins/{bulletin_id}``, whatever version."""

    template_name = "board/bulletin.html"
    tab = "figures"

    def told(self, **names: Any) -> dict[str, Any]:
        community = self.community
        bulletin = get_object_or_404(_published(community), pk=names["bulletin_id"])
        comments = BulletinComment.objects.filter(
            community=community, bulletin=bulletin, status=BulletinComment.Status.SHOWN
        ).exclude(text="")
        kept = bulletin.figures
        return {
            "bulletin": bulletin,
            "period": shown(kept["periods"][0]) if kept["periods"] else None,
            "confidential": told(kept["confidential"]),
            "funds": [amounts_of(fund) for fund in kept["funds"]],
            "comments": comments.order_by("-id")[:COMMENTS_SHOWN],
        }
