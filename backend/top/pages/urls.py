from django.urls import path, re_path

from backend.api.throttling import PublicThrottle, throttled
from backend.top.pages import gate, views

urlpatterns = [
    path("", throttled(PublicThrottle)(views.HomeView.as_view()), name="home"),
    path("board/<slug:code>", throttled(PublicThrottle)(views.BoardView.as_view()), name="board"),
    path("gate/<str:link>", throttled(PublicThrottle)(gate.GateView.as_view()), name="gate"),
    re_path(
        r"^gate/(?P<link>[^/]+)/code\.(?P<kind>svg|png)$",
        throttled(PublicThrottle)(gate.GateCodeView.as_view()),
        name="gate-code",
    ),
]
