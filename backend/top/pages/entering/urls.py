"""Addresses of the log-in to the rooms of people's pages: ``/me/log-in``, ``/scan/log-in``."""

from django.conf import settings
from django.urls import path

from backend.top.pages.entering import views
from backend.top.pages.entering.views import entering
from backend.top.pages.rooms import let_in

# Of each room; its name stands before an address, and before its name.
OPEN = {
    "log-in": views.LogInView,
    "log-in/code": views.SecondFactorView,
    "log-in/closed": views.ClosedView,
    "log-in/wechat": views.ToWeChatView,
    "log-in/wechat/back": views.FromWeChatView,
    "log-in/phone": views.PhoneView,
    "log-in/phone/code": views.TextedCodeView,
    "log-out": views.LogOutView,
    "in": views.LinkView,
}

urlpatterns = [
    *(
        path(f"{room[1:]}{address}", entering(view.as_view()))
        for room in (settings.ME_PATH, settings.SCAN_PATH)
        for address, view in OPEN.items()
    ),
    *(
        path(f"{room[1:]}sessions", let_in(views.SessionsView.as_view()))
        for room in (settings.ME_PATH, settings.SCAN_PATH)
    ),
]
