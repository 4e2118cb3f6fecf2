from django.urls import path, re_path

from backend.api.throttling import PublicThrottle, throttled
from backend.top.pages import gate, reports, views

urlpatterns = [
    path("", throttled(PublicThrottle)(views.HomeView.as_view()), name="home"),
    path("board/<slug:code>", throttled(PublicThrottle)(views.BoardView.as_view()), name="board"),
    path(
        "board/<slug:code>/reports/<uuid:report_id>",
        throttled(PublicThrottle)(reports.ReportView.as_view()),
        name="report",
    ),
    path(
        "board/<slug:code>/figures",
        throttled(PublicThrottle)(reports.FiguresView.as_view()),
        name="figures",
    ),
    path(
        "board/<slug:code>/figures/<int:year>",
        throttled(PublicThrottle)(reports.FiguresView.as_view()),
        name="figures-of",
    ),
    path(
        "board/<slug:code>/funds",
        throttled(PublicThrottle)(reports.FundsView.as_view()),
        name="funds",
    ),
    path(
        "board/<slug:code>/bulletins/<uuid:bulletin_id>",
        throttled(PublicThrottle)(reports.BulletinView.as_view()),
        name="bulletin",
    ),
    path("gate/<str:link>", throttled(PublicThrottle)(gate.GateView.as_view()), name="gate"),
    re_path(
        r"^gate/(?P<link>[^/]+)/code\.(?P<kind>svg|png)$",
        throttled(PublicThrottle)(gate.GateCodeView.as_view()),
        name="gate-code",
    ),
]
