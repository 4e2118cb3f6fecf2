"""The shop at which somebody stands: what all pages of ``/scan/`` are about."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from backend.api.policies import Need
from backend.top.calls import Caller
from backend.top.pages.base import Page, page

SHOP = "linli_shop"  # a cookie: the shop that somebody who works at several chose on this phone
SHOPS = f"{settings.SCAN_PATH}shops"
YEAR = int(timedelta(days=365).total_seconds())


def every(asks: Caller, address: str, query: Mapping[str, Any] | None = None) -> list[Any]:
    """Return all rows of a list of the API, page by page. Raises Http404 if it is refused."""
    told = asks.fetch(address, {"page_size": 100, **(query or {})})
    rows = list(told["results"])
    while told["next"]:
        told = asks.fetch(address, urlsplit(told["next"]).query)
        rows += told["results"]
    return rows


class ShopPage(Page):
    """A page about ``shop``, where its reader works; whoever works at several chooses it first."""

    needs: ClassVar[frozenset[Need]] = frozenset({Need.OFFLINE})

    shop: dict[str, Any]
    shops: list[dict[str, Any]]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.shops = every(self.asks, "merchants")
        chosen = request.COOKIES.get(SHOP)
        among = [one for one in self.shops if one["id"] == chosen] or self.shops
        if len(among) != 1:
            query = urlencode({"next": request.get_full_path()})
            return HttpResponseRedirect(f"{SHOPS}?{query}")
        (self.shop,) = among
        return super().dispatch(request, *args, shop_id=self.shop["id"], **kwargs)

    def about(self) -> dict[str, Any]:
        return {"shop": self.shop, "shops": self.shops}


class ShopsView(Page):
    """The choice of the shop where somebody stands: ``/scan/shops``."""

    title = _("Your shops")
    template_name = "scan/shops.html"

    def told(self, **names: Any) -> dict[str, Any]:
        return {"shops": every(self.asks, "merchants"), "next": self.request.GET.get("next", "")}

    def post(self, request: HttpRequest, **names: Any) -> HttpResponseBase:
        """Keep the chosen shop for this phone, and lead to the page that was asked for."""
        chosen = request.POST.get("shop", "")
        if chosen not in {one["id"] for one in every(self.asks, "merchants")}:
            raise Http404
        asked = request.POST.get("next", "")
        is_here = asked.startswith(settings.SCAN_PATH) and url_has_allowed_host_and_scheme(
            asked, allowed_hosts=None
        )
        answer = HttpResponseRedirect(asked if is_here else settings.SCAN_PATH)
        answer.set_cookie(
            SHOP,
            chosen,
            YEAR,
            path=settings.SCAN_PATH,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
        return answer


urlpatterns = [page("shops", ShopsView, "scan-shops")]
