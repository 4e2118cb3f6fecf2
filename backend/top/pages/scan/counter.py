"""The counter: where a clerk scans, with signal and without."""

from typing import Any, ClassVar

from django.conf import settings
from django.urls import path
from django.utils.translation import gettext_lazy as _

from backend.api.policies import Need
from backend.api.throttling import PublicThrottle, throttled
from backend.top.pages.base import Act, page, text, whole
from backend.top.pages.installing import ManifestView, WorkerView
from backend.top.pages.scan.shop import ShopPage, every


class CounterView(ShopPage):
    """The scanner and its result: ``/scan/``.

    Its script asks the API by itself; without one, the form takes the code under a picture.
    """

    title = _("Scan")
    tab = "scan"
    template_name = "scan/counter.html"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.CAMERA, Need.OFFLINE})
    acts: ClassVar = {
        "scan": Act(
            "post",
            "merchants/{shop_id}/scans",
            {"code": text, "quantity": whole},
            said=_("Redeemed. This is what to hand out."),
            then=f"{settings.SCAN_PATH}redemptions/{{id}}",
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        offers = every(self.asks, f"merchants/{self.shop['id']}/offers")
        return {"offers": [one for one in offers if one["status"] == "listed"]}


class Manifest(ManifestView):
    name, short_name, start = _("Linli: scan at the counter"), _("Scan"), settings.SCAN_PATH


class Worker(WorkerView):
    kept = (settings.SCAN_PATH,)
    files = ("pages/counter.js", "pages/till.js", "noble/index.js")


urlpatterns = [
    page("", CounterView, "scan"),
    path(
        "manifest.webmanifest", throttled(PublicThrottle)(Manifest.as_view()), name="scan-manifest"
    ),
    path("worker.js", throttled(PublicThrottle)(Worker.as_view()), name="scan-worker"),
]
