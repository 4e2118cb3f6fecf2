"""What makes a room an app on a phone: its manifest, and the worker that keeps pages for later."""

import hashlib
import json
from collections.abc import Iterable
from functools import cache

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.functional import Promise
from django.views.generic import View

from backend.api.policies import content_security_policy

SHARED = (
    "pages/pages.css", "pages/room.js", "pages/api.js", "pages/waiting.js", "pages/scanner.js",
    "zxing/es/reader/index.js", "zxing/es/share.js", "zxing/reader/zxing_reader.wasm",
)  # fmt: skip


class ManifestView(View):
    """The manifest of a room: ``name`` and ``short_name`` of the app that it is."""

    name: str | Promise = ""
    short_name: str | Promise = ""
    start = ""

    def get(self, request: HttpRequest) -> HttpResponse:
        icon = {"src": static("console/icon.svg"), "sizes": "any", "type": "image/svg+xml"}
        told = {
            "name": str(self.name),
            "short_name": str(self.short_name),
            "start_url": self.start,
            "scope": self.start,
            "display": "standalone",
            "background_color": "#f4f6f3",
            "theme_color": "#1b6e4f",
            "icons": [icon],
        }
        return JsonResponse(told, content_type="application/manifest+json")


class WorkerView(View):
    """The service worker of a room.

    ``files`` are static files beyond ``SHARED`` that its pages need without signal, ``kept`` the
    addresses of pages that are kept as they were last answered; one ending in ``*`` stands for all
    that begin so.
    """

    files: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def get(self, request: HttpRequest) -> HttpResponse:
        files = (*SHARED, *self.files)
        shown = {
            "version": version_of(files),
            "shell": json.dumps([static(one) for one in files if finders.find(one)]),
            "kept": json.dumps(list(self.kept)),
        }
        script = render_to_string("pages/worker.js", shown)
        answer = HttpResponse(script, content_type="text/javascript; charset=utf-8")
        answer["Cache-Control"] = "no-cache"
        answer["Content-Security-Policy"] = content_security_policy()
        return answer


@cache
def version_of(files: Iterable[str]) -> str:
    """Return a digest of the files, so that a phone fetches them anew when one of them changes."""
    digest = hashlib.sha256()
    for one in files:
        if found := finders.find(one):
            with open(str(found), "rb") as file:
                digest.update(file.read())
    return digest.hexdigest()[:12]
