"""Addresses of a clerk's and an owner's pages: ``/scan/``."""

from django.urls import path

from backend.top.pages.rooms import token
from backend.top.pages.scan import counter, invitations, mine, owner, shop, statements, today

urlpatterns = [
    path("token", token, name="scan-token"),
    *counter.urlpatterns,
    *shop.urlpatterns,
    *today.urlpatterns,
    *statements.urlpatterns,
    *owner.urlpatterns,
    *invitations.urlpatterns,
    *mine.urlpatterns,
]
