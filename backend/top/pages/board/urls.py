"""Addresses of the public board: ``/c/{code}/``."""

from typing import Any

from django.urls import path, re_path
from django.views.generic import RedirectView

from backend.api.throttling import PublicThrottle, throttled
from backend.top.pages.board import board, reports


def public(view: Any, **how: Any) -> Any:
    """Return a view for everybody, counted by address."""
    return throttled(PublicThrottle)(view.as_view(**how))


def moved(url: str) -> Any:
    return public(RedirectView, url=url, permanent=True)


urlpatterns = [
    path("", public(board.HomeView), name="home"),
    path("c/<slug:code>/", public(board.BoardView), name="board"),
    path("c/<slug:code>/reports/<uuid:report_id>", public(reports.ReportView), name="report"),
    path("c/<slug:code>/figures", public(reports.FiguresView), name="figures"),
    path("c/<slug:code>/figures/<int:year>", public(reports.FiguresView), name="figures-of"),
    path("c/<slug:code>/funds", public(reports.FundsView), name="funds"),
    path(
        "c/<slug:code>/bulletins/<uuid:bulletin_id>", public(reports.BulletinView), name="bulletin"
    ),
    # Where the boards were before; such links hang on walls.
    path("board/<slug:code>", moved("/c/%(code)s/")),
    re_path(r"^board/(?P<rest>.+)$", moved("/c/%(rest)s")),
]
