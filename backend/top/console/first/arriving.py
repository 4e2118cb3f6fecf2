"""Pages for people who arrive with a link: the first operator, and whoever is invited to a role.

They ask the API as everybody does. Somebody new is logged in with the password that they chose, and
led to the second factor where that is due.
"""

from collections.abc import Mapping
from typing import Any

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.generic.base import TemplateResponseMixin

from backend.accounts.forms import FirstPasswordForm
from backend.accounts.models import User
from backend.api.labels import label_of
from backend.communities.models import Role
from backend.top.calls import Caller, Told
from backend.top.console.account.forms import PageForm
from backend.top.console.account.views import Page

PASSWORD = {"password": "password1"}  # as the form calls what the API calls a password


class NewPersonForm(PageForm, FirstPasswordForm):
    """Form in which somebody new tells their name and chooses how they log in."""

    name = forms.CharField(
        label=_("Your name"), max_length=60, widget=forms.TextInput({"autocomplete": "name"})
    )
    field_order = ("code", "name", "username", "password1", "password2")

    @property
    def person(self) -> dict[str, str]:
        """The person as the API reads them."""
        told = self.cleaned_data
        return {
            "name": told["name"],
            "username": told["username"],
            "password": told["password1"],
        }

    def refuse(self, problem: Mapping[str, Any]) -> None:
        """Show the API's refusal at the field that it names, else above."""
        errors = problem.get("errors") or {}
        if problem.get("code") == "username_taken":
            errors = {"username": [{"message": problem["title"]}]}
        for name, several in errors.items():
            at = PASSWORD.get(name, name)
            for one in several:
                self.add_error(at if at in self.fields else None, one["message"])
        if not errors:
            self.add_error(None, problem.get("title", ""))


class SetUpForm(NewPersonForm):
    code = forms.CharField(label=_("Code of the setup link"), max_length=64)


class ArrivingView(TemplateResponseMixin, Page):
    """A page for somebody who is not logged in yet."""

    def shown(self, status: int = 200, **context: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(**context), status=status)

    def let_in(self, told: Told) -> HttpResponse:
        """Log in whoever the API has just put on record."""
        user = User.objects.get(username=told.data["username"])
        self.request.session.flush()
        record_authentication(self.request, user, method="password", username=user.username)
        login = Login(user=user, redirect_url=settings.LOGIN_REDIRECT_URL)
        answer: HttpResponse = perform_login(self.request, login)
        return answer


class SetUpView(ArrivingView):
    """Take the setup link, and make whoever has it the operator."""

    title = _("Set this installation up")
    template_name = "console/first/set_up.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        code = request.GET.get("code", "")
        return self.shown(form=SetUpForm(initial={"code": code}, user=User()))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SetUpForm(request.POST, user=User())
        if not form.is_valid():
            return self.shown(422, form=form)
        body = {"code": form.cleaned_data["code"], **form.person}
        told = Caller(request).act("post", "setup", body)
        if told.is_good:
            return self.let_in(told)
        form.refuse(told.data)
        return waits(self.shown(told.status, form=form), told)


class InvitationView(ArrivingView):
    """Show which role a code is good for, and take it as who one is or as somebody new.

    The code stands in the query, which is not written into logs as paths are.
    """

    title: str | Promise = _("You are invited")
    template_name = "console/first/invitation.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page(request.GET.get("code", ""), NewPersonForm(user=User()))

    def post(self, request: HttpRequest) -> HttpResponse:
        code = request.GET.get("code", "")
        if request.user.is_authenticated:
            return self.accepted(code)
        form = NewPersonForm(request.POST, user=User())
        if not form.is_valid():
            return self.page(code, form, 422)
        body = {"code": code, **form.person}
        told = Caller(request).act("post", "role-invitations/accept-as-new", body)
        if told.is_good:
            return self.let_in(told)
        form.refuse(told.data)
        return waits(self.page(code, form, told.status), told)

    def accepted(self, code: str) -> HttpResponse:
        """Let whoever is logged in take the role."""
        caller = Caller(self.request)
        told = caller.act("post", "role-invitations/accept", {"code": code})
        if told.is_good:
            return HttpResponseRedirect(settings.LOGIN_REDIRECT_URL)
        return self.refused(told)

    def page(self, code: str, form: NewPersonForm, status: int = 200) -> HttpResponse:
        told = Caller(self.request).act("post", "role-invitations/look", {"code": code})
        if not told.is_good:
            return self.refused(told)
        role = label_of(told.data["role"], dict(Role.choices))
        return self.shown(status, form=form, invitation=told.data, role=role)

    def refused(self, told: Told) -> HttpResponse:
        errors = (told.data or {}).get("errors") or {}
        words = [one["message"] for several in errors.values() for one in several]
        refusal = words[0] if words else (told.data or {}).get("title", "")
        return waits(self.shown(told.status, refusal=refusal), told)


def waits(answer: HttpResponse, told: Told) -> HttpResponse:
    """Let a page say how long the API asks to wait, if it does."""
    if told.retry_after:
        answer["Retry-After"] = told.retry_after
    return answer
