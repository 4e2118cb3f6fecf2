from django.urls import include, path

urlpatterns = [
    path("", include("merchants.redemption.api.urls")),
    path("", include("merchants.partners.api.urls")),
    path("", include("merchants.catalogue.api.urls")),
    path("", include("merchants.settlement.api.urls")),
    path("", include("merchants.giving.api.urls")),
    path("", include("merchants.webhooks.api")),
]
