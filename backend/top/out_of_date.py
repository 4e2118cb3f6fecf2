"""The answer to a failed CSRF check, the setting ``CSRF_FAILURE_VIEW``.

In a room it mostly means that somebody has logged in or out in another tab since.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from backend.api import exceptions as api
from backend.top.console.account.guard import refused

TITLE = _("This page is out of date.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the page is out of date, in the dress of its room; elsewhere as the API does."""
    if request.path.startswith(settings.CONSOLE_PATH):
        return refused(request, 403, TITLE, _("Please go back, and open it again."))
    if request.path.startswith((settings.ME_PATH, settings.SCAN_PATH)):
        return render(request, "pages/out_of_date.html", {"title": TITLE}, status=403)
    return api.csrf_failure(request, reason)
