"""A volunteer's pages: the inbox, and wishes about messages."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.http import Http404, HttpResponseRedirect, QueryDict
from django.http.request import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _

from backend.top.pages.base import Act, page, text
from backend.top.pages.me.home import MyPage

# What a tap on a notice opens, by its kind or else by the type of its target. What is not here
# opens nothing more than its words.
PAGES = {
    "attendance": "/me/attendances/{id}",
    "contribution": "/me/contributions/{id}",
    "hours_to_verify": "/me/leading",
    "join_request": "/me/mine",
    "me": "/me/mine",
    "my_export": "/me/privacy",
    "my_voucher": "/me/vouchers/{id}",
    "my_wish": "/me/wishes/{id}",
    "objection": "/me/attendances",
    "payout_waiting": "/me/rewards",
    "public_report": "/c/{community}/reports/{id}",
    "report": "/me/reports/{id}",
    "reward": "/me/rewards",
    "shift": "/me/shifts/{id}",
    "survey": "/me/surveys/{id}",
    "team": "/me/teams/{id}",
    "totals": "/me/mine",
    "transfer": "/me/wallet/transfers/{id}",
    "wallet": "/me/wallet/{community}",
    "wish": "/me/wishes/{id}",
    # of a shop's owner
    "partnership": "/scan/shop",
    "redemptions": "/scan/today",
    "statement": "/scan/statements/{id}",
    # of staff, in the console
    "document": "{console}communities/{community}/documents/{id}",
    "inspection": "{console}inspections/{id}",
    "payout": "{console}payouts/{id}",
    "verification": "{console}communities/{community}/verifications/{id}",
}


def page_of(notice: Mapping[str, Any]) -> str:
    """Return the address of the page that a notice opens; "" if it opens none."""
    target = notice["target"] or {}
    address = PAGES.get(notice["kind"]) or PAGES.get(target.get("type", ""), "")
    code = notice["community"]["code"]
    return address.format(id=target.get("id"), community=code, console=settings.CONSOLE_PATH)


class InboxView(MyPage):
    """My notices, newest first: ``/me/notices``; ``?unread=true`` those that I have not read."""

    title = _("Notices")
    tab = "notices"
    template_name = "me/notices.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "read_all": Act("POST", "me/notices/read-all", said=_("All are marked as read."))
    }

    def told(self, **names: Any) -> dict[str, Any]:
        return {"notices": self.asks.fetch("me/notices", self.request.GET.urlencode())}


class NoticeView(MyPage):
    """A notice, which is read by being opened: ``/me/notices/{notice_id}``.

    Leads to what it is about, or shows it where that has no page.
    """

    title = _("Notice")
    tab = "notices"
    template_name = "me/notice.html"

    def get(self, request: HttpRequest, **names: Any) -> HttpResponseBase:
        read = self.asks.act("POST", f"me/notices/{names['notice_id']}/read")
        if not read.is_good:
            raise Http404
        if address := page_of(read.data):
            return HttpResponseRedirect(address)
        return self.drawn(names)

    def told(self, **names: Any) -> dict[str, Any]:
        return {"notice": self.asks.fetch(f"me/notices/{names['notice_id']}")}


def switched_off(typed: QueryDict, name: str) -> Any:
    """Read which ways of which kinds of notices are not ticked, of those that were ``offered``."""
    off: dict[str, list[str]] = defaultdict(list)
    for one in typed.getlist("offered"):
        kind, _colon, channel = one.partition(":")
        off[kind] += [] if one in typed.getlist(name) else [channel]
    return [{"kind": kind, "off": channels} for kind, channels in off.items()]


class SettingsView(MyPage):
    """How messages reach me beside the inbox: ``/me/notices/settings``."""

    title = _("Messages")
    tab = "notices"
    template_name = "me/notice_settings.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "change": Act(
            "PATCH",
            "me/notice-settings",
            {"language": text, "quiet_from": text, "quiet_until": text, "kinds": switched_off},
            said=_("It is noted."),
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        wishes = self.asks.fetch("me/notice-settings")
        works = any(one["role"] != "volunteer" for one in self.asks.fetch("me")["memberships"])
        # E-mail goes to staff alone.
        ways = ("wechat", "sms", "email") if works else ("wechat", "sms")
        chosen = [kind for kind in wishes["kinds"] if not kind["is_required"]]
        by_way = [(way, [kind for kind in chosen if way in kind["channels"]]) for way in ways]
        return {"wishes": wishes, "by_way": by_way, "languages": settings.LANGUAGES}


urlpatterns = [
    page("notices", InboxView, "me-notices"),
    page("notices/settings", SettingsView, "me-notice-settings"),
    page("notices/<uuid:notice_id>", NoticeView, "me-notice"),
]
