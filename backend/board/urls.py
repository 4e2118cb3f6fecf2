from django.urls import path

from backend.board import views

urlpatterns = [
    path("", views.HomeView.as_view(), name="home"),
    path("board/<slug:code>", views.BoardView.as_view(), name="board"),
]
