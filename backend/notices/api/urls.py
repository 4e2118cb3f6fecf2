from django.urls import path

from backend.notices.api import views

urlpatterns = [
    path("me/notices", views.InboxView.as_view()),
    path("me/notices/<uuid:notice_id>/read", views.NoticeReadView.as_view()),
]
