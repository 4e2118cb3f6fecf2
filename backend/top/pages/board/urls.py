"""Addresses of the public board: ``/c/{code}/``."""

from typing import Any

from django.urls import path, re_path
from django.views.generic import RedirectView

from backend.api.throttling import PublicThrottle, throttled
from backend.top.pages.board import board, books, figures, reports, shops


def public(view: Any, **how: Any) -> Any:
    """Return a view for everybody, counted by address."""
    return throttled(PublicThrottle)(view.as_view(**how))


def moved(url: str) -> Any:
    return public(RedirectView, url=url, permanent=True)


urlpatterns = [
    path("", public(board.HomeView), name="home"),
    path("c/<slug:code>/", public(board.BoardView), name="board"),
    path("c/<slug:code>/reports", public(reports.ReportsView), name="board-reports"),
    path("c/<slug:code>/reports/<uuid:report_id>", public(reports.ReportView), name="report"),
    path("c/<slug:code>/figures", public(figures.FiguresView), name="figures"),
    path("c/<slug:code>/figures/<int:year>", public(figures.FiguresView), name="figures-of"),
    path(
        "c/<slug:code>/figures/<int:year>/<int:month>",
        public(figures.MonthView),
        name="board-month",
    ),
    path("c/<slug:code>/print/<str:month>", public(figures.SheetView), name="board-sheet"),
    path(
        "c/<slug:code>/bulletins/<uuid:bulletin_id>", public(figures.BulletinView), name="bulletin"
    ),
    path("c/<slug:code>/points", public(books.PointsView), name="board-points"),
    path("c/<slug:code>/funds", public(books.FundsView), name="funds"),
    path("c/<slug:code>/check", public(books.CheckView), name="board-check"),
    path("c/<slug:code>/shops", public(shops.ShopsView), name="board-shops"),
    # Where the boards were before; such links hang on walls.
    path("board/<slug:code>", moved("/c/%(code)s/")),
    re_path(r"^board/(?P<rest>.+)$", moved("/c/%(rest)s")),
]
