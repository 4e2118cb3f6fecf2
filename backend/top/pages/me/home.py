"""The first of a volunteer's pages, and what makes ``/me/`` an app."""

from datetime import datetime
from importlib import import_module
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backend.api.policies import Need
from backend.top.calls import Caller
from backend.top.pages.base import Page
from backend.top.pages.installing import ManifestView, WorkerView

# Modules beside this one. Each has ``urlpatterns``, and may say which of its pages work without
# signal, ``KEPT``, and which static ``FILES`` those need.
AREAS = (
    "activities",
    "attendance",
    "leading",
    "reports",
    "wallet",
    "spending",
    "giving",
    "notices",
    "mine",
)


class MyPage(Page):
    """A page of ``/me/``; ``unread`` is on the tab of notices."""

    needs: ClassVar[frozenset[Need]] = frozenset({Need.OFFLINE})

    def about(self) -> dict[str, Any]:
        return {"unread": self.asks.fetch("me/notices/unread")["unread"]}

    def asked(self, *names: str, **more: Any) -> dict[str, Any]:
        """Return what the address asks a list for: the next page, and the filters ``names``."""
        query = self.request.GET
        return more | {name: query[name] for name in ("cursor", *names) if query.get(name)}


class HomeView(MyPage):
    """What is next and what waits for me: ``/me/``."""

    title = _("Linli")
    tab = "home"
    template_name = "me/home.html"
    needs: ClassVar[frozenset[Need]] = MyPage.needs | {Need.GEOLOCATION}

    def told(self, **names: Any) -> dict[str, Any]:
        ask = self.asks.fetch
        shown = {
            "me": ask("me"),
            "volunteers": ask("me/volunteers", {"has_left": "false"})["results"],
            "join_requests": ask("me/join-requests", {"status": "pending"})["results"],
        }
        if not shown["volunteers"]:
            return shown
        first, *later = [*shifts_of_mine(self.asks), None]
        return shown | {
            "shift": first,
            "later": later[:-1],
            "waiting_places": ask("me/waiting-places", {"status": "waiting"})["results"],
            "surveys": ask("me/surveys", {"answered": "false"})["results"],
            "totals": ask("me/totals"),
            "near": ask("shifts", {"mine": "false", "wants_people": "true", "page_size": 5}),
            "leads": bool(teams_led(self.asks)),
        }


def shifts_of_mine(asks: Caller) -> list[dict[str, Any]]:
    """Return my shifts to come, soonest first; ``is_open`` says that one may check in now."""
    found = asks.fetch("shifts", {"mine": "true"})["results"]
    now = timezone.now()
    return [
        shift | {"is_open": datetime.fromisoformat(shift["check_in_opens_at"]) <= now}
        for shift in found
        if shift["my_attendance"]["status"] in ("signed_up", "checked_in")
    ]


def teams_led(asks: Caller) -> list[dict[str, Any]]:
    """Return the teams that I lead."""
    mine = asks.fetch("me/teams", {"is_dissolved": "false"})["results"]
    return [team for team in mine if team["my_place"]["is_leader"]]


class Manifest(ManifestView):
    name, short_name, start = _("Linli: volunteering"), _("Linli"), settings.ME_PATH


class Worker(WorkerView):
    kept = (settings.ME_PATH,)
    files = ("pages/noted.js", "pages/noting.js")

    def get(self, request: HttpRequest) -> HttpResponse:
        areas = [import_module(f"backend.top.pages.me.{area}") for area in AREAS]
        for area in areas:
            self.kept += getattr(area, "KEPT", ())
            self.files += getattr(area, "FILES", ())
        return super().get(request)
