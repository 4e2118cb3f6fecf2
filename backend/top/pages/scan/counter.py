"""The counter: where a clerk scans."""

from typing import Any, ClassVar

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from backend.api.policies import Need
from backend.top.pages.base import Page
from backend.top.pages.installing import ManifestView, WorkerView


class CounterView(Page):
    """The scanner and its result: ``/scan/``."""

    title = _("Scan")
    tab = "scan"
    template_name = "scan/counter.html"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.CAMERA, Need.OFFLINE})

    def told(self, **names: Any) -> dict[str, Any]:
        return {"shops": self.asks.fetch("merchants")}


class Manifest(ManifestView):
    name, short_name, start = _("Linli: scan at the counter"), _("Scan"), settings.SCAN_PATH


class Worker(WorkerView):
    kept = (settings.SCAN_PATH,)
