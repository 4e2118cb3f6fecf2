"""The addresses of the log-in, below ``/console/account``. The names are django-allauth's own."""

from django.contrib.auth.decorators import login_required
from django.urls import path

from backend.top.console.account import views
from backend.top.console.account.guard import let_in

urlpatterns = [
    path("/login", views.LogInView.as_view(), name="account_login"),
    path("/login/code", views.SecondFactorView.as_view(), name="mfa_authenticate"),
    path("/inactive", views.InactiveView.as_view(), name="account_inactive"),
    path("/logout/everywhere", views.LogOutEverywhereView.as_view(), name="log_out_everywhere"),
    # What is asked of whoever lacks a second factor yet.
    path("/password/again", views.PasswordAgainView.as_view(), name="account_reauthenticate"),
    path("/code/again", views.SecondFactorAgainView.as_view(), name="mfa_reauthenticate"),
    path(
        "/authenticator",
        login_required(views.AuthenticatorView.as_view()),
        name="mfa_activate_totp",
    ),
    path("", let_in(views.MyLogInView.as_view()), name="mfa_index"),
    path("/password", let_in(views.ChangePasswordView.as_view()), name="account_change_password"),
    path("/sessions", let_in(views.SessionsView.as_view()), name="usersessions_list"),
    path(
        "/authenticator/remove",
        let_in(views.RemoveAuthenticatorView.as_view()),
        name="mfa_deactivate_totp",
    ),
    path(
        "/recovery-codes",
        let_in(views.RecoveryCodesView.as_view()),
        name="mfa_view_recovery_codes",
    ),
    path(
        "/recovery-codes/new",
        let_in(views.NewRecoveryCodesView.as_view()),
        name="mfa_generate_recovery_codes",
    ),
]
