"""The clerk's own page: their shops, their log-in, and how they read."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from backend.top.pages.base import page
from backend.top.pages.scan.shop import ShopPage


class MineView(ShopPage):
    """My log-in at this counter: ``/scan/mine``."""

    title = _("Mine")
    tab = "mine"
    template_name = "scan/mine.html"

    def told(self, **names: Any) -> dict[str, Any]:
        return {"me": self.asks.fetch("me")}


urlpatterns = [page("mine", MineView, "scan-mine")]
