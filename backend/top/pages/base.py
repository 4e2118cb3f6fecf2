"""Pages of people who are logged in: each asks the API on their behalf and draws the answer.

A page has no rule, no query and no write of its own (docs/pages.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.generic import View

from backend.api.middleware import room_of
from backend.api.policies import Need, content_security_policy, permissions_policy
from backend.top.calls import Caller, Told, filled_in
from backend.top.pages.rooms import let_in

Read = Callable[[QueryDict, str], Any]
LEFT_OUT = object()


# --- what a form sends ------------------------------------------------------------------------
def text(typed: QueryDict, name: str) -> Any:
    """Read a text; one that is empty is left out."""
    return typed.get(name, "").strip() or LEFT_OUT


def whole(typed: QueryDict, name: str) -> Any:
    """Read a whole number; what is none is sent as it is, and the API says what is wrong."""
    typed_text = typed.get(name, "").strip()
    return int(typed_text) if typed_text.isdecimal() and len(typed_text) < 16 else text(typed, name)


def number(typed: QueryDict, name: str) -> Any:
    """Read a number such as a coordinate."""
    try:
        return float(str(typed[name]))
    except (KeyError, ValueError):
        return LEFT_OUT


def yes(typed: QueryDict, name: str) -> Any:
    """Read a box that is ticked or not."""
    return name in typed


def several(typed: QueryDict, name: str) -> Any:
    """Read the chosen ones of a list; an empty list is sent."""
    return typed.getlist(name)


@dataclass(frozen=True)
class Act:
    """Something that a page lets its reader do: one call of the API.

    ``address`` is the API's, with ``{names}`` from the page's own address or from the form.
    ``reads`` are the fields of the body and how each is read from the form, ``files`` those that
    are files. ``said`` is told when it is done, and then the reader is led to ``then``, a path that
    may have ``{names}`` of the answer; without it back to the page.
    """

    method: str
    address: str
    reads: Mapping[str, Read] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    said: str | Promise = ""
    then: str = ""

    def send(self, caller: Caller, request: HttpRequest, names: Mapping[str, Any]) -> Told:
        """Call the API with what the form has. Raises Http404 if a name of the address lacks."""
        typed = request.POST
        body = {name: read(typed, name) for name, read in self.reads.items()}
        body = {name: value for name, value in body.items() if value is not LEFT_OUT}
        try:
            address = filled_in(self.address, names, typed.dict())
        except LookupError as exc:
            raise Http404 from exc
        sent = {name: request.FILES.getlist(name) for name in self.files} if self.files else None
        return caller.act(
            self.method,
            address,
            body if self.reads or sent is not None else None,
            key=typed.get("key", ""),
            match=typed.get("match", ""),
            files=sent,
        )


class Page(View):
    """A page of a room, for whoever is logged in to it.

    A subclass says its ``title``, its ``template_name``, what it ``needs`` of the browser, the tab
    that it stands under, and the ``acts`` of its forms; ``told`` asks the API for what is shown.
    """

    title: ClassVar[str | Promise] = ""
    template_name: ClassVar[str]
    tab: ClassVar[str] = ""
    needs: ClassVar[frozenset[Need]] = frozenset()
    acts: ClassVar[Mapping[str, Act]] = {}
    http_method_names = ("get", "post", "head")

    asks: Caller

    def told(self, **names: Any) -> dict[str, Any]:
        """Return what the template shows; ``names`` are those of the address. Raises Http404."""
        return {}

    def about(self) -> dict[str, Any]:
        """Return what the frame of all pages of the room shows."""
        return {}

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.asks = Caller(request)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except Http404:
            return not_found(request)

    def get(self, request: HttpRequest, **names: Any) -> HttpResponseBase:
        return self.drawn(names)

    def post(self, request: HttpRequest, **names: Any) -> HttpResponseBase:
        """Do what the form says, once for its key, and show the page again if it is refused."""
        act = self.acts.get(request.POST.get("act", ""))
        if act is None:
            raise Http404
        done = act.send(self.asks, request, names)
        if not done.is_good:
            answer = self.drawn(names, refused=done.data or {}, status=done.status)
            if done.retry_after:
                answer["Retry-After"] = done.retry_after
            return answer
        if act.said:
            messages.success(request, str(act.said))
        facts = done.data if isinstance(done.data, Mapping) else {}
        return HttpResponseRedirect(
            filled_in(act.then, facts, names) if act.then else request.get_full_path()
        )

    def drawn(
        self,
        names: Mapping[str, Any],
        *,
        refused: Mapping[str, Any] | None = None,
        status: int = 200,
    ) -> HttpResponse:
        """Draw the page; ``refused`` is why its form was, ``status`` the API's."""
        if settings.CSRF_COOKIE_NAME not in self.request.COOKIES:
            get_token(self.request)  # by its cookie a script asks for a token, where no form is too
        # Asked by the API's own clock: an ETag is of its words.
        shown = {
            "title": self.title,
            "tab": self.tab,
            "room": room_of(self.request),
            "refused": refused,
            "typed": self.request.POST if refused else {},
            **self.about(),
            **self.told(**names),
        }
        with timezone.override(ZoneInfo(settings.TIME_ZONE_OF_PLACES)):
            answer = render(self.request, self.template_name, shown, status=status)
        answer["Content-Security-Policy"] = content_security_policy(self.needs)
        answer["Permissions-Policy"] = permissions_policy(self.needs)
        return answer


def page(route: str, view: type[View], name: str) -> URLPattern:
    """Return the address of a page for whoever is logged in to its room."""
    return path(route, let_in(view.as_view()), name=name)


def not_found(request: HttpRequest) -> HttpResponse:
    """Return the page that says that there is nothing here for the reader."""
    shown = {"title": _("There is nothing here."), "room": room_of(request)}
    return render(request, "pages/not_found.html", shown, status=404)
