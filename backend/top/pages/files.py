"""Files of the API's, as addresses of a room: a page's pictures and downloads have no token."""

from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import SimpleTemplateResponse
from django.urls import resolve
from django.utils.translation import gettext as _
from django.views.generic import View

from backend.api.middleware import room_of
from backend.top.calls import Caller, filled_in, told_by
from backend.top.pages.base import not_found


class FileView(View):
    """A file of the API's, for whoever may read it there; what the API refuses is not found.

    ``address`` is the API's, with ``{names}`` of the page's address; the query is passed on. With a
    ``name`` it is saved under that. A file that a task makes is waited for.
    """

    address: ClassVar[str]
    name: ClassVar[str] = ""
    http_method_names = ("get", "head")

    def get(self, request: HttpRequest, **names: Any) -> HttpResponseBase:
        address = filled_in(self.address, names)
        answer = Caller(request).send("get", address, query=request.GET.urlencode())
        if answer.status_code >= 400:
            return not_found(request)
        if answer.status_code == 202:
            return self.waited_for(request, answer)
        if isinstance(answer, SimpleTemplateResponse):
            answer.render()
        if self.name:
            name = filled_in(self.name, names)
            answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    def waited_for(self, request: HttpRequest, answer: HttpResponseBase) -> HttpResponse:
        """Draw a page that asks again where the file will be."""
        place = resolve(urlsplit(told_by(answer).data["url"]).path).kwargs
        room = room_of(request)
        again = f"{room}files/{place['code']}/{place['document_id']}"
        shown = {"title": _("The file is being made"), "room": room, "again": again}
        drawn = render(request, "pages/later.html", shown, status=202)
        drawn.headers["Refresh"] = f"{answer.headers['Retry-After']}; url={again}"
        return drawn


class DocumentView(FileView):
    """A file that a task made: ``files/{code}/{document_id}`` of a room."""

    address = "communities/{code}/documents/{document_id}"
