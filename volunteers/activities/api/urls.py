from django.urls import path

from volunteers.activities.api import views as activities

urlpatterns = [
    path("shifts", activities.OpenShiftListView.as_view()),
    path("shifts/<uuid:shift_id>/attendances", activities.SignUpView.as_view()),
    path("communities/<str:code>/activities", activities.ActivityListView.as_view()),
    path("activities/<uuid:activity_id>/shifts", activities.ShiftListView.as_view()),
]
