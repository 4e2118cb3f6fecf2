"""A volunteer's pages: who I am, my family, my data, and what I earned in money."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _

from backend.top.pages.base import Act, page, text, whole
from backend.top.pages.me.home import MyPage
from backend.top.pages.me.reports import REWARDS

PURPOSES = {"phone": _("Phone number"), "location": _("Place of reports")}


class MineView(MyPage):
    """My name and places, and the way to everything else of mine: ``/me/mine``."""

    title = _("Mine")
    tab = "mine"
    template_name = "me/mine.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "leave": Act("POST", "communities/{code}/leave", said=_("You have left.")),
        "withdraw": Act(
            "POST", "join-requests/{join_request_id}/withdraw", said=_("It was withdrawn.")
        ),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        me = self.asks.fetch("me")
        roles = [one for one in me["memberships"] if one["role"] != "volunteer"]
        return {
            "me": me,
            "roles": roles,
            "volunteers": self.asks.fetch("me/volunteers", {"has_left": "false"})["results"],
            "asked": self.asks.fetch("me/join-requests", {"status": "pending"})["results"],
            "totals": self.asks.fetch("me/totals"),
            "suspensions": [one for one in self.asks.fetch("me/suspensions") if one["is_in_force"]],
        }


class NameView(MyPage):
    """My name and, told once, my birthday: ``/me/name``."""

    title = _("Name and birthday")
    tab = "mine"
    template_name = "me/name.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "change": Act(
            "PATCH", "me", {"name": text, "born_on": text}, said=_("It is noted."), then="/me/mine"
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        found = self.asks.read("me")
        return {"me": found.data, "match": found.etag}


class FamilyView(MyPage):
    """Children for whom I agreed, and who agreed for me: ``/me/family``."""

    title = _("Family")
    tab = "mine"
    template_name = "me/family.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "agree": Act(
            "POST",
            "me/children",
            {"code": text, "relation": text, "version": whole},
            said=_("You agreed. The child can take part now."),
        ),
        "withdraw": Act("DELETE", "me/children/{child}", said=_("You no longer agree.")),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        return {
            "me": self.asks.fetch("me"),
            "children": self.asks.fetch("me/children"),
            "guardians": self.asks.fetch("me/guardians"),
            "agreed_to": next(
                one for one in self.asks.fetch("consents") if one["purpose"] == "guardianship"
            ),
        }


class GuardianCodeView(MyPage):
    """A code that I, under 14, show my guardian: ``/me/family/code``. The form makes it."""

    title = _("Show this to your parent")
    tab = "mine"
    template_name = "me/guardian_code.html"

    made: Any = None

    def post(self, request: HttpRequest, **names: Any) -> HttpResponseBase:
        """Make a code and show it. The answer alone has it, so nobody is led elsewhere."""
        told = self.asks.act("POST", "me/guardian-code", key=request.POST.get("key", ""))
        if not told.is_good:
            return self.drawn(names, refused=told.data or {}, status=told.status)
        self.made = told.data
        return self.drawn(names)

    def told(self, **names: Any) -> dict[str, Any]:
        return {"made": self.made}


class PrivacyView(MyPage):
    """What I agreed to, a copy of all that is held about me, and leaving: ``/me/privacy``."""

    title = _("Privacy")
    tab = "mine"
    template_name = "me/privacy.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "agree": Act("PUT", "me/consents/{purpose}", {"version": whole}, said=_("You agreed.")),
        "disagree": Act("DELETE", "me/consents/{purpose}", said=_("You no longer agree.")),
        "export": Act(
            "POST", "me/export", said=_("A copy is being made. You are told when it is ready.")
        ),
        "forget_phone": Act("DELETE", "me/phone", said=_("Your number is off the record.")),
        "log_out": Act("POST", "me/log-out-everywhere", then="/me/log-in"),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        given = {one["purpose"]: one for one in reversed(self.asks.fetch("me/consents"))}
        consents = [
            one | {"name": PURPOSES[one["purpose"]], "given": given.get(one["purpose"])}
            for one in self.asks.fetch("consents")
            if one["purpose"] in PURPOSES
        ]
        return {
            "me": self.asks.fetch("me"),
            "consents": consents,
            "export": self.asks.read("me/export").data,
        }


class LeavingView(MyPage):
    """Leaving for good, and staying after all: ``/me/leaving``."""

    title = _("Leave for good")
    tab = "mine"
    template_name = "me/leaving.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "leave": Act("DELETE", "me", said=_("It is noted. You can still change your mind.")),
        "keep": Act("POST", "me/keep", said=_("Good to have you: you stay.")),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        rewards = self.asks.fetch("me/rewards")["results"]
        owed = [one for one in rewards if one["state"] not in ("paid", "taken_back")]
        return {"me": self.asks.fetch("me"), "owed": owed}


class RewardsView(MyPage):
    """What my reports earned in money, newest first: ``/me/rewards``."""

    title = _("My rewards")
    tab = "mine"
    template_name = "me/rewards.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "ask_again": Act(
            "POST",
            "me/rewards/{reward_id}/ask-again",
            said=_("It is sent anew as soon as there is money."),
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        rewards = self.asks.fetch("me/rewards", self.request.GET.urlencode())
        for reward in rewards["results"]:
            reward["says"] = REWARDS.get(reward["state"], "")
        return {"rewards": rewards}


urlpatterns = [
    page("mine", MineView, "me-mine"),
    page("name", NameView, "me-name"),
    page("family", FamilyView, "me-family"),
    page("family/code", GuardianCodeView, "me-guardian-code"),
    page("privacy", PrivacyView, "me-privacy"),
    page("leaving", LeavingView, "me-leaving"),
    page("rewards", RewardsView, "me-rewards"),
]
