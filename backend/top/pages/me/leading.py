"""Pages of whoever leads a team: its shifts, who was there, and their hours."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backend.api.policies import Need
from backend.top.pages.base import Act, page, several, text
from backend.top.pages.me.home import MyPage, teams_led

KEPT = ("/me/leading/shifts/*",)
FILES = ("pages/leading.js",)
PAST = timedelta(days=3)  # so long a phone may tell who was there
NEAR = timedelta(hours=12)
AT_ONCE = 100


class LeadingView(MyPage):
    """The teams that I lead and their shifts: ``/me/leading``."""

    title = _("Teams that I lead")
    tab = "mine"
    template_name = "me/leading.html"

    def told(self, **names: Any) -> dict[str, Any]:
        since = str(timezone.localdate() - PAST)
        return {"teams": [team | self.shifts(team, since) for team in teams_led(self.asks)]}

    def shifts(self, team: dict[str, Any], since: str) -> dict[str, Any]:
        """Return the shifts of a team; rosters of those that are near are kept for later."""
        asked = {"team": team["id"], "since": since, "page_size": AT_ONCE}
        until = timezone.now() + NEAR
        return {
            "shifts": [
                shift | {"is_near": datetime.fromisoformat(shift["starts_at"]) < until}
                for shift in self.asks.fetch("shifts", asked)["results"]
            ]
        }


class RosterView(MyPage):
    """Roster of a shift that I lead, to scan and mark people: ``/me/leading/shifts/{shift_id}``.

    Works without signal.
    """

    title = _("Roster")
    tab = "mine"
    template_name = "me/roster.html"
    needs: ClassVar[frozenset[Need]] = MyPage.needs | {Need.CAMERA}
    acts: ClassVar[Mapping[str, Act]] = {
        "open_gate": Act("POST", "shifts/{shift_id}/gate"),
        "close_gate": Act("DELETE", "shifts/{shift_id}/gate", said=_("The link has ended.")),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        address = f"shifts/{names['shift_id']}"
        if not self.asks.may("post", f"{address}/attendance/sync"):
            raise Http404
        shift = self.asks.fetch(address)
        gate = self.asks.read(f"{address}/gate")
        return {
            "me": self.asks.fetch("me"),
            "shift": shift,
            "activity": self.asks.fetch(f"activities/{shift['activity']['id']}"),
            "roster": self.roster(address),
            "gate": gate.data if gate.is_good else None,
            "origin": self.request.build_absolute_uri("/")[:-1],
            "verifies": self.asks.may(
                "post", f"communities/{shift['community']['code']}/hours-to-verify"
            ),
        }

    def roster(self, address: str) -> list[dict[str, Any]]:
        """Return all who have a place: without signal there is no next page."""
        found, query = [], f"page_size={AT_ONCE}"
        while query:
            told = self.asks.fetch(f"{address}/attendances", query)
            found += [one for one in told["results"] if one["status"] != "cancelled"]
            query = (told["next"] or "").partition("?")[2]
        return found


class HoursView(MyPage):
    """Hours of a shift that await verification: ``/me/leading/shifts/{shift_id}/hours``."""

    title = _("Verify hours")
    tab = "mine"
    template_name = "me/hours_to_verify.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "decide": Act(
            "POST",
            "communities/{community}/hours-to-verify",
            {"attendance_ids": several, "outcome": text, "reason": text},
        ),
    }

    results: Sequence[dict[str, Any]] = ()

    def told(self, **names: Any) -> dict[str, Any]:
        shift = self.asks.fetch(f"shifts/{names['shift_id']}")
        asked = {"shift": shift["id"], "page_size": AT_ONCE}
        address = f"communities/{shift['community']['code']}/hours-to-verify"
        why = {one["attendance_id"]: one["problem"] for one in self.results}
        waiting = self.asks.fetch(address, asked)["results"]
        return {
            "shift": shift,
            "hours": [one | {"problem": why.get(one["id"])} for one in waiting],
            "decided": sum(problem is None for problem in why.values()),
            "points": sum(one["points"] or 0 for one in self.results),
        }

    def post(self, request: HttpRequest, **names: Any) -> HttpResponseBase:
        """Decide, and show beside each what could not be decided and why."""
        done = self.acts["decide"].send(self.asks, request, names)
        if not done.is_good:
            return self.drawn(names, refused=done.data or {}, status=done.status)
        self.results = done.data["results"]
        return self.drawn(names)


urlpatterns = [
    page("leading", LeadingView, "me-leading"),
    page("leading/shifts/<uuid:shift_id>", RosterView, "me-roster"),
    page("leading/shifts/<uuid:shift_id>/hours", HoursView, "me-hours-to-verify"),
]
