from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from backend.api.throttling import PublicThrottle, throttled
from volunteers.reports.api.open311 import views

urlpatterns = [
    path(address, csrf_exempt(throttled(PublicThrottle)(view.as_view())))
    for address, view in [
        ("discovery.<str:form>", views.DiscoveryView),
        ("services.<str:form>", views.ServicesView),
        ("services/<str:service_code>.<str:form>", views.ServiceView),
        ("requests.<str:form>", views.RequestsView),
        ("requests/<str:request_id>.<str:form>", views.RequestView),
        ("tokens/<str:token>.<str:form>", views.TokenView),
    ]
]
