"""The addresses of the log-in, below ``/console/account``. The names are django-allauth's own."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.urls import URLPattern, path

from backend.top.console.account import views
from backend.top.console.account.guard import counted, let_in

Pages = list[tuple[str, Any, str]]  # address, view, name

OPEN: Pages = [
    ("/login", views.LogInView, "account_login"),
    ("/login/code", views.SecondFactorView, "mfa_authenticate"),
    ("/inactive", views.InactiveView, "account_inactive"),
    ("/logout/everywhere", views.LogOutEverywhereView, "log_out_everywhere"),
]
# What is asked of somebody who is logged in and lacks a second factor yet.
LACKING: Pages = [
    ("/password/again", views.PasswordAgainView, "account_reauthenticate"),
    ("/code/again", views.SecondFactorAgainView, "mfa_reauthenticate"),
    ("/authenticator", views.AuthenticatorView, "mfa_activate_totp"),
]
CLOSED: Pages = [
    ("", views.MyLogInView, "mfa_index"),
    ("/password", views.ChangePasswordView, "account_change_password"),
    ("/sessions", views.SessionsView, "usersessions_list"),
    ("/authenticator/remove", views.RemoveAuthenticatorView, "mfa_deactivate_totp"),
    ("/recovery-codes", views.RecoveryCodesView, "mfa_view_recovery_codes"),
    ("/recovery-codes/new", views.NewRecoveryCodesView, "mfa_generate_recovery_codes"),
]


def _paths(guard: Callable[[Any], Any], pages: Pages) -> list[URLPattern]:
    return [
        path(address, counted(guard(view.as_view())), name=name) for address, view, name in pages
    ]


urlpatterns = [
    *_paths(lambda view: view, OPEN),
    *_paths(login_required, LACKING),
    *_paths(let_in, CLOSED),
]
