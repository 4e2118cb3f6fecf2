"""Django admin's site as the console uses it: django-unfold's layout around pages of our own.

No model is registered with it. Its own pages would read and write tables directly; ours ask the
API, which knows who may.
"""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import URLPattern, path, re_path
from unfold.sites import UnfoldAdminSite

from backend.accounts.claims import is_let_in
from backend.top.console.account.guard import counted, let_in


class ConsoleSite(UnfoldAdminSite):  # type: ignore[misc]  # django-unfold is untyped
    """Site of the console. Whoever is let in may enter; each page asks what they may see."""

    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return is_let_in(request)

    def get_urls(self) -> list[URLPattern]:
        from backend.top.console import home, views
        from backend.top.console.account.views import LogOutView
        from backend.top.console.first import arriving, first_run, rules

        return [
            path("", self.page(home.home), name="index"),
            path("setup", counted(arriving.SetUpView.as_view()), name="set_up"),
            path("invitations", counted(arriving.InvitationView.as_view()), name="invitation"),
            path("first-run", self.page(first_run.show), name="first_run"),
            path("communities/<slug:code>/rules/begin", self.page(rules.begin), name="rule_form"),
            path("communities/<str:code>", self.page(home.place), name="place"),
            path("account/logout", counted(LogOutView.as_view()), name="logout"),
            re_path(r"^(?P<address>.+)$", self.page(views.show), name="page"),
        ]

    def page(self, view: Any) -> Any:
        """Return ``view`` for those who are let in; others are led to what they lack."""
        return let_in(view)

    def _get_colors(self, key: str, *args: Any) -> dict[str, Any]:
        return {}  # they are in console.css: a style in the page would need a looser policy


site: AdminSite = ConsoleSite(name="admin")
