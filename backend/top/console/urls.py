"""Addresses below ``/console/``: log-in, then the API's own."""

from django.urls import path
from django.views.i18n import set_language

from backend.top.console.account.guard import counted
from backend.top.console.site import site

urlpatterns = [
    path("language", counted(set_language), name="set_language"),
    path("", (site.get_urls(), "admin", site.name)),
]
