"""The pages of the log-in: django-allauth's views in the console's dress.

Their rules are those of a phone's log-in (backend/api/log_in.py): tries are counted, a code works
once, and what changes a second factor asks for the password first, unless it was typed just now.
"""

from textwrap import wrap
from typing import Any

from allauth.account import views as account
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.logout import logout
from allauth.account.utils import get_next_redirect_url, passthrough_next_redirect_url
from allauth.mfa.base import views as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.usersessions import views as sessions
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.generic.base import ContextMixin, View

from backend.accounts.claims import SECOND_FACTOR
from backend.accounts.forms import EndSessionsForm
from backend.accounts.mfa import use_up
from backend.top.calls import Caller
from backend.top.console.account import forms
from backend.top.console.site import site


class Page(ContextMixin, View):
    """A page of the log-in."""

    title: str | Promise = ""
    explains: str | Promise = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        inherited = super().get_context_data(**kwargs)
        next_page = get_next_redirect_url(self.request) or settings.LOGIN_REDIRECT_URL
        shown = {
            "title": self.title,
            "explains": self.explains,
            "next_page": next_page,
            "clock": settings.TIME_ZONE_OF_PLACES,  # an account is of no place
        }
        return site.each_context(self.request) | inherited | shown

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        answer: HttpResponse = super().render_to_response(context, **kwargs)  # type: ignore[misc]
        if wait := getattr(context.get("form"), "retry_after_seconds", 0):
            answer.status_code, answer["Retry-After"] = 429, str(wait)
        return answer


# --- in and out -------------------------------------------------------------------------------
class LogInView(Page, account.LoginView):  # type: ignore[misc]  # allauth is untyped
    title = _("Log in")
    form_class = forms.LogInForm
    template_name = "console/account/log_in.html"


class SecondFactorView(Page, mfa.AuthenticateView):  # type: ignore[misc]
    title = _("Second factor")
    form_class = forms.SecondFactorForm
    template_name = "console/account/code.html"

    def _build_forms(self) -> forms.SecondFactorForm:
        """Return the form of a code, the only one here; allauth has another for passkeys."""
        typed = self.request.POST if self.request.method == "POST" else None
        self.auth_form = forms.SecondFactorForm(typed, user=self.stage.login.user)
        self.webauthn_form = None
        return self.auth_form


class PasswordAgainView(Page, account.ReauthenticateView):  # type: ignore[misc]
    title = _("Your password, please")
    form_class = forms.PasswordAgainForm
    template_name = "console/account/again.html"


class SecondFactorAgainView(Page, mfa.ReauthenticateView):  # type: ignore[misc]
    title = _("Your code, please")
    form_class = forms.SecondFactorAgainForm
    template_name = "console/account/again.html"


class LogOutView(account.LogoutView):  # type: ignore[misc]
    http_method_names = ("post",)


class LogOutEverywhereView(View):
    """End all log-ins, as ``POST /api/v1/me/log-out-everywhere`` does."""

    def post(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            Caller(request).act("post", "me/log-out-everywhere")
            logout(request)
        return HttpResponseRedirect(reverse("account_login"))


class InactiveView(Page, account.AccountInactiveView):  # type: ignore[misc]
    title = _("This log-in is closed.")
    template_name = "console/account/refused.html"
    explains = _("Please ask your community's office if this is a mistake.")


# --- my log-in --------------------------------------------------------------------------------
class MyLogInView(Page, mfa.IndexView):  # type: ignore[misc]
    title = _("My log-in")
    template_name = "console/account/mine.html"


class ChangePasswordView(Page, account.PasswordChangeView):  # type: ignore[misc]
    title = _("Change password")
    form_class = forms.ChangePasswordForm
    template_name = "console/account/password.html"

    def get_default_success_url(self) -> str:
        return reverse("mfa_index")


class SessionsView(Page, sessions.ListUserSessionsView):  # type: ignore[misc]
    title = _("Where I am logged in")
    form_class = EndSessionsForm
    template_name = "console/account/sessions.html"


# --- the second factor ------------------------------------------------------------------------
class AuthenticatorView(Page, totp.ActivateTOTPView):  # type: ignore[misc]
    """Set up an authenticator. The log-in has a second factor from then on: a code was right."""

    title = _("Set up an authenticator")
    form_class = forms.AuthenticatorForm
    template_name = "console/account/authenticator.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"secret": " ".join(wrap(context["form"].secret, 4))}

    def form_valid(self, form: forms.AuthenticatorForm) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        use_up(form.user.pk, form.cleaned_data["code"])
        record_authentication(self.request, form.user, SECOND_FACTOR, type=Authenticator.Type.TOTP)
        return answer

    def get_success_url(self) -> str:
        codes = super().get_success_url()
        url: str = passthrough_next_redirect_url(self.request, codes, "next")
        return url


class RemoveAuthenticatorView(Page, totp.DeactivateTOTPView):  # type: ignore[misc]
    title = _("Remove the authenticator")
    template_name = "console/account/remove.html"


class RecoveryCodesView(Page, recovery_codes.ViewRecoveryCodesView):  # type: ignore[misc]
    """Show the recovery codes, once; later how many are left."""

    title = _("Recovery codes")
    template_name = "console/account/recovery_codes.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        was_shown = Authenticator.objects.filter(
            user=self.request.user.pk,
            type=Authenticator.Type.RECOVERY_CODES,
            data__has_key="viewed_at",
        ).exists()
        context: dict[str, Any] = super().get_context_data(**kwargs)
        unused = context.pop("unused_codes")
        return context | {"codes": [] if was_shown else unused, "left": len(unused)}


class NewRecoveryCodesView(Page, recovery_codes.GenerateRecoveryCodesView):  # type: ignore[misc]
    title = _("New recovery codes")
    template_name = "console/account/new_recovery_codes.html"
