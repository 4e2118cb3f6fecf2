"""The way in: the places that somebody works in, and what waits for them in one of them."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from backend import days
from backend.api.labels import label_named
from backend.communities.models import Community
from backend.top.calls import API, Caller
from backend.top.charts import Chart, Series, Share, Shares, counted
from backend.top.console import navigation
from backend.top.console.site import site
from backend.top.console.values import Reader, yuan
from backend.top.console.views import Drawn
from volunteers.models import Report

YEAR = re.compile(r"\d{4}")
YEARS = 5  # that one may choose among, this one included


def home(request: HttpRequest) -> HttpResponseBase:
    """Lead to the caller's place if they have one, and let them choose if they have several."""
    places = navigation.dropdown(request)
    if not places and request.user.is_superuser:
        return HttpResponseRedirect(reverse("admin:first_run"))
    if len(places) == 1:
        return HttpResponseRedirect(places[0]["link"])
    return _drawn(request, "console/home.html", {"title": _("My places"), "places": places})


def place(request: HttpRequest, code: str) -> HttpResponseBase:
    """Show what waits for the caller in a place, and charts of a year. Raises Http404.

    Of a street its communities are shown; an estate leads to its community.
    """
    caller = Caller(request)
    contact = caller.fetch(f"communities/{code}/contact")
    navigation.remember(request, code)
    if contact["kind"] == Community.Kind.ESTATE:
        return HttpResponseRedirect(_link(contact["parent"]["code"]))
    if contact["kind"] == Community.Kind.STREET:
        below = [{"title": one["name"], "link": _link(one["code"])} for one in contact["below"]]
        return _drawn(request, "console/home.html", {"title": contact["name"], "places": below})
    work = caller.read(f"communities/{code}/work")
    if not work.is_good:
        return Drawn(request, f"communities/{code}/work").refused(work)
    community = Community.objects.get(code=code)
    year = _year_of(request, community.today.year)
    reader = Reader(community.clock)
    return _drawn(
        request,
        "console/place.html",
        {
            "title": contact["name"],
            "cards": [_card(one, reader) for one in work.data["kinds"]],
            "year": year,
            "years": range(community.today.year, community.today.year - YEARS, -1),
            "charts": [one for one in charts_of(caller, code, year) if not one.is_empty],
            "shares": [one for one in shares_of(caller, code, year) if not one.is_empty],
        },
    )


def _year_of(request: HttpRequest, this_year: int) -> int:
    """Return the year asked for, or this one. Raises Http404 for what is none."""
    asked = request.GET.get("year", str(this_year))
    if not YEAR.fullmatch(asked) or not days.EARLIEST.year <= int(asked) <= days.LATEST.year:
        raise Http404
    return int(asked)


def _card(waiting: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    count = counted(waiting["count"])
    return {
        "title": waiting["title"],
        "count": f"{count}+" if waiting["is_more"] else count,
        "oldest": reader.moment(waiting["oldest_at"]),
        "link": settings.CONSOLE_PATH + waiting["address"].removeprefix(API),
        "is_late": waiting["kind"].endswith("_overdue"),
    }


# --- charts -----------------------------------------------------------------------------------
def charts_of(caller: Caller, code: str, year: int) -> list[Chart]:
    """Return the charts of a year by month: hours and people, points."""
    months = [_month(number) for number in range(1, 13)]
    charts = []
    served = caller.read(f"communities/{code}/service-figures", {"by": "month", "year": year})
    if served.is_good:
        by_month = {int(one["key"][-2:]): one for one in served.data["groups"]}
        found = [by_month.get(number, {}) for number in range(1, 13)]
        hours = [one.get("minutes", 0) / 60 for one in found]
        charts += [
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
                [
                    Series(_("People"), [one.get("people", 0) for one in found]),
                    Series(_("Attendances"), [one.get("attendances", 0) for one in found]),
                ],
            ),
        ]
    moved = caller.read(f"communities/{code}/point-figures", {"year": year})
    if moved.is_good:
        by_month = {date.fromisoformat(one["since"]).month: one for one in moved.data["periods"]}
        found = [by_month.get(number, {}) for number in range(1, 13)]

        def of(name: str) -> list[int | None]:
            return [one.get(name) for one in found]

        charts += [
            Chart(
                "points",
                _("Points"),
                _("Points issued, redeemed and expired in each month of {year}.").format(year=year),
                _("Month"),
                months,
                [
                    Series(_("Issued"), of("issued")),
                    Series(_("Redeemed"), of("redeemed")),
                    Series(_("Expired"), of("expired")),
                ],
            ),
            Chart(
                "outstanding",
                _("Points in wallets"),
                _("Points in wallets at the end of each month of {year}.").format(year=year),
                _("Month"),
                months,
                [Series(_("Points in wallets"), of("outstanding"), is_line=True)],
            ),
        ]
    return charts


def shares_of(caller: Caller, code: str, year: int) -> list[Shares]:
    """Return a year's reports by status, and what became of its funds."""
    shares = []
    told = caller.read(f"communities/{code}/report-figures", {"by": "year", "year": year})
    if told.is_good:
        counts = {
            one["status"]: one["reports"]
            for period in told.data["periods"]
            for one in period["total"]["by_status"]
        }
        parts = [
            Share(label_named("ReportStatus", status), count, counted(count))
            for status in Report.Status.values
            if (count := counts.get(status, 0))
        ]
        shares.append(Shares(_("Public reports by status"), _("Status"), parts, _("Reports")))
    told = caller.read(f"communities/{code}/fund-figures", {"year": year})
    for fund in told.data["funds"] if told.is_good else ():
        said = yuan if fund["unit"] == "fen" else counted
        sums = (
            (_("Budget"), fund["budget"] + (fund["unsealed"] or 0)),
            (_("Paid"), fund["paid"]),
            (_("Reserved"), fund["reserved"]),
            (_("Not spent"), fund["left"]),
        )
        parts = [Share(name, amount, said(amount)) for name, amount in sums if amount is not None]
        unit = _("In yuan") if fund["unit"] == "fen" else _("In points")
        shares.append(Shares(f"{fund['name']} {fund['year']}", _("Use"), parts, unit))
    return shares


def _month(number: int) -> str:
    return f"{number:02}"


def _link(code: str) -> str:
    return f"{settings.CONSOLE_PATH}communities/{code}"


def _drawn(request: HttpRequest, template: str, context: Mapping[str, Any]) -> TemplateResponse:
    return TemplateResponse(request, template, {**site.each_context(request), **context})
