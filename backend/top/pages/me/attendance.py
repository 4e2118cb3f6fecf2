"""A volunteer's pages: checking in, and hours."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backend.api.policies import Need
from backend.top.pages.base import Act, page, text
from backend.top.pages.me.home import MyPage, shifts_of_mine

KEPT = ("/me/check-in",)
FILES = ("pages/check_in.js", "pages/place.js", "pages/reader.js")
SOON = timedelta(hours=36)  # the page is kept: tomorrow it may be opened without signal


class CheckInView(MyPage):
    """Checking in and out, by a code or without: ``/me/check-in``. Works without signal."""

    title = _("Check in")
    tab = "home"
    template_name = "me/check_in.html"
    needs: ClassVar[frozenset[Need]] = MyPage.needs | {Need.CAMERA, Need.GEOLOCATION}

    def told(self, **names: Any) -> dict[str, Any]:
        until = timezone.now() + SOON
        shifts = [
            shift | {"mode": self.mode(shift["activity"]["id"])}
            for shift in shifts_of_mine(self.asks)
            if datetime.fromisoformat(shift["starts_at"]) < until
        ]
        return {
            "me": self.asks.fetch("me"),
            "shifts": shifts,
            "is_in": any(shift["my_attendance"]["status"] == "checked_in" for shift in shifts),
        }

    def mode(self, activity_id: str) -> str:
        return str(self.asks.fetch(f"activities/{activity_id}")["check_in_mode"])


class CodesView(MyPage):
    """My own code in a community, for whoever leads a shift to scan: ``/me/code``."""

    title = _("My code")
    tab = "home"
    template_name = "me/code.html"

    def told(self, **names: Any) -> dict[str, Any]:
        volunteers = self.asks.fetch("me/volunteers", {"has_left": "false"})["results"]
        mine = [one["community"] for one in volunteers]
        asked = self.request.GET.get("community")
        of_asked = [one for one in mine if one["code"] == asked]
        return {"communities": mine, "community": next(iter(of_asked or mine), None)}


class CodeView(MyPage):
    """The code of now as a picture: ``/me/code/{code}.svg``."""

    def get(self, request: HttpRequest, **names: Any) -> HttpResponseBase:
        answer = self.asks.send("get", f"me/presence-codes/{names['code']}/code.svg")
        if answer.status_code != 200:
            raise Http404
        return answer


# --- hours ------------------------------------------------------------------------------------
class AttendancesView(MyPage):
    """My hours: ``/me/attendances``."""

    title = _("My hours")
    tab = "mine"
    template_name = "me/attendances.html"

    def told(self, **names: Any) -> dict[str, Any]:
        return {
            "totals": self.asks.fetch("me/totals"),
            "attendances": self.asks.fetch("me/attendances", self.asked()),
        }


class AttendanceView(MyPage):
    """An attendance of mine, to appeal its rejection: ``/me/attendances/{attendance_id}``."""

    title = _("My hours")
    tab = "mine"
    template_name = "me/attendance.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "appeal": Act(
            "POST",
            "attendances/{attendance_id}/appeal",
            {"words": text},
            said=_("Your appeal is with the staff; you are told what becomes of it."),
        ),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        attendance = self.asks.fetch(f"attendances/{names['attendance_id']}")
        if attendance["volunteer"]["id"] != str(self.request.user.pk):
            raise Http404
        return {"attendance": attendance}


class PublishedHoursView(MyPage):
    """Hours that are public before they are final: ``/me/published-hours/{code}``."""

    title = _("Hours on view")
    tab = "mine"
    template_name = "me/published_hours.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "object": Act(
            "POST",
            "attendances/{attendance_id}/object",
            {"words": text},
            said=_("Your objection is with the staff; the volunteer is not told your name."),
        ),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        address = f"communities/{names['code']}/published-hours"
        return {"hours": self.asks.fetch(address, self.asked())}


urlpatterns = [
    page("check-in", CheckInView, "me-check-in"),
    page("code", CodesView, "me-code"),
    page("code/<str:code>.svg", CodeView, "me-code-picture"),
    page("attendances", AttendancesView, "me-attendances"),
    page("attendances/<uuid:attendance_id>", AttendanceView, "me-attendance"),
    page("published-hours/<str:code>", PublishedHoursView, "me-published-hours"),
]
