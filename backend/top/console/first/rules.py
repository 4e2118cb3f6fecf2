"""A rule from a template or from the one in force: changed in a form, tried, then published."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.ids import new_id
from backend.top.calls import Caller
from backend.top.console import navigation
from backend.top.console.first.rule_forms import HoursForm, ReportForm, form_of
from backend.top.console.site import site
from backend.top.console.values import clock_of
from points.awards.services.tryout import MOST_DAYS


def begin(request: HttpRequest, code: str) -> HttpResponse:
    """Choose what a rule begins with, or show its form, try it, or publish it."""
    caller = Caller(request)
    if not caller.may("post", f"communities/{code}/rules/versions"):
        raise Http404
    navigation.remember(request, code)
    if (found := _beginning(caller, request, code)) is None:
        return _choose(caller, request, code)
    subject, category, parameters = found
    today = _today(code)
    posted = request.POST if request.method == "POST" else None
    form = form_of(subject, parameters, posted, category=category, valid_from=today)
    shown: dict[str, Any] = {"form": form, "key": request.POST.get("key") or str(new_id())}
    status = 200
    if posted is not None and form.is_valid():
        if "publish" in posted:
            if (answer := _publish(caller, request, code, form)) is not None:
                return answer
        else:
            shown |= _tried(caller, code, form, today)
    if posted is not None and form.errors:
        status = 422
    return _page(request, code, "rule_form", shown, status)


def _beginning(
    caller: Caller, request: HttpRequest, code: str
) -> tuple[str, str, dict[str, Any]] | None:
    """Return the subject, category and parameters of what was chosen; None if nothing was."""
    if key := request.GET.get("template"):
        for one in caller.fetch("rule-templates"):
            if one["key"] == key:
                return one["subject"], one["category"], one["parameters"]
        raise Http404
    if rule_id := request.GET.get("rule"):
        if "/" in rule_id:  # of what is below a rule
            raise Http404
        rule = caller.fetch(f"communities/{code}/rules/{rule_id}")
        version = rule["in_force"] or next(iter(rule["upcoming"]), None)
        return rule["subject"], rule["category"], version["parameters"] if version else {}
    return None


def _choose(caller: Caller, request: HttpRequest, code: str) -> HttpResponse:
    subject = request.GET.get("subject")
    templates = [one for one in caller.fetch("rule-templates") if subject in (None, one["subject"])]
    return _page(request, code, "rule_templates", {"templates": templates})


def _tried(caller: Caller, code: str, form: HoursForm | ReportForm, today: date) -> dict[str, Any]:
    """Return what the draft gives for one record, and would have given for the last year."""
    draft = form.draft()
    example = caller.act("post", f"communities/{code}/rules/example", draft | form.example())
    if not example.is_good:
        form.refuse(example.data)
        return {}
    since = today - timedelta(days=MOST_DAYS - 1)
    period = {"since": since.isoformat(), "until": today.isoformat()}
    trial = caller.act("post", f"communities/{code}/rules/tryout", draft | period)
    past = trial.data if trial.is_good and trial.data["awards_under_draft"] else None
    return {"example": example.data, "past": past, "period": period}


def _publish(
    caller: Caller, request: HttpRequest, code: str, form: HoursForm | ReportForm
) -> HttpResponse | None:
    told = caller.act(
        "post",
        f"communities/{code}/rules/versions",
        form.draft() | form.days(),
        key=request.POST.get("key", ""),
    )
    if not told.is_good:
        form.refuse(told.data)
        return None
    messages.success(request, _("The rule is published."))
    rule: Mapping[str, Any] = told.data["rule"]
    return HttpResponseRedirect(f"{settings.CONSOLE_PATH}communities/{code}/rules/{rule['id']}")


def _today(code: str) -> date:
    return timezone.now().astimezone(clock_of(code)).date()


def _page(
    request: HttpRequest, code: str, template: str, shown: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    return TemplateResponse(
        request,
        f"console/first/{template}.html",
        {**site.each_context(request), "title": _("Publish a rule"), "code": code, **shown},
        status=status,
    )
