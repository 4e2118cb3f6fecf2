"""Calls of the API from within: the console asks it as anybody else, without a network between."""

import json
from collections.abc import Mapping
from functools import cached_property
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode

import httpx
from django.core.exceptions import PermissionDenied
from django.core.handlers.wsgi import WSGIRequest
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, resolve
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from backend.accounts.claims import claims_of
from backend.api.exceptions import request_error
from backend.api.known import refuse_unknown_to
from backend.errors import Refusal

API = "/api/v1/"
NOT_PASSED_ON = (
    "HTTP_COOKIE",
    "HTTP_AUTHORIZATION",
    "HTTP_IF_NONE_MATCH",
    "HTTP_TRANSFER_ENCODING",
    "HTTP_RANGE",
)
NO_FIELDS = b"--none--\r\n"
REFUSED = (Http404, PermissionDenied, APIException, Refusal)


class Told(NamedTuple):
    """An answer of the API: its ``data`` as JSON has it, None where there is no body."""

    status: int
    data: Any
    etag: str = ""
    retry_after: str = ""  # seconds, as the header has them

    @property
    def is_good(self) -> bool:
        return self.status < 400


class Caller:
    """The person at the console, on whose behalf the API is called."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.user = request.user
        self.places_found: dict[Any, Any] = {}  # as finders know them, for ``may``

    @cached_property
    def claims(self) -> dict[str, Any]:
        return claims_of(self.request)

    # --- asking ---------------------------------------------------------------------------
    def read(self, address: str, query: Mapping[str, Any] | str = "") -> Told:
        """Return what ``GET`` of an address answers, refusals included."""
        return told_by(self.send("get", address, query=query))

    def fetch(self, address: str, query: Mapping[str, Any] | str = "") -> Any:
        """Return the data of an address. Raises Http404 if it is refused."""
        told = self.read(address, query)
        if not told.is_good:
            raise Http404
        return told.data

    def act(
        self,
        method: str,
        address: str,
        body: Any = None,
        *,
        key: str = "",
        match: str = "",
        files: Mapping[str, list[Any]] | None = None,
    ) -> Told:
        """Call a writing operation; ``key`` is its idempotency key, ``match`` an ETag."""
        self.places_found.clear()  # what is done may take a role away
        headers = {"HTTP_IDEMPOTENCY_KEY": key, "HTTP_IF_MATCH": match}
        return told_by(self.send(method, address, body=body, headers=headers, files=files))

    def send(
        self,
        method: str,
        address: str,
        *,
        query: Mapping[str, Any] | str = "",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        files: Mapping[str, list[Any]] | None = None,
    ) -> HttpResponseBase:
        """Return the API's own answer, not yet rendered if it is JSON."""
        asked = self._asked(method, address, query, body, headers or {}, files)
        try:
            match = _found(asked)
            refuse_unknown_to(match.func, asked)
        except (Http404, APIException) as refusal:
            return request_error(asked, refusal)
        answer: HttpResponseBase = match.func(asked, *match.args, **match.kwargs)
        return answer

    # --- asking whether -------------------------------------------------------------------
    def may(self, method: str, address: str) -> bool:
        """Return whether the API lets the caller call an operation, without calling it.

        It lets in whoever finds what the address is about. As things stand it may refuse still.
        """
        asked: Any = self._asked(method, address)
        asked.places_found = self.places_found
        try:
            match = _found(asked)
            at: Any = match.func
            if not hasattr(getattr(at, "cls", None), method):
                return False
            view = at.cls(**at.initkwargs)
            view.setup(asked, *match.args, **match.kwargs)
            view.request = view.initialize_request(asked, *match.args, **match.kwargs)
            view.format_kwarg, view.headers = None, {}
            view.initial(view.request, *match.args, **match.kwargs)
            handler = getattr(view, method)
            if method == "get":
                finds = getattr(at.cls, "finds", None)
                finds = getattr(finds, "place", finds)  # a list is for whoever finds its place
                if finds is None:
                    return self.read(address).is_good
            else:
                finds = getattr(handler, "parts", (None,))[0]
            if finds is not None:
                finds(view.request, **match.kwargs)
        except REFUSED:
            return False
        return True

    # --- requests -------------------------------------------------------------------------
    def _asked(
        self,
        method: str,
        address: str,
        query: Mapping[str, Any] | str = "",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        files: Mapping[str, list[Any]] | None = None,
    ) -> HttpRequest:
        kept = {
            name: value
            for name, value in self.request.META.items()
            if name not in NOT_PASSED_ON and not name.startswith("CONTENT_")
        }
        content, kind = _encoded(body, files)
        if kind:
            kept |= {"CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(content))}
        asked: Any = WSGIRequest(
            kept
            | {name: value for name, value in (headers or {}).items() if value}
            | {
                "REQUEST_METHOD": method.upper(),
                "PATH_INFO": f"{API}{unquote(address)}".encode().decode("latin-1"),  # PEP 3333
                "QUERY_STRING": query if isinstance(query, str) else urlencode(query, doseq=True),
                "HTTP_ACCEPT": "*/*",
                "wsgi.input": BytesIO(content),
            }
        )
        asked.user = self.user
        # As REST framework lets its own tests be somebody; the session has said who this is.
        asked._force_auth_user, asked._force_auth_token = self.user, self.claims
        return asked  # type: ignore[no-any-return]


def _found(asked: Any) -> ResolverMatch:
    if "\0" in asked.path:  # which PostgreSQL refuses to compare with
        raise Http404
    asked.resolver_match = resolve(asked.path)
    return asked.resolver_match  # type: ignore[no-any-return]


def _encoded(body: Any, files: Mapping[str, list[Any]] | None) -> tuple[bytes, str]:
    if files is not None:
        fields = [
            (name, (None, str(one)))
            for name, value in (body or {}).items()
            if value is not None
            for one in (value if isinstance(value, list) else [value])
        ]
        uploads = [
            (name, (one.name, one.file, one.content_type))
            for name, several in files.items()
            for one in several
        ]
        if not fields and not uploads:  # httpx would send no form at all
            return NO_FIELDS, "multipart/form-data; boundary=none"
        form = httpx.Request("POST", "http://api", files=[*fields, *uploads])
        return form.read(), form.headers["content-type"]
    if body is None:
        return b"", ""
    return json.dumps(body).encode(), "application/json"


def told_by(answer: HttpResponseBase) -> Told:
    if isinstance(answer, Response) and not answer.is_rendered:
        answer.render()
    content = getattr(answer, "content", b"")
    is_json = "json" in answer.headers.get("Content-Type", "")
    data = json.loads(content) if content and is_json else None
    wait = answer.headers.get("Retry-After", "")
    return Told(answer.status_code, data, answer.headers.get("ETag", ""), wait)


def filled_in(address: str, *facts: Mapping[str, Any]) -> str:
    """Return ``address`` with its ``{names}`` replaced, the first of ``facts`` that knows one wins.

    Raises LookupError for a name that none knows.
    """
    return address.format_map(_Facts(facts))


class _Facts(dict[str, Any]):
    def __init__(self, several: tuple[Mapping[str, Any], ...]) -> None:
        super().__init__()
        for facts in reversed(several):
            self.update(facts)

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if value is None:
            raise LookupError(name)
        return quote(str(value), safe="") if isinstance(value, str | int) else value
