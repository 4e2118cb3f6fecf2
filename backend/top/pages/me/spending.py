"""A volunteer spends points: offers, vouchers, pay codes, and shops without a scanner."""

from itertools import takewhile
from typing import Any
from uuid import uuid4

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from backend.api.policies import Need
from backend.top.calls import Told
from backend.top.pages.base import LEFT_OUT, Act, page, text, whole
from backend.top.pages.me.home import MyPage
from backend.top.pages.me.wallet import COMMUNITIES_AT_MOST

AHEAD_SECONDS = 15  # a pay code is renewed so long before it ends, for a network that is slow

KEPT = ("/me/wallet", "/me/vouchers", "/me/vouchers/*")
FILES = ("pages/showing.js",)  # the rest needs signal


# --- offers -----------------------------------------------------------------------------------
class OffersView(MyPage):
    """Offers for my points: ``/me/offers``, by ``community``, ``merchant`` and ``text``.

    ``affordable`` leaves out what costs more than I have in the community that is chosen.
    """

    title = _("Offers")
    tab = "wallet"
    template_name = "me/offers.html"

    def told(self, **names: Any) -> dict[str, Any]:
        asked = self.request.GET
        wallets = self.asks.fetch("me/wallets", {"page_size": COMMUNITIES_AT_MOST})["results"]
        codes = [one["community"]["code"] for one in wallets]
        chosen = asked.get("community") or (codes[0] if len(codes) == 1 else "")
        wallet = next((one for one in wallets if one["community"]["code"] == chosen), None)
        query = {name: asked[name] for name in ("text", "merchant", "cursor") if asked.get(name)}
        if wallet:
            query["community"] = chosen
            if asked.get("affordable"):
                query["max_price_points"] = wallet["available"]
        return {
            "wallets": wallets,
            "wallet": wallet,
            "offers": self.asks.fetch("offers", query),
            "asked": asked,
            "kept": _without(asked, "cursor"),
        }


class ShopsView(MyPage):
    """Shops where I may spend points: ``/me/shops``, by ``community`` and ``text``."""

    title = _("Shops")
    tab = "wallet"
    template_name = "me/shops.html"

    def told(self, **names: Any) -> dict[str, Any]:
        asked = self.request.GET
        query = {name: asked[name] for name in ("community", "text", "cursor") if asked.get(name)}
        shops = self.asks.fetch("shops", query)
        return {"shops": shops, "asked": asked, "kept": _without(asked, "cursor")}


class OfferView(MyPage):
    """An offer with its conditions and its shop, to be taken: ``/me/offers/{offer_id}``."""

    title = _("Offer")
    tab = "wallet"
    template_name = "me/offer.html"
    acts = {
        "take": Act(
            "POST",
            "offers/{offer_id}/vouchers",
            reads={"quantity": whole},
            said=_("Taken. Show this code at the counter."),
            then="/me/vouchers/{id}",
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        offer_id = names["offer_id"]
        offer = self.asks.fetch(f"offers/{offer_id}")
        community = offer["community"]["code"]
        shops = self.asks.fetch(
            "shops", {"community": community, "text": offer["merchant"]["name"]}
        )
        here = (one for one in shops["results"] if one["id"] == offer["merchant"]["id"])
        return {
            "offer": offer,
            "shop": next(here, None),
            "wallet": self.asks.fetch(f"me/wallets/{community}"),
        }


# --- vouchers ---------------------------------------------------------------------------------
class VouchersView(MyPage):
    """List of my vouchers, newest first: ``/me/vouchers``."""

    title = _("My vouchers")
    tab = "wallet"
    template_name = "me/vouchers.html"

    def told(self, **names: Any) -> dict[str, Any]:
        return {"vouchers": self.asks.fetch("me/vouchers", self.request.GET.urlencode())}


class VoucherView(MyPage):
    """A voucher's code for the counter, and what became of it: ``/me/vouchers/{voucher_id}``.

    The page asks for itself anew, so it turns green when the counter has scanned it. The phone
    keeps it, to be shown without signal; the signed code, if the counter may have none either.
    """

    title = _("Voucher")
    tab = "wallet"
    template_name = "me/voucher.html"
    acts = {
        "cancel": Act(
            "POST", "me/vouchers/{voucher_id}/cancel", said=_("Cancelled. The points come back.")
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        voucher_id = names["voucher_id"]
        voucher = self.asks.fetch(f"me/vouchers/{voucher_id}")
        signed = self.signed(voucher) if voucher["offline_until"] and is_open(voucher) else None
        return {"voucher": voucher, "is_open": is_open(voucher), "signed": signed}

    def signed(self, voucher: dict[str, Any]) -> dict[str, Any] | None:
        """Return the signed code and until when it is good; it is signed once an hour at most."""
        key = f"{voucher['id']}-{timezone.now():%Y%m%d%H}"
        made = self.asks.act("POST", f"me/vouchers/{voucher['id']}/offline-code", key=key)
        return made.data if made.is_good and made.data["offline_code"] else None


def is_open(voucher: dict[str, Any]) -> bool:
    """Tell whether the voucher's code is good at a counter."""
    ends_at = parse_datetime(voucher["expires_at"])
    is_held = voucher["status"] == "held" and voucher["cancel_asked_at"] is None
    return is_held and ends_at is not None and ends_at > timezone.now()


class ConfirmView(MyPage):
    """A counter without a scanner: I read its code: ``/me/vouchers/{voucher_id}/confirm``."""

    title = _("Scan the counter's code")
    tab = "wallet"
    template_name = "me/confirm.html"
    needs = MyPage.needs | {Need.CAMERA}
    acts = {
        "confirm": Act(
            "POST",
            "me/vouchers/{voucher_id}/confirm",
            reads={"shop_code": text},
            then="/me/vouchers/{voucher_id}",
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        voucher_id = names["voucher_id"]
        return {"voucher": self.asks.fetch(f"me/vouchers/{voucher_id}")}


# --- without a voucher ------------------------------------------------------------------------
class PayView(MyPage):
    """A pay code that renews itself: ``/me/pay?community=``.

    The code is in the page itself, so that one answer shows it. ``key`` names the code that is
    shown: asked again, the page shows that code until shortly before it ends, then the next, and
    says so once the code has paid.
    """

    title = _("Pay code")
    tab = "wallet"
    template_name = "me/pay.html"

    def told(self, **names: Any) -> dict[str, Any]:
        wallets = self.asks.fetch("me/wallets", {"page_size": COMMUNITIES_AT_MOST})["results"]
        chosen = self.request.GET.get("community", "")
        found = [one for one in wallets if one["community"]["code"] == chosen] or sorted(
            wallets, key=lambda one: -one["available"]
        )
        if not found:
            return {}
        community = found[0]["community"]["code"]
        key = self.request.GET.get("key", "")
        made = self.made(community, key) if key else None
        if made and made.data["code"] is None:
            return {"wallets": wallets, "wallet": found[0], "paid": self.paid(community)}
        left = seconds_until(made.data["expires_at"]) if made else 0
        if made is None or left <= AHEAD_SECONDS:
            key = str(uuid4())
            made = self.made(community, key)
            left = seconds_until(made.data["expires_at"]) if made else 0
        return {
            "wallets": wallets,
            "wallet": found[0],
            "made": made and made.data,
            "key": key,
            "seconds": left,
        }

    def made(self, community: str, key: str) -> Told | None:
        """Return the code of a key, made now if it is new; None where I may have none."""
        made = self.asks.act("POST", "me/pay-codes", {"community": community}, key=key)
        return made if made.is_good else None

    def paid(self, community: str) -> list[dict[str, Any]]:
        """Return what was paid for last: one or several items of one moment."""
        query = {"community": community, "status": "redeemed"}
        rows = self.asks.fetch("me/vouchers", query)["results"]
        return list(takewhile(lambda one: one["closed_at"] == rows[0]["closed_at"], rows))


def seconds_until(moment: str) -> int:
    ends_at = parse_datetime(moment)
    return int((ends_at - timezone.now()).total_seconds()) if ends_at else 0


def items(typed: QueryDict, name: str) -> Any:
    """Read the offer that is paid for, and how many of it."""
    offer = text(typed, "offer_id")
    quantity = whole(typed, "quantity")
    if offer is LEFT_OUT:
        return LEFT_OUT
    return [{"offer_id": offer} | ({} if quantity is LEFT_OUT else {"quantity": quantity})]


class ShopPaymentView(MyPage):
    """Pay at a counter without a scanner: ``/me/pay/shop``, for an ``offer`` or plain points."""

    title = _("Pay at a counter")
    tab = "wallet"
    template_name = "me/pay_shop.html"
    needs = MyPage.needs | {Need.CAMERA}
    acts = {
        "pay": Act(
            "POST",
            "me/payments",
            reads={"shop_code": text, "items": items, "points": whole},
            then="/me/vouchers/{items[0][id]}",
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        offer = self.request.GET.get("offer")
        return {"offer": self.asks.fetch(f"offers/{offer}") if offer else None}


def _without(asked: QueryDict, *names: str) -> str:
    kept = asked.copy()
    for name in names:
        kept.pop(name, None)
    return kept.urlencode()


VOUCHER = "vouchers/<uuid:voucher_id>"

urlpatterns = [
    page("offers", OffersView, "me-offers"),
    page("offers/<uuid:offer_id>", OfferView, "me-offer"),
    page("shops", ShopsView, "me-shops"),
    page("vouchers", VouchersView, "me-vouchers"),
    page(VOUCHER, VoucherView, "me-voucher"),
    page(f"{VOUCHER}/confirm", ConfirmView, "me-voucher-confirm"),
    page("pay", PayView, "me-pay"),
    page("pay/shop", ShopPaymentView, "me-pay-shop"),
]
