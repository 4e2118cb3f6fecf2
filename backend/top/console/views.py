"""The console's one view: it asks the API what stands at an address, and draws the answer."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import ResolverMatch, resolve
from django.utils.html import format_html, strip_tags
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from rest_framework.response import Response

from backend.api.known import declared_by
from backend.ids import new_id
from backend.top.calls import API, Caller, Told, filled_in, told_by
from backend.top.console import filters, navigation, words
from backend.top.console.forms import BodyForm
from backend.top.console.pages import CHOICES, Action, Choices, Page, Related, Section, all_pages
from backend.top.console.site import site
from backend.top.console.values import UNTOLD, Reader, clock_of, link_to, unit_of, value_at

MOST_CHOICES = 100
FORM = "multipart/form-data"
AT_ONCE = 200  # rows of a batch


def show(request: HttpRequest, address: str) -> HttpResponseBase:
    """Draw the page of an API address, or the form of an operation there, or send that form.

    ``do`` in the query names the operation's method. What the API does not have, or not for whoever
    asks, is a page that says so, with 404.
    """
    try:
        drawn = Drawn(request, address)
        method = request.GET.get("do", "")
        if method == "batch":
            return drawn.batch()
        if method:
            return drawn.form(method)
        if request.method == "POST":
            raise Http404
        return drawn.page()
    except Http404:
        return TemplateResponse(
            request,
            "console/not_found.html",
            {**site.each_context(request), "title": _("Not found")},
            status=404,
        )


class Drawn:
    """One request to the console about the API's ``address``."""

    def __init__(self, request: HttpRequest, address: str) -> None:
        self.request, self.address = request, address
        self.caller = Caller(request)
        self.match: ResolverMatch = resolve(f"{API}{address}")
        self.names: dict[str, Any] = self.match.kwargs
        self.declared = all_pages().get(self.match.route.removeprefix(API[1:]))
        self.seen_on = address  # the page that this is drawn on

    # --- reading --------------------------------------------------------------------------
    def page(self) -> HttpResponseBase:
        query = self.request.GET.copy()
        for name in [name for name, value in query.items() if not value]:
            del query[name]  # a form sends what was left empty as well
        if self.declared and self.declared.rows:
            query.setdefault("page_size", str(self.declared.rows))
        answer = self.caller.send("get", self.address, query=query.urlencode())
        if not isinstance(answer, Response) and answer.status_code < 400:
            return self.made_later(answer) if answer.status_code == 202 else answer  # a file
        if isinstance(answer, Response) and answer.status_code == 200 and not _is_json(answer):
            answer.render()
            return answer
        told = told_by(answer)
        if not told.is_good:
            return self.refused(told)
        page = self.declared or Page(route=self.match.route, title=self.address)
        if isinstance(told.data, Mapping) and "results" in told.data:
            return self.draw(page, self.listed(page, told.data))
        if isinstance(told.data, list):
            return self.draw(page, self.listed(page, {"results": told.data}))
        return self.draw(page, self.opened(page, told.data or {}))

    def made_later(self, answer: HttpResponseBase) -> HttpResponseBase:
        """Draw a page that waits for a file that a task makes, and fetches it."""
        told = told_by(answer)
        place = resolve(urlsplit(told.data["url"]).path).kwargs
        page = Page(route="", title=_("The file is being made"))
        drawn = self.draw(page, {"kind": "later", "asked": told.data})
        again = link_to("communities/{code}/documents/{document_id}", place)
        drawn.headers["Refresh"] = f"{answer.headers['Retry-After']}; url={again}"
        return drawn

    def listed(self, page: Page, data: Mapping[str, Any]) -> dict[str, Any]:
        rows = list(self.rows(page, data["results"]))
        choices = {**CHOICES, **page.choices}
        form = filters.FilterForm(
            self.view,
            self.request.GET,
            page.filters,
            lambda name: self.asked_among(choices[name]) if name in choices else [],
        )
        return {
            "kind": "list",
            "headers": [_label(page, one) for one in page.columns],
            "rows": rows,
            "first": list(self.first(page)),
            "batch": [one for one in page.actions if one.batch and self.is_for_one_of(rows, one)],
            "filters": form,
            "next": _cursor_of(data.get("next")),
            "previous": _cursor_of(data.get("previous")),
            "actions": self.actions([one for one in page.actions if not one.batch], {}),
            "files": [(f"{link}{self.asked}", words) for link, words in self.files(page, {})],
            "answer": data,
        }

    def is_for_one_of(self, rows: list[dict[str, Any]], action: Action) -> bool:
        """Tell whether the caller may do the action to the first of the rows that it is for."""
        row = next((one for one in rows if action.when(one["data"])), None)
        return row is not None and self.caller.may(
            action.method, filled_in(action.address, {"id": row["id"]}, self.names)
        )

    def asked_among(self, choices: Choices) -> list[tuple[str, str]]:
        """Return what a filter chooses among; it is asked for once a minute."""
        key = f"console:{self.request.user.pk}:{self.place_code}:{choices.address}"
        found: list[tuple[str, str]] | None = cache.get(key)
        if found is None:
            try:
                found = self._options(choices, {})
            except LookupError:  # who works nowhere has no place to ask
                found = []
            cache.set(key, found, navigation.SEEN_SECONDS)
        return found

    @property
    def asked(self) -> str:
        """The filters of the list as they stand, for a file of what it shows."""
        query = self.request.GET.copy()
        for name in filters.NOT_OFFERED & set(query):
            del query[name]
        return f"?{query.urlencode()}" if query else ""

    def first(self, page: Page) -> Iterator[dict[str, Any]]:
        """Yield the rows that somebody has to look at before all others, unless a filter is set."""
        if page.first and not self.request.GET:
            query = {**page.first, "page_size": MOST_CHOICES}
            yield from self.rows(page, self.caller.fetch(self.address, query)["results"])

    def rows(self, page: Page, results: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        columns = page.columns or tuple(dict.fromkeys(n for one in results for n in one))[:7]
        for row in results:
            here = {"here": self.place_code}  # where a row has a code of its own
            link = _link(page.opens, row, self.names, here) if page.opens else ""
            yield {
                "id": row.get("id", ""),
                "link": link,
                "data": row,
                "cells": [(_label(page, path), self.marked(page, row, path)) for path in columns],
            }

    def marked(self, page: Page, row: Mapping[str, Any], path: str) -> SafeString:
        """Draw a cell, in a badge if the page marks it."""
        cell = self.reader.cell(row, path, self.shape, short=True)
        style = page.marks[path](row) if path in page.marks else ""
        if not style:
            return cell
        return format_html('<span class="console-badge console-badge-{}">{}</span>', style, cell)

    def opened(self, page: Page, data: Mapping[str, Any]) -> dict[str, Any]:
        drawn = [
            (section.title, self.facts_of(page, section, data))
            for section in page.sections or (Section("", tuple(data)),)
        ]
        return {
            "kind": "thing",
            "name": self.called(page, data),
            "sections": [(title, facts) for title, facts in drawn if facts],
            "actions": self.actions(page.actions, data),
            "related": [one for one in (self.related(r, data) for r in page.related) if one],
            "files": list(self.files(page, data)),
            "answer": data,
        }

    def called(self, page: Page, data: Mapping[str, Any]) -> str:
        """Return what a page of one thing is titled by; ``""`` if by nothing of its own."""
        if not page.named or value_at(data, page.named) in UNTOLD:
            return ""
        return str(strip_tags(self.reader.cell(data, page.named, self.shape)))

    def files(self, page: Page, data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield the addresses beside this thing that the caller may read, each with its words."""
        for address, title in page.files.items():
            link = _link(address, data, self.names)
            if link and self.caller.may("get", link.removeprefix(settings.CONSOLE_PATH)):
                yield link, title

    def facts_of(
        self, page: Page, section: Section, data: Mapping[str, Any]
    ) -> list[tuple[str, str, SafeString]]:
        """Draw the fields of a section: the path, the label and the value of each."""
        return [
            (path, _label(page, path), self.reader.cell(data, path, self.shape))
            for path in section.fields
            if not section.if_told or value_at(data, path) not in UNTOLD
        ]

    def related(self, related: Related, data: Mapping[str, Any]) -> dict[str, Any] | None:
        """Draw the beginning of a list that belongs to this thing; None if it may not be read."""
        try:
            whole = filled_in(related.address, self.names, data)
            address, _mark, query = whole.partition("?")
            inner = Drawn(self.request, address)
            inner.seen_on, inner.reader = self.address, self.reader
            inner.place_code = str(inner.names.get("code", self.place_code))
        except (LookupError, Http404):
            return None
        told = self.caller.read(address, query)
        page = inner.declared
        if not told.is_good or page is None:
            return None
        results = told.data
        if isinstance(told.data, Mapping):
            results = told.data.get("results")
            if results is None:  # one thing, which is a row by itself
                results = [told.data]
                page = replace(page, columns=tuple(f for one in page.sections for f in one.fields))
                if all(value_at(told.data, path) in UNTOLD for path in page.columns):
                    results = []
        if related.if_any and not results:
            return None
        return {
            "title": related.title or page.title,
            "link": f"{settings.CONSOLE_PATH}{whole}",
            "headers": [_label(page, one) for one in page.columns],
            "rows": list(inner.rows(page, results)),
            "more": bool(isinstance(told.data, Mapping) and told.data.get("next")),
            "actions": []
            if query
            else inner.actions([one for one in page.actions if not one.batch], {}),
        }

    def actions(self, offered: Iterable[Action], data: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the operations that the caller may call on this thing as it is."""
        found = []
        for one in offered:
            try:
                address = filled_in(one.address, self.names, data, {"code": self.place_code})
            except LookupError:
                continue
            if one.when(data) and self.caller.may(one.method, address):
                found.append({"action": one, "link": self._form_link(one, address)})
        return found

    def _form_link(self, action: Action, address: str) -> str:
        query = {"do": action.method, "as": action.name, "on": self.address}
        if self.seen_on != self.address:
            query["back"] = f"{settings.CONSOLE_PATH}{self.seen_on}"
        return f"{settings.CONSOLE_PATH}{address}?{urlencode(query)}"

    # --- writing --------------------------------------------------------------------------
    def form(self, method: str) -> HttpResponseBase:
        """Show the form of an operation, or send it."""
        if method not in ("post", "put", "patch", "delete"):
            raise Http404
        if not self.caller.may(method, self.address):
            raise Http404
        on = Drawn(self.request, self.request.GET.get("on") or self.address)
        action = on.action_at(self.address, method, self.request.GET.get("as", "")) or Action(
            address=self.address, title=self.address, method=method
        )
        now = self.caller.read(self.address) if method in ("put", "patch") else Told(404, None)
        facts: Mapping[str, Any] = now.data if now.is_good else {}
        about = on.answer if on.address != self.address else facts
        is_sent = self.request.method == "POST"
        form = self._form(self, action, method, facts, about, is_sent=is_sent)
        tried: Mapping[str, Any] = {}
        if is_sent:
            is_trial = action.tries and "try" in self.request.POST
            told = self._tried(action, form, about) if is_trial else self._sent(action, form)
            if not told.is_good:
                form.show(told.data or {"title": _("Something went wrong.")})
            elif is_trial:
                tried = told.data
            else:
                return self._done(action, on, told)
        return self.draw(
            Page(route="", title=action.title),
            {
                "kind": "form",
                "form": form,
                "action": action,
                "tried": [
                    (words.label(name), self.reader.draw(value, name))
                    for name, value in tried.items()
                ],
                "key": self.request.POST.get("key") or str(new_id()),
                "match": now.etag,
                "back": self._back(on),
            },
            status=422 if is_sent and not tried else 200,
        )

    @cached_property
    def answer(self) -> Mapping[str, Any]:
        """The answer of the address now; empty if it may not be read."""
        told = self.caller.read(self.address)
        return told.data if told.is_good and isinstance(told.data, Mapping) else {}

    def action_named(self, name: str, *, batch: bool = False) -> Action | None:
        """Return the action of this page by its name; of a list, for its rows with ``batch``."""
        actions = self.declared.actions if self.declared else ()
        return next((one for one in actions if (one.name, one.batch) == (name, batch)), None)

    def action_at(self, address: str, method: str, name: str) -> Action | None:
        """Return the action of this page by its name, if it is the operation at ``address``.

        A link that somebody made up could else ask under the title of another action.
        """
        action = self.action_named(name)
        if action is None or action.method != method:
            return None
        here = {"code": self.place_code}
        for facts in (lambda: (self.names, here), lambda: (self.names, self.answer, here)):
            try:
                if unquote(filled_in(action.address, *facts())) == address:
                    return action
            except LookupError:
                continue
        return None

    def _form(
        self,
        at: "Drawn",
        action: Action,
        method: str,
        facts: Mapping[str, Any],
        about: Mapping[str, Any],
        *,
        is_sent: bool,
    ) -> BodyForm:
        posted = self.request.POST if is_sent else None
        told = {**facts, **{n: _first_at(about, paths) for n, paths in action.initial.items()}}
        reader = at.reads(method)
        asked = getattr(reader, "fields", {}) if action.fields is None else action.fields
        for name in asked:  # a thing's id is asked for, the thing is told
            if name not in told and name.removesuffix("_id") in told:
                told[name] = told[name.removesuffix("_id")]
        return BodyForm(
            reader,
            posted,
            self.request.FILES if is_sent else None,
            clock=self.clock,
            asked=[one for one in asked if one not in action.fixed and one != action.many],
            initial=told,
            options={
                name: self._options(one, about)
                for name, one in {**CHOICES, **action.choices}.items()
                if name in action.choices or name in asked
            },
            partial=method == "patch",
            unit=unit_of(about),
        )

    def reads(self, method: str) -> Any:
        """Return what reads the body of an operation here; None if it takes none."""
        declared = declared_by(self.match.func, method.upper())
        bodies = declared.bodies if declared else {}
        return bodies.get(FORM) or next(iter(bodies.values()), None)  # a form may carry files

    def _options(self, choices: Any, about: Mapping[str, Any]) -> list[tuple[str, str]]:
        address = filled_in(choices.address, self.names, about, {"code": self.place_code})
        told = self.caller.read(address, {"page_size": MOST_CHOICES})
        if told.status == 400:  # a list that has no pages
            told = self.caller.read(address)
        rows = told.data
        if not choices.within:
            rows = [rows] if told.is_good else []
        elif not isinstance(rows, list):
            rows = (rows or {}).get(choices.within, [])
        return [
            (
                str(value_at(row, choices.value)),
                " · ".join(self.reader.plain(row, path) for path in choices.label.split()),
            )
            for row in rows
        ]

    def _sent(self, action: Action, form: BodyForm) -> Told:
        files = form.sent_files
        body: Any = {**form.body(), **action.fixed}
        if not form.fields and not action.fixed:
            body = None
        posted = self.request.POST
        return self.caller.act(
            self.request.GET["do"],
            self.address,
            body,
            key=posted.get("key", ""),
            match=posted.get("match", ""),
            files=files,
        )

    def _tried(self, action: Action, form: BodyForm, about: Mapping[str, Any]) -> Told:
        """Return what would come of the operation; nothing is changed."""
        address = filled_in(action.tries, self.names, about)
        return self.caller.act("post", address, {**form.body(), **action.fixed})

    def _done(self, action: Action, on: "Drawn", told: Told) -> HttpResponseBase:
        if action.shows and told.data:
            return self.draw(
                Page(route="", title=action.title, template=action.template),
                {**self.opened_answer(told, action.told), "is_once": True},
            )
        if told.status == 202 and not action.opens:
            messages.info(self.request, _("Asked for. A second person has to confirm it."))
            return HttpResponseRedirect(self._back(on))
        messages.success(self.request, _("Done: {action}.").format(action=action.title))
        made = told.data if isinstance(told.data, Mapping) else {}
        page = on.declared
        opens = action.opens or (
            page.opens if page and self.address == on.address and not self._came_from else ""
        )
        link = _link(opens, made, self.names, on.names) if opens else ""
        return HttpResponseRedirect(link or self._back(on))

    def opened_answer(self, told: Told, fields: tuple[str, ...] = ()) -> dict[str, Any]:
        data = told.data if isinstance(told.data, Mapping) else {"results": told.data}
        sections = (Section("", fields),) if fields else ()
        return {**self.opened(Page(route="", title="", sections=sections), data), "actions": []}

    @property
    def _came_from(self) -> str:
        """The page on which the form of a list below it was asked for; ``""`` if there is none."""
        return self.request.GET.get("back", "")

    def _back(self, on: "Drawn") -> str:
        came = self.request.POST.get("back") or self._came_from
        if url_has_allowed_host_and_scheme(came, None) and came.startswith(settings.CONSOLE_PATH):
            return came
        return f"{settings.CONSOLE_PATH}{on.address}"

    # --- batches --------------------------------------------------------------------------
    def batch(self) -> HttpResponseBase:
        """Do one action to the chosen rows of a list, each by its own call, and tell each result.

        The form of the action is asked for first if it needs more than the choice.
        """
        if self.request.method != "POST" or self.declared is None:
            raise Http404
        action = self.action_named(self.request.POST.get("action", ""), batch=True)
        ids = self.request.POST.getlist("ids")[:AT_ONCE]
        if action is None:
            raise Http404
        if not ids:
            messages.warning(self.request, _("Choose at least one row first."))
            return HttpResponseRedirect(self._back(self))
        key = self.request.POST.get("key") or str(new_id())
        rows = {one: {"id": one} for one in ids}
        addresses = {one: filled_in(action.address, row, self.names) for one, row in rows.items()}
        first = Drawn(self.request, addresses[ids[0]])
        is_sent = "send" in self.request.POST  # else rows were chosen and nothing was typed yet
        form = self._form(first, action, action.method, {}, {}, is_sent=is_sent)
        if not is_sent and (form.fields or action.confirm):
            return self._batch_form(action, form, ids, key)
        body = {**form.body(), **action.fixed}
        if action.many:
            told = self.caller.act(
                action.method, addresses[ids[0]], {**body, action.many: ids}, key=key
            )
            if not told.is_good:
                form.show(told.data)
                return self._batch_form(action, form, ids, key, status=422)
            results = self._results_of_many(action, told)
        else:
            results = [
                (
                    one,
                    self.caller.act(
                        action.method,
                        addresses[one],
                        body if form.fields or action.fixed else None,
                        key=str(uuid5(NAMESPACE_URL, f"{key}:{one}")),
                    ),
                )
                for one in ids
            ]
        return self._batch_done(action, results)

    def _results_of_many(self, action: Action, told: Told) -> list[tuple[str, Told]]:
        """Return each row's own result as if it had been asked for alone."""
        named = action.many.removesuffix("s")
        return [
            (row[named], Told(409 if row.get("problem") else 200, row.get("problem") or row))
            for row in told.data["results"]
        ]

    def _batch_form(
        self, action: Action, form: BodyForm, ids: list[str], key: str, status: int = 200
    ) -> HttpResponse:
        return self.draw(
            Page(route="", title=action.title),
            {
                "kind": "form",
                "form": form,
                "action": action,
                "ids": ids,
                "key": key,
                "back": self._back(self),
            },
            status=status,
        )

    def _batch_done(self, action: Action, results: list[tuple[str, Told]]) -> HttpResponse:
        failed = [(one, told) for one, told in results if not told.is_good]
        names = self._named(one for one, told in failed)
        return self.draw(
            Page(route="", title=action.title),
            {
                "kind": "results",
                "done": len(results) - len(failed),
                "asked": sum(told.status == 202 for _one, told in results),
                "failed": [
                    (
                        names.get(one, one),
                        _link(self.declared.opens, {"id": one}, self.names),  # type: ignore[union-attr]
                        (told.data or {}).get("title", ""),
                    )
                    for one, told in failed
                ],
                "back": self._back(self),
            },
        )

    def _named(self, ids: Iterable[str]) -> dict[str, Any]:
        """Return what stands for rows, as their own pages tell it."""
        opens = self.declared.opens if self.declared else ""
        named = {}
        for one in ids:
            told = self.caller.read(filled_in(opens, {"id": one}, self.names)) if opens else None
            if told and told.is_good and self.declared:
                cells = [self.reader.plain(told.data, path) for path in self.declared.columns[:2]]
                named[one] = " · ".join(filter(None, cells))
        return named

    # --- drawing --------------------------------------------------------------------------
    @cached_property
    def view(self) -> Any:
        return self.match.func

    @cached_property
    def shape(self) -> Any:
        """The serializer of what ``GET`` answers here, for what its fields are."""
        if self.declared and self.declared.shape:
            return self.declared.shape()
        declared = declared_by(self.match.func, "GET")
        return declared.answer if declared else None

    @cached_property
    def place_code(self) -> str:
        """The code of the place that this is about: the address's, or where the caller was."""
        if "code" in self.names:
            return str(self.names["code"])
        place = navigation.place_of(self.request)
        return place.code if place else ""

    @cached_property
    def clock(self) -> ZoneInfo:
        return clock_of(self.place_code)

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.clock)

    def refused(self, told: Told) -> HttpResponseBase:
        if told.status == 404:
            raise Http404
        return self.draw(
            Page(route="", title=_("Not possible")),
            {"kind": "refused", "problem": told.data},
            status=told.status,
        )

    def draw(self, page: Page, context: Mapping[str, Any], status: int = 200) -> TemplateResponse:
        if "code" in self.names:
            navigation.remember(self.request, self.names["code"])
        more = page.adds(self.caller, self.names, context.get("answer")) if page.adds else {}
        template = page.template or f"console/{context['kind']}.html"
        return TemplateResponse(
            self.request,
            template,
            {
                **site.each_context(self.request),
                "title": context.get("name") or page.title,
                "page": page,
                "address": self.address,
                **context,
                **more,
            },
            status=status,
        )


def _is_json(answer: Response) -> bool:
    return "json" in str(getattr(answer, "accepted_media_type", "json"))


def _link(address: str, *facts: Mapping[str, Any]) -> str:
    try:
        return link_to(address, *facts) if address else ""
    except LookupError:
        return ""


def _label(page: Page, path: str) -> str:
    return str(page.labels[path]) if path in page.labels else words.label(path)


def _first_at(data: Any, paths: str) -> Any:
    values = (value_at(data, path) for path in paths.split())
    return next((one for one in values if one not in (None, "")), None)


def _cursor_of(link: str | None) -> str:
    return parse_qs(urlsplit(link).query).get("cursor", [""])[0] if link else ""
