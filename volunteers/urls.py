from django.urls import include, path

urlpatterns = [
    path("", include("volunteers.people.api")),
    path("", include("volunteers.teams.api")),
    path("", include("volunteers.activities.api.urls")),
    path("", include("volunteers.attendance.api.urls")),
    path("", include("volunteers.reports.api.urls")),
]
