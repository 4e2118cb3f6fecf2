"""The first run: what an office begins with, and what of it is done, as the API tells today."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.communities.models import Role
from backend.top.calls import Caller
from backend.top.console import navigation
from backend.top.console.site import site

MOST_PLACES = 100


@dataclass
class Step:
    """A step, and whether it is done. ``links`` are pairs of words and console addresses."""

    title: str | Promise
    explains: str | Promise
    is_done: bool
    links: list[tuple[str, str]] = field(default_factory=list)


def show(request: HttpRequest) -> HttpResponse:
    """Show the steps of an operator, and those of the place that the caller manages."""
    caller = Caller(request)
    parts = []
    kept = caller.fetch("places", {"page_size": MOST_PLACES})["results"]
    if request.user.is_superuser or any(one["kind"] == "street" for one in kept):
        parts.append((_("Streets and communities"), list(of_places(kept))))
    place = navigation.place_of(request)
    if place is not None and is_managed(caller, place.code):
        parts.append((place.name, list(of_community(caller, place.code))))
    if not parts:
        raise Http404
    return TemplateResponse(
        request,
        "console/first/first_run.html",
        {
            **site.each_context(request),
            "title": TITLE,
            "parts": [(name, steps, sum(one.is_done for one in steps)) for name, steps in parts],
        },
    )


TITLE = gettext_lazy("First steps")


def is_managed(caller: Caller, code: str) -> bool:
    return caller.may("post", f"communities/{code}/rules/versions")


def of_places(kept: list[dict[str, Any]]) -> Iterator[Step]:
    """Yield what an operator, or a street's manager, does: found places, invite who manages them.

    ``kept`` are those that they keep.
    """
    streets, communities = (
        [one for one in kept if one["kind"] == kind] for kind in ("street", "community")
    )
    found = form("post", "places", "places")
    yield Step(
        _("Found a street or a community"),
        _("A community keeps its own points, rules and partners. A street lends it rules."),
        bool(communities),
        [(_("Found a place"), found), (_("Streets, communities and estates"), page("places"))],
    )
    lacking = [one for one in [*streets, *communities] if not one["managers"]]
    yield Step(
        _("Invite the manager of each place"),
        _("They are invited when a place is founded; if the code got lost, invite them anew."),
        bool(kept) and not lacking,
        [(one["name"], page(f"communities/{one['code']}/role-invitations")) for one in lacking],
    )


def of_community(caller: Caller, code: str) -> Iterator[Step]:
    """Yield what the manager of a community does until hours can be verified."""
    here = f"communities/{code}"
    rules = caller.fetch(f"{here}/rules")["results"]
    expiry = caller.fetch(f"{here}/expiry")
    begin = page(f"{here}/rules/begin")

    def any_of(address: str, **query: str) -> bool:
        told = caller.read(address, {**query, "page_size": "1"})
        return told.is_good and bool(told.data["results"])

    def has_rule(subject: str) -> bool:
        return any(
            one["subject"] == subject and (one["in_force"] or one["upcoming"]) for one in rules
        )

    invite = form("post", f"{here}/role-invitations", f"{here}/role-invitations")
    yield Step(
        _("Invite staff"),
        _("They plan activities, verify hours and handle reports. One of them at least."),
        any_of(f"{here}/members", role=Role.STAFF.value),
        [
            (_("Invite somebody"), invite),
            (_("Invitations"), page(f"{here}/role-invitations")),
        ],
    )
    yield Step(
        _("Invite an auditor"),
        _("They read everything and change nothing."),
        any_of(f"{here}/members", role=Role.AUDITOR.value),
        [(_("Invite somebody"), invite)],
    )
    yield Step(
        _("Publish a rule for hours"),
        _("What an hour of service earns. Take a template, change it, try it, publish it."),
        has_rule("hours"),
        [(_("Choose a template"), f"{begin}?subject=hours"), (_("Rules"), page(f"{here}/rules"))],
    )
    yield Step(
        _("Publish a rule for reports"),
        _("What a verified report earns, by category and colour, in points or from a fund."),
        has_rule("report"),
        [
            (_("Choose a template"), f"{begin}?subject=report"),
            (_("Categories of reports"), page(f"{here}/report-categories")),
        ],
    )
    yield Step(
        _("Decide when points expire"),
        _("Without a decision at the end of the year after they were earned."),
        bool(expiry["in_force"]["valid_from"] or expiry["upcoming"]),
        [(_("Decide"), form("post", f"{here}/expiry/policies", f"{here}/expiry"))],
    )
    yield Step(
        _("Add estates and grid cells"),
        _("People, activities and reports belong to one, and its staff see only that."),
        any_of("places", parent=code),
        [
            (_("Found a place"), form("post", "places", "places")),
            (_("Streets, communities and estates"), page(f"places/{code}")),
        ],
    )
    told = caller.read(f"{here}/join-code")
    yield Step(
        _("Hang up the join code"),
        _("A poster with a QR code by which neighbours join at once."),
        told.is_good and bool(told.data["join_code"]),
        [(_("Join code"), page(f"{here}/join-code"))],
    )
    yield Step(
        _("Win partners and their offers"),
        _("Merchants who take points, and what they give for them."),
        any_of(f"{here}/partnerships") and any_of(f"{here}/offers"),
        [
            (_("Partners"), page(f"{here}/partnerships")),
            (_("Offers"), page(f"{here}/offers")),
        ],
    )
    yield Step(
        _("Import what there is"),
        _("People, hours, merchants and offers from a spreadsheet, checked before it is written."),
        any_of(f"{here}/imports"),
        [(_("Imports"), page(f"{here}/imports"))],
    )


def page(address: str) -> str:
    """Return the path of a page of the console."""
    return f"{settings.CONSOLE_PATH}{address}"


def form(method: str, address: str, on: str) -> str:
    """Return the path of the form of an operation that the page ``on`` offers."""
    name = f"{method}-{address.rpartition('/')[2]}"
    return f"{page(address)}?{urlencode({'do': method, 'as': name, 'on': on})}"
