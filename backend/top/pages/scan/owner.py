"""What an owner keeps: the codes at the counter, the people who work there, offers and stock."""

from base64 import b64encode
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _

from backend import codes
from backend.top.pages.base import Act, page, text, whole
from backend.top.pages.scan.shop import ShopPage, every


def change(typed: QueryDict, name: str) -> Any:
    """Read how many pieces come, or go: ``direction`` says which."""
    count = whole(typed, name)
    return -count if isinstance(count, int) and typed.get("direction") == "out" else count


class ShopView(ShopPage):
    """A shop's codes, people and devices, for its owner: ``/scan/shop``."""

    title = _("Shop")
    tab = "shop"
    template_name = "scan/shop.html"
    acts: ClassVar = {
        "renew": Act(
            "post",
            "partnerships/{partnership_id}/shop-code",
            said=_("The code at the counter is new. Print it, and take the old one down."),
        ),
        "invite": Act(
            "post",
            "merchants/{shop_id}/invitations",
            {"role": text},
        ),
        "dismiss": Act(
            "post",
            "merchants/{shop_id}/clerks/{member_id}/dismiss",
            said=_("They can no longer scan here."),
        ),
        "revoke": Act(
            "post",
            "merchants/{shop_id}/invitations/{invitation_id}/revoke",
            said=_("The invitation is no longer good."),
        ),
        "retire": Act(
            "post",
            "devices/{device_id}/retire",
            said=_("What this phone scans from now on is refused."),
        ),
    }

    invited: Any = None  # what the API tells once of an invitation that was made just now

    def post(self, request: HttpRequest, **names: Any) -> HttpResponseBase:
        """Show the code of a new invitation; do anything else as other pages do."""
        if request.POST.get("act") != "invite":
            return super().post(request, **names)
        done = self.acts["invite"].send(self.asks, request, names)
        if not done.is_good:
            return self.drawn(names, refused=done.data or {}, status=done.status)
        self.invited = done.data
        return self.drawn(names)

    def told(self, **names: Any) -> dict[str, Any]:
        here = f"merchants/{self.shop['id']}"
        invitations = self.asks.fetch(f"{here}/invitations")["results"]
        devices = self.asks.fetch(f"{here}/devices")["results"]
        link = link_of(self.request, self.invited["code"]) if self.invited else ""
        return {
            "invited": self.invited,
            "link": link,
            "drawn_link": link and as_image(codes.picture(link, "svg")),
            "partnerships": every(self.asks, f"{here}/partnerships"),
            "clerks": every(self.asks, f"{here}/clerks"),
            "invitations": [one for one in invitations if one["status"] == "pending"],
            "devices": [one for one in devices if one["retired_at"] is None],
        }


def link_of(request: HttpRequest, code: str | None) -> str:
    """Return the page by which an invitation is accepted; "" once its code is no longer good."""
    here = request.build_absolute_uri(f"{settings.SCAN_PATH}invitations")
    return f"{here}?{urlencode({'code': code})}" if code else ""


class ShopCodeView(ShopPage):
    """The code for a counter without a scanner, to print: ``/scan/shop/codes/{id}``."""

    title = _("Code for the counter")
    tab = "shop"
    template_name = "scan/shop_code.html"

    def told(self, **names: Any) -> dict[str, Any]:
        address = f"partnerships/{names['partnership_id']}/shop-code"
        found = self.asks.fetch(address)
        if not found["shop_code"]:
            raise Http404
        return {"found": found, "picture": as_image(codes.picture(found["shop_code"], "svg"))}


def as_image(svg: bytes) -> str:
    """Return a drawing as an address that an image can have without asking for it."""
    return f"data:image/svg+xml;base64,{b64encode(svg).decode()}"


class OffersView(ShopPage):
    """What the shop offers, and how much is left: ``/scan/offers``."""

    title = _("Offers")
    tab = "offers"
    template_name = "scan/offers.html"

    def told(self, **names: Any) -> dict[str, Any]:
        return {"offers": every(self.asks, f"merchants/{self.shop['id']}/offers")}


class OfferView(ShopPage):
    """An offer and its stock: ``/scan/offers/{id}``."""

    title = _("Offer")
    tab = "offers"
    template_name = "scan/offer.html"
    acts: ClassVar = {
        "stock": Act(
            "post",
            "offers/{offer_id}/stock",
            {"change": change, "reason": text},
            said=_("The stock is changed."),
        ),
        "listed": Act(
            "post",
            "offers/{offer_id}/listed",
            {"is_listed": lambda typed, name: typed.get(name) == "1"},
            said=_("Done."),
        ),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        address = f"offers/{names['offer_id']}"
        offer = self.asks.fetch(address)
        if offer["merchant"]["id"] != self.shop["id"]:
            raise Http404
        moves = self.asks.fetch(f"{address}/stock")["results"]
        return {"offer": offer, "moves": moves, "is_kept": self.shop["role"] == "owner"}


urlpatterns = [
    page("shop", ShopView, "scan-shop"),
    page("shop/codes/<uuid:partnership_id>", ShopCodeView, "scan-shop-code"),
    page("offers", OffersView, "scan-offers"),
    page("offers/<uuid:offer_id>", OfferView, "scan-offer"),
]
