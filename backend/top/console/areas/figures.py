"""Figures of service and of rounds, as the API sums them."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as now_translated
from django.utils.translation import gettext_lazy as _

from backend import days
from backend.communities.models import Community
from backend.top.calls import Caller
from backend.top.charts import counted
from backend.top.console.pages import Facts, Group, Page, Section, add

GROUPINGS = {  # the API's own words for how hours are grouped
    "year": _("Years"),
    "month": _("By month"),
    "team": _("Service teams"),
    "place": _("Estates"),
}
NOBODYS = {"team": _("Of no team"), "place": _("Of no estate")}
TABLES = (  # of rounds: which list, its heading, and what is shown of a row
    (
        "mediations",
        _("Mediations"),
        {
            "quarter": _("Quarter"),
            "settled_percent": _("Settled, %"),
            "ended": _("How many ended"),
            "settled": _("Settled by talks"),
            "partly_settled": _("Partly settled"),
            "not_settled": _("Not settled"),
            "withdrawn": _("Withdrawn by the parties"),
            "referred": _("Referred elsewhere"),
        },
    ),
    (
        "satisfaction",
        _("Surveys"),
        {
            "quarter": _("Quarter"),
            "category": _("Category"),
            "average_score": _("Average score"),
            "answers": _("How many answers"),
            "people": _("How many people"),
        },
    ),
    (
        "patrols",
        _("Patrols"),
        {
            "month": _("Calendar month"),
            "name": _("What was counted"),
            "count": _("Count"),
            "patrols": _("How many patrols"),
        },
    ),
)


def _served(caller: Caller, names: Facts, told: Facts) -> Mapping[str, Any]:
    """Return the sums as rows of a table, all of it last, and what else may be asked for."""
    asked = caller.request.GET
    by = asked.get("by") or "year"
    place = Community.objects.filter(code=names.get("code", "")).first()
    this_year = place.today.year if place else days.LATEST.year
    rows = [
        {**_row(one), "label": one["name"] or one["key"] or NOBODYS.get(by, "")}
        for one in told["groups"]
    ]
    if told["total"]:
        rows.append({**_row(told["total"]), "label": now_translated("In all")})
    return {
        "rows": rows,
        "by": by,
        "groupings": GROUPINGS.items(),
        "year": int(asked["year"]) if asked.get("year", "").isdigit() else None,
        "years": range(this_year, this_year - 10, -1),
    }


def _row(told: Facts) -> dict[str, Any]:
    names = ("attendances", "people", "average_hours")
    return {"hours": counted(round(told["minutes"] / 60, 1)), **{one: told[one] for one in names}}


def _rounds(caller: Caller, names: Facts, told: Facts) -> Mapping[str, Any]:
    return {"tables": [_table(told[which], title, shown) for which, title, shown in TABLES]}


def _table(
    rows: Iterable[Facts], title: "str | Promise", shown: Mapping[str, "str | Promise"]
) -> tuple[Any, ...]:
    cells = [
        {
            "cells": [
                (label, "—" if row[name] is None else row[name]) for name, label in shown.items()
            ]
        }
        for row in rows
    ]
    return title, list(shown.values()), cells


add(
    Page(
        route="communities/<str:code>/service-figures",
        title=_("Service figures"),
        group=Group.HOURS,
        icon="bar_chart",
        rank=8,
        template="console/service_figures.html",
        sections=(Section("", ("left_out",)),),
        filters=(),
        adds=_served,
    ),
    Page(
        route="communities/<str:code>/round-figures",
        title=_("Figures of rounds"),
        group=Group.REPORTS,
        icon="query_stats",
        rank=8,
        template="console/round_figures.html",
        sections=(Section("", ("patrols",)),),
        adds=_rounds,
    ),
)
