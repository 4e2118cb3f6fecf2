"""The pages of the log-in to a room: by WeChat, by a code sent by SMS, by a link that staff handed
out, by username and password; and a code from an authenticator for whoever has one.

django-allauth does the log-in, with the rules of a phone's (backend/api/log_in.py): guesses are
counted, and its stages lead to the room's own pages.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from allauth.account import views as account
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.logout import logout
from allauth.account.utils import perform_login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.base import views as mfa
from allauth.usersessions import views as sessions
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.generic.base import ContextMixin, TemplateView, View
from django.views.generic.edit import FormView

from backend.accounts.addresses import counted_as
from backend.accounts.errors import PhoneBelongsToAnother, TextedCodeExpired, TooManyAttempts
from backend.accounts.forms import EndSessionsForm
from backend.accounts.models import User
from backend.accounts.services import people, phone, texted_codes
from backend.api.middleware import room_of
from backend.api.throttling import LogInThrottle, PublicThrottle, throttled
from backend.errors import Refusal
from backend.notices.channels import sms
from backend.people.services import log_in_links
from backend.top.pages.entering import forms
from backend.top.pages.rooms import begin
from backend.wechat import pages as wechat

Called = Callable[..., HttpResponseBase]

# Where django-allauth leads, and the room's own page instead.
INSTEAD = {
    "account_login": "log-in",
    "mfa_authenticate": "log-in/code",
    "account_inactive": "log-in/closed",
}


def entering(view: Called) -> Called:
    """Count what strangers ask of a page of the log-in, keep them in the room, and let a log-in
    that was made last as long as the room says."""
    asked, sent = throttled(PublicThrottle)(view), throttled(LogInThrottle)(view)

    @wraps(view)
    def led(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        before = request.session.session_key
        answer = (sent if request.method == "POST" else asked)(request, *args, **kwargs)
        if request.user.is_authenticated and request.session.session_key != before:
            begin(request)
        if isinstance(answer, HttpResponseRedirect):
            for name, page in INSTEAD.items():
                if answer.url == reverse(name):
                    return HttpResponseRedirect(f"{room_of(request)}{page}")
        return answer

    return led


def next_page(request: HttpRequest) -> str:
    """Return the page of the same room that ``next`` names, or else the room's first."""
    room = room_of(request)
    told = request.POST.get("next") or request.GET.get("next") or room
    is_ours = url_has_allowed_host_and_scheme(told, None)
    path = unquote(urlsplit(told).path) if is_ours else ""  # to a browser %2e is a dot
    is_there = path.startswith(room) and ".." not in path and not path.startswith(f"{room}log-")
    return told if is_there else room


class Door(ContextMixin, View):
    """A page of the log-in."""

    title: str | Promise = ""

    @property
    def room(self) -> str:
        return room_of(self.request)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        inherited = super().get_context_data(**kwargs)
        shown = {"title": self.title, "room": self.room, "next": next_page(self.request)}
        return inherited | shown

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        answer: HttpResponse = super().render_to_response(context, **kwargs)  # type: ignore[misc]
        if wait := getattr(context.get("form"), "retry_after_seconds", 0):
            answer.status_code, answer["Retry-After"] = 429, str(wait)
        return answer

    def let_in(self, user: User, method: str, then: str) -> HttpResponse:
        """Log in ``user``, who proved by ``method`` who they are, instead of whoever is."""
        logout(self.request, show_message=False)
        try:
            record_authentication(self.request, user, method=method)
            answer: HttpResponse = perform_login(
                self.request, user, email_verification="none", redirect_url=then
            )
        except ImmediateHttpResponse as instead:
            answer = instead.response
        return answer


# --- the ways in ------------------------------------------------------------------------------
class LogInView(Door, account.LoginView):  # type: ignore[misc]  # allauth is untyped
    """The ways in that are set up: ``/me/log-in``, ``/scan/log-in``."""

    title = _("Log in")
    form_class = forms.LogInForm
    template_name = "entering/log_in.html"

    def get_success_url(self) -> str:
        return next_page(self.request)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {
            "wechat": wechat.way_of(self.request) is not None,
            "is_in_wechat": wechat.is_in_wechat(self.request),
            "phone_form": forms.PhoneForm() if sms.sends_codes() else None,
            "is_at_work": self.room == settings.SCAN_PATH,
        }


class SecondFactorView(Door, mfa.AuthenticateView):  # type: ignore[misc]
    title = _("Your code, please")
    template_name = "entering/code.html"

    def _build_forms(self) -> Any:
        """Return the form of a code, the only one here; allauth has another for passkeys."""
        typed = self.request.POST if self.request.method == "POST" else None
        build: Any = forms.SecondFactorForm  # allauth's, which takes the person
        self.auth_form = build(typed, user=self.stage.login.user)
        self.webauthn_form = None
        return self.auth_form


class ClosedView(Door, TemplateView):
    title = _("This log-in is closed.")
    template_name = "entering/closed.html"


class LogOutView(account.LogoutView):  # type: ignore[misc]
    http_method_names = ("post",)

    def get_redirect_url(self) -> str:
        return f"{room_of(self.request)}log-in"


# --- WeChat -----------------------------------------------------------------------------------
class ToWeChatView(Door):
    """Lead to WeChat, which leads back with a code."""

    def get(self, request: HttpRequest) -> HttpResponse:
        way = wechat.way_of(request)
        if way is None:
            return HttpResponseRedirect(f"{self.room}log-in")
        back = f"{self.room}log-in/wechat/back"
        return wechat.lead(request, way, back=back, then=next_page(request))


class FromWeChatView(Door):
    """Log in whoever WeChat says it is; a newcomer is put on record."""

    def get(self, request: HttpRequest) -> HttpResponse:
        way = wechat.way_of(request)
        try:
            if way is None:
                raise PermissionDenied
            identity, then = wechat.come_back(request, way)
        except PermissionDenied:
            return self.turned_away(_("That took too long. Please try again."))
        except Refusal as refusal:
            return self.turned_away(refusal.title)
        user = people.known_by_wechat(
            openid=identity.openid, unionid=identity.unionid, app=people.PAGES
        )
        is_new = not user.name and user.last_login is None
        answer = self.let_in(user, "wechat", then)
        if is_new and sms.sends_codes():  # their community may know them by their number
            return HttpResponseRedirect(f"{self.room}log-in/phone?{urlencode({'next': then})}")
        return answer

    def turned_away(self, why: str | Promise) -> HttpResponse:
        messages.error(self.request, str(why))
        return HttpResponseRedirect(f"{self.room}log-in")


# --- a code by SMS ----------------------------------------------------------------------------
class _Sending(HttpResponseRedirect):
    """A redirect that sends an SMS once it is on its way.

    If it waited, the time that it takes would tell whose number is known.
    """

    def __init__(self, to: str, send: Callable[[], None]) -> None:
        super().__init__(to)
        self._send = send

    def close(self) -> None:
        super().close()
        self._send()


class PhoneView(Door, FormView):  # type: ignore[type-arg]  # generic for mypy alone
    """Ask for a code by SMS. A number that nobody has is answered as any other."""

    title = _("Log in by SMS")
    form_class = forms.PhoneForm
    template_name = "entering/phone.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not sms.sends_codes():
            return HttpResponseRedirect(f"{self.room}log-in")
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: forms.PhoneForm) -> HttpResponse:
        request, number = self.request, form.cleaned_data["phone"]
        try:
            code = texted_codes.make(
                session=request.session, phone=number, address=counted_as(request)
            )
        except TooManyAttempts as refusal:
            form.wait(refusal)
            return self.form_invalid(form)
        then = f"{self.room}log-in/phone/code?{urlencode({'next': next_page(request)})}"
        if not code:
            return HttpResponseRedirect(then)
        minutes = int(texted_codes.LASTS.total_seconds() // 60)
        return _Sending(then, partial(sms.send_code, number=number, code=code, minutes=minutes))


class TextedCodeView(Door, FormView):  # type: ignore[type-arg]  # generic for mypy alone
    title = _("Log in by SMS")
    form_class = forms.TextedCodeForm
    template_name = "entering/texted_code.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not texted_codes.is_waited_for(request.session):
            return HttpResponseRedirect(f"{self.room}log-in")
        return super().get(request, *args, **kwargs)

    def form_valid(self, form: forms.TextedCodeForm) -> HttpResponse:
        try:
            user = texted_codes.prove(
                session=self.request.session, address=counted_as(self.request), **form.cleaned_data
            )
        except TooManyAttempts as refusal:
            form.wait(refusal)
        except TextedCodeExpired as refusal:
            messages.error(self.request, str(refusal.title))
            return HttpResponseRedirect(f"{self.room}log-in")
        except Refusal as refusal:
            is_name = isinstance(refusal, PhoneBelongsToAnother)
            form.add_error("name" if is_name else "code", str(refusal.title))
        else:
            if isinstance(self.request.user, User) and self.request.user != user:
                phone.join(fresh=self.request.user, known=user)
            return self.let_in(user, "sms", next_page(self.request))
        return self.form_invalid(form)


# --- a link that staff handed out -------------------------------------------------------------
class LinkView(Door, FormView):  # type: ignore[type-arg]  # generic for mypy alone
    """Log in by a code that staff handed out: ``/me/in#CODE``.

    The code stands behind ``#``, where it reaches no log, and a script puts it into the form.
    Opening the page uses nothing up: whoever sends a link has it looked at by others' machines.
    """

    title = _("Log in")
    form_class = forms.LinkForm
    template_name = "entering/link.html"

    def form_valid(self, form: forms.LinkForm) -> HttpResponse:
        try:
            user = log_in_links.use(
                code=form.cleaned_data["code"], address=counted_as(self.request)
            )
        except TooManyAttempts as refusal:
            form.wait(refusal)
        except Refusal as refusal:
            form.add_error("code", str(refusal.title))
        else:
            return self.let_in(user, "link", next_page(self.request))
        return self.form_invalid(form)


# --- where I am logged in ---------------------------------------------------------------------
class SessionsView(Door, sessions.ListUserSessionsView):  # type: ignore[misc]
    """All log-ins of mine, in all rooms and on all phones; each can be ended here."""

    title = _("Where I am logged in")
    form_class = EndSessionsForm
    template_name = "entering/sessions.html"

    def get_success_url(self) -> str:
        return self.request.path

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        for one in context["sessions"]:
            one.device = device_of(one.user_agent)
        base = f"{self.room.strip('/')}/base.html"
        return context | {"base": base, "clock": settings.TIME_ZONE_OF_PLACES, "tab": "mine"}


def device_of(user_agent: str) -> str:
    """Return what people call a phone or computer that calls itself ``user_agent``."""
    machines = ("iPhone", "iPad", "Android", "Windows", "Macintosh", "Linux")
    machine = next((name for name in machines if name in user_agent), user_agent[:40] or "?")
    return f"{_('WeChat')} · {machine}" if "MicroMessenger" in user_agent else machine
