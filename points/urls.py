from django.urls import include, path

urlpatterns = [
    path("", include("points.rules.api.urls")),
    path("", include("points.awards.api.urls")),
    path("", include("points.funds.api")),
    path("", include("points.expiry.api.urls")),
    path("", include("points.seals.api.urls")),
]
