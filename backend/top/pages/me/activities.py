"""A volunteer's pages: what one can take part in, teams, and joining a community."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backend.api.policies import Need
from backend.top.pages.base import Act, page, text, yes
from backend.top.pages.me.home import MyPage

ASKED = ("day", "category", "text", "near", "team", "wants_people")


class ShiftsView(MyPage):
    """Shifts that one can sign up for, soonest first: ``/me/activities``."""

    title = _("Activities")
    tab = "home"
    template_name = "me/activities.html"
    needs: ClassVar[frozenset[Need]] = MyPage.needs | {Need.GEOLOCATION}

    def told(self, **names: Any) -> dict[str, Any]:
        asked = self.asked(*ASKED)
        found = self.asks.read("shifts", asked)
        if not found.is_good:
            return {"asked": asked, "refused": found.data, "shifts": {"results": []}}
        return {"asked": asked, "shifts": found.data}


class ActivityView(MyPage):
    """An activity and its coming shifts: ``/me/activities/{activity_id}``."""

    title = _("Activity")
    tab = "home"
    template_name = "me/activity.html"

    def told(self, **names: Any) -> dict[str, Any]:
        activity = self.asks.fetch(f"activities/{names['activity_id']}")
        shifts = self.asks.fetch("shifts", {"activity": activity["id"], "page_size": 100})
        return {"activity": activity, "shifts": shifts}


class ShiftView(MyPage):
    """A shift, to take a place in it and give it back: ``/me/shifts/{shift_id}``."""

    title = _("Shift")
    tab = "home"
    template_name = "me/shift.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "sign_up": Act(
            "POST", "shifts/{shift_id}/attendances", {"waits": yes}, said=_("You are in.")
        ),
        "wait": Act(
            "POST",
            "shifts/{shift_id}/attendances",
            {"waits": yes},
            said=_("You are on the waiting list; you are told when a place becomes free."),
        ),
        "cancel": Act(
            "POST",
            "attendances/{attendance_id}/cancel",
            said=_("You have given back your place."),
        ),
        "leave": Act(
            "POST",
            "waiting-places/{waiting_place_id}/leave",
            said=_("You are off the waiting list."),
        ),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        shift = self.asks.fetch(f"shifts/{names['shift_id']}")
        now = timezone.now()
        mine = shift["my_attendance"]
        is_over = datetime.fromisoformat(shift["ends_at"]) <= now
        taken, capacity = shift["places_taken"], shift["capacity"]
        return {
            "shift": shift,
            "activity": self.asks.fetch(f"activities/{shift['activity']['id']}"),
            "mine": mine if mine and mine["status"] != "cancelled" else None,
            "is_open": not is_over and datetime.fromisoformat(shift["check_in_opens_at"]) <= now,
            "is_over": is_over or shift["status"] == "cancelled",
            "is_full": capacity is not None and taken >= capacity,
            "places_left": None if capacity is None else max(0, capacity - taken),
        }


# --- teams ------------------------------------------------------------------------------------
class TeamsView(MyPage):
    """Teams of mine, and those that one can join: ``/me/teams``."""

    title = _("Teams")
    tab = "mine"
    template_name = "me/teams.html"

    def told(self, **names: Any) -> dict[str, Any]:
        return {
            "mine": self.asks.fetch("me/teams", {"is_dissolved": "false"})["results"],
            "teams": self.asks.fetch("teams", self.asked(is_dissolved="false")),
        }


class TeamView(MyPage):
    """A team, to join it or leave it: ``/me/teams/{team_id}``."""

    title = _("Team")
    tab = "mine"
    template_name = "me/team.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "join": Act("POST", "teams/{team_id}/members"),
        "leave": Act(
            "POST", "teams/{team_id}/members/{place_id}/leave", said=_("You have left the team.")
        ),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        return {"team": self.asks.fetch(f"teams/{names['team_id']}")}


# --- joining a community ----------------------------------------------------------------------
class CommunitiesView(MyPage):
    """Communities that one can join: ``/me/join``; ``code`` is that of a poster."""

    title = _("Join a community")
    tab = "home"
    template_name = "me/communities.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "withdraw": Act(
            "POST",
            "join-requests/{join_request_id}/withdraw",
            said=_("You have withdrawn your request."),
        ),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        return {
            "communities": self.asks.fetch("communities", self.asked(page_size=100)),
            "join_requests": self.asks.fetch("me/join-requests", {"status": "pending"})["results"],
            "code": self.request.GET.get("code", ""),
        }


class JoinView(MyPage):
    """Joining a community, at once with the code of its poster: ``/me/join/{code}``."""

    title = _("Join a community")
    tab = "home"
    template_name = "me/join.html"
    needs: ClassVar[frozenset[Need]] = MyPage.needs | {Need.CAMERA}
    acts: ClassVar[Mapping[str, Act]] = {
        "join": Act(
            "POST",
            "communities/{code}/join",
            {"kind": text, "estate_id": text, "join_code": text},
            then="/me/",
        ),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        return {
            "community": self.asks.fetch(f"communities/{names['code']}"),
            "estates": self.asks.fetch(f"communities/{names['code']}/contact")["below"],
            "join_code": self.request.GET.get("code", ""),
        }


urlpatterns = [
    page("activities", ShiftsView, "me-activities"),
    page("activities/<uuid:activity_id>", ActivityView, "me-activity"),
    page("shifts/<uuid:shift_id>", ShiftView, "me-shift"),
    page("teams", TeamsView, "me-teams"),
    page("teams/<uuid:team_id>", TeamView, "me-team"),
    page("join", CommunitiesView, "me-communities"),
    page("join/<str:code>", JoinView, "me-join"),
]
