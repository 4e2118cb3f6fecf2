"""Beginning to work at a shop: by the link of an invitation, as who one is or as somebody new."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.api.throttling import PublicThrottle, throttled
from backend.top.pages.base import Act, Page, text

LOG_IN = f"{settings.SCAN_PATH}log-in"


class InvitationView(Page):
    """An invitation by its code, for whoever has it: ``/scan/invitations?code=…``.

    The code stands in the query, which is not written into logs as paths are.
    """

    title = gettext_lazy("You are invited")
    template_name = "scan/invitation.html"
    acts: ClassVar = {
        "accept": Act("post", "invitations/accept", {"code": text}, then=settings.SCAN_PATH),
        "accept_as_new": Act(
            "post",
            "invitations/accept-as-new",
            {"code": text, "name": text, "username": text, "password": lambda t, n: t.get(n, "")},
            then=LOG_IN,
        ),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        code = self.request.GET.get("code", "")
        found = self.asks.act("post", "invitations/look", {"code": code})
        query = urlencode({"next": self.request.get_full_path()})
        return {
            "code": code,
            "invitation": found.data if found.is_good else None,
            "why": (found.data or {}).get("title", ""),
            "log_in": f"{LOG_IN}?{query}",
        }

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = super().dispatch(request, *args, **kwargs)
        answer["Referrer-Policy"] = "no-referrer"  # the address has the code
        return answer

    def post(self, request: HttpRequest, **names: Any) -> HttpResponseBase:
        """Accept, and lead somebody new to the log-in that they chose just now."""
        answer = super().post(request, **names)
        if isinstance(answer, HttpResponseRedirect) and not request.user.is_authenticated:
            messages.success(request, _("You are on record. Log in with what you chose just now."))
        return answer


urlpatterns = [
    path("invitations", throttled(PublicThrottle)(InvitationView.as_view()), name="scan-invitation")
]
