"""The first of a volunteer's pages, and what makes ``/me/`` an app."""

from importlib import import_module
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from backend.api.policies import Need
from backend.top.pages.base import Page
from backend.top.pages.installing import ManifestView, WorkerView

# Modules beside this one. Each has ``urlpatterns``, and may say which of its pages work without
# signal, ``KEPT``, and which static ``FILES`` those need.
AREAS = (
    "activities",
    "attendance",
    "leading",
    "reports",
    "wallet",
    "spending",
    "giving",
    "notices",
    "mine",
)


class MyPage(Page):
    """A page of ``/me/``; ``unread`` is on the tab of notices."""

    needs: ClassVar[frozenset[Need]] = frozenset({Need.OFFLINE})

    def about(self) -> dict[str, Any]:
        return {"unread": self.asks.fetch("me/notices/unread")["unread"]}


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
    def get(self, request: HttpRequest) -> HttpResponse:
        areas = [import_module(f"backend.top.pages.me.{area}") for area in AREAS]
        for area in areas:
            self.kept += getattr(area, "KEPT", ())
            self.files += getattr(area, "FILES", ())
        return super().get(request)
