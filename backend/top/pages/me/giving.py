"""Wishes 微心愿 of neighbours and my own, and points given back 公益反哺."""

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from backend.top.pages.base import Act, page, text, whole
from backend.top.pages.me.home import MyPage
from backend.top.pages.me.wallet import COMMUNITIES_AT_MOST

OPEN = ("proposed", "published", "adopted")  # a wish that keeps its place from the next


# --- wishes -----------------------------------------------------------------------------------
class WishesView(MyPage):
    """Wishes, mine and my neighbours': ``/me/wishes``; I may have one open wish in a community."""

    title = _("Wishes")
    tab = "wallet"
    template_name = "me/wishes.html"
    acts = {
        "propose": Act(
            "POST",
            "me/wishes",
            reads={"community": text, "text": text},
            said=_("Told to the community's staff, who decide on it."),
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        mine = self.asks.fetch("me/wishes")["results"]
        busy = {one["community"]["code"] for one in mine if one["status"] in OPEN}
        wallets = self.asks.fetch("me/wallets", {"page_size": COMMUNITIES_AT_MOST})["results"]
        wishes = self.asks.fetch("wishes", self.request.GET.urlencode())
        ours = {one["id"] for one in mine}
        return {
            "mine": mine,
            "communities": [
                one["community"] for one in wallets if one["community"]["code"] not in busy
            ],
            "wishes": wishes,
            "neighbours": [one for one in wishes["results"] if one["id"] not in ours],
        }


class WishView(MyPage):
    """A wish, mine or a neighbour's: ``/me/wishes/{wish_id}``."""

    title = _("Wish")
    tab = "wallet"
    template_name = "me/wish.html"
    acts = {
        "withdraw": Act("POST", "me/wishes/{wish_id}/withdraw", said=_("The wish is withdrawn.")),
        "thank": Act(
            "POST",
            "me/wishes/{wish_id}/thanks",
            reads={"text": text},
            said=_("Your thanks are sent."),
        ),
        "adopt": Act(
            "POST",
            "wishes/{wish_id}/adopt",
            said=_("It is yours to fulfil. The community's staff bring you together."),
        ),
        "release": Act(
            "POST",
            "wishes/{wish_id}/release",
            said=_("Released. Somebody else can fulfil it now."),
            then="/me/wishes",
        ),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        wish_id = names["wish_id"]
        mine = self.asks.read(f"me/wishes/{wish_id}")
        if mine.is_good:
            return {"wish": mine.data, "is_mine": True}
        return {"wish": self.asks.fetch(f"wishes/{wish_id}"), "is_mine": False}


# --- giving back ------------------------------------------------------------------------------
class CampaignsView(MyPage):
    """Campaigns that collect points: ``/me/giving``."""

    title = _("Give points back")
    tab = "wallet"
    template_name = "me/campaigns.html"

    def told(self, **names: Any) -> dict[str, Any]:
        query = {"is_open": "true", "cursor": self.request.GET.get("cursor", "")}
        asked = {name: value for name, value in query.items() if value}
        return {"campaigns": self.asks.fetch("campaigns", asked)}


class CampaignView(MyPage):
    """A campaign, what it was spent on, and a gift to it: ``/me/giving/{campaign_id}``."""

    title = _("Campaign")
    tab = "wallet"
    template_name = "me/campaign.html"
    acts = {
        "donate": Act(
            "POST",
            "campaigns/{campaign_id}/donations",
            reads={"points": whole},
            said=_("Given. Thank you!"),
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        campaign_id = names["campaign_id"]
        campaign = self.asks.fetch(f"campaigns/{campaign_id}")
        wallet = self.asks.read(f"me/wallets/{campaign['community']['code']}")
        return {
            "campaign": campaign,
            "wallet": wallet.data if wallet.is_good else None,
            "spent": self.asks.fetch(
                f"campaigns/{campaign_id}/disbursements", self.request.GET.urlencode()
            ),
        }


class DonationsView(MyPage):
    """List of my donations: ``/me/giving/donations``."""

    title = _("What I gave")
    tab = "wallet"
    template_name = "me/donations.html"

    def told(self, **names: Any) -> dict[str, Any]:
        return {"donations": self.asks.fetch("me/donations", self.request.GET.urlencode())}


# --- what shops need and lend -------------------------------------------------------------------
class NeedsView(MyPage):
    """List of what partners need of volunteers, with its activities: ``/me/needs``."""

    title = _("What shops need")
    tab = "wallet"
    template_name = "me/listings.html"
    listed: ClassVar[str] = "needs"

    def told(self, **names: Any) -> dict[str, Any]:
        rows = self.asks.fetch(self.listed, self.request.GET.urlencode())
        return {"listings": rows, "listed": self.listed}


class ResourcesView(NeedsView):
    """List of what partners lend: ``/me/resources``."""

    title = _("What shops lend")
    listed = "resources"


urlpatterns = [
    page("needs", NeedsView, "me-needs"),
    page("resources", ResourcesView, "me-resources"),
    page("wishes", WishesView, "me-wishes"),
    page("wishes/<uuid:wish_id>", WishView, "me-wish"),
    page("giving", CampaignsView, "me-giving"),
    page("giving/donations", DonationsView, "me-donations"),
    page("giving/<uuid:campaign_id>", CampaignView, "me-campaign"),
]
