from django.urls import path

from backend.api.files import SHEETS, in_each_format
from volunteers.activities.api import activities, shifts

urlpatterns = [
    path("communities/<str:code>/activities", activities.CommunityActivitiesView.as_view()),
    path(
        "communities/<str:code>/activities/<uuid:activity_id>",
        activities.PublicActivityView.as_view(),
    ),
    path("activities", activities.ActivityListView.as_view()),
    path("activities/<uuid:activity_id>", activities.ActivityView.as_view()),
    path("communities/<str:code>/service-policy", activities.ServicePolicyView.as_view()),
    path("activities/<uuid:activity_id>/patterns", activities.PatternsView.as_view()),
    path("activities/<uuid:activity_id>/cancel", activities.CancelActivityView.as_view()),
    path("activities/<uuid:activity_id>/shifts", shifts.ActivityShiftsView.as_view()),
    *in_each_format("communities/<str:code>/shifts", shifts.ShiftsFileView, SHEETS),
    path("shifts", shifts.ShiftListView.as_view()),
    path("shifts/<uuid:shift_id>", shifts.ShiftView.as_view()),
    path("shifts/<uuid:shift_id>/cancel", shifts.CancelShiftView.as_view()),
]
