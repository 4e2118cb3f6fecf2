"""The first of a volunteer's pages, and what makes ``/me/`` an app."""

from typing import Any, ClassVar

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from backend.api.policies import Need
from backend.top.pages.base import Page
from backend.top.pages.installing import ManifestView, WorkerView


class MyPage(Page):
    """A page of ``/me/``; ``unread`` is on the tab of notices."""

    needs: ClassVar[frozenset[Need]] = frozenset({Need.OFFLINE})


class HomeView(MyPage):
    """What is near and what waits for me: ``/me/``."""

    title = _("Linli")
    tab = "home"
    template_name = "me/home.html"

    def told(self, **names: Any) -> dict[str, Any]:
        return {"me": self.asks.fetch("me")}


class Manifest(ManifestView):
    name, short_name, start = _("Linli: volunteering"), _("Linli"), settings.ME_PATH


class Worker(WorkerView):
    kept = (settings.ME_PATH,)
