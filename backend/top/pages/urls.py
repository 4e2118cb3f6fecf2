from django.urls import path

from backend.api.throttling import PublicThrottle, throttled
from backend.top.pages import views

urlpatterns = [
    path("", throttled(PublicThrottle)(views.HomeView.as_view()), name="home"),
    path("board/<slug:code>", throttled(PublicThrottle)(views.BoardView.as_view()), name="board"),
]
