"""Addresses of all pages that are not the console's."""

from django.urls import include, path, re_path

from backend.api.throttling import PublicThrottle, throttled
from backend.top.pages import gate
from backend.top.pages.domain_files import DomainFileView
from backend.top.pages.preferences import prefer

urlpatterns = [
    path("", include("backend.top.pages.board.urls")),
    path("<str:name>.txt", throttled(PublicThrottle)(DomainFileView.as_view()), name="domain-file"),
    path("preferences", prefer, name="preferences"),
    path("gate/<str:link>", throttled(PublicThrottle)(gate.GateView.as_view()), name="gate"),
    re_path(
        r"^gate/(?P<link>[^/]+)/code\.(?P<kind>svg|png)$",
        throttled(PublicThrottle)(gate.GateCodeView.as_view()),
        name="gate-code",
    ),
    path("", include("backend.top.pages.entering.urls")),
    path("me/", include("backend.top.pages.me.urls")),
    path("scan/", include("backend.top.pages.scan.urls")),
]
