"""The page at a shift's door: the venue's code full-screen, without a log-in, by its link."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.generic import View

from backend import codes as drawn
from volunteers.attendance import codes
from volunteers.attendance.selectors import gate_at
from volunteers.models import Gate

TYPES = {"svg": "image/svg+xml", "png": "image/png"}


class GateView(View):
    """The page of a link: ``/gate/{link}``; 404 once it is closed or the shift over."""

    def get(self, request: HttpRequest, link: str) -> HttpResponse:
        gate = _found(link)
        told: dict[str, Any] = {
            "gate": gate,
            "link": link,
            "opens_at": gate.shift.check_in_opens_at,
            "is_open": timezone.now() >= gate.shift.check_in_opens_at,
        }
        return _unkept(render(request, "pages/gate.html", told))


class GateCodeView(View):
    """The code of now as a picture: ``/gate/{link}/code.svg`` or ``png``."""

    def get(self, request: HttpRequest, link: str, kind: str) -> HttpResponse:
        code = codes.code_of(codes.Kind.VENUE, _found(link).shift, at=timezone.now())
        return _unkept(HttpResponse(drawn.picture(code, kind), content_type=TYPES[kind]))


def _found(link: str) -> Gate:
    gate = gate_at(link)
    if gate is None:
        raise Http404
    return gate


def _unkept(answer: HttpResponse) -> HttpResponse:
    """Forbid keeping the answer, and telling others where it was."""
    answer["Cache-Control"] = "no-store"
    answer["Referrer-Policy"] = "no-referrer"
    return answer
