"""Pages with many readers."""

from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language
from django.views.generic import TemplateView

from backend import replica
from backend.top.pages.preferences import is_large


class KeptPage(TemplateView):
    """A page with many readers, which each process makes anew after ``PAGE_SECONDS``.

    What it is made of may come from the replica, and be older by ``REPLICA_MAX_LAG_SECONDS``.
    """

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        key = f"{request.path}:{get_language()}:{is_large(request)}"
        content = caches["pages"].get(key)
        if content is None:
            content = replica.read(lambda: self._rendered(**kwargs), is_exact=False)
            caches["pages"].set(key, content, settings.PAGE_SECONDS)
        answer = HttpResponse(content)
        patch_vary_headers(answer, ["Cookie"])
        if settings.PAGE_SECONDS:
            answer["Cache-Control"] = f"public, max-age={settings.PAGE_SECONDS}"
        return answer

    def _rendered(self, **kwargs: Any) -> str:
        page: Any = self.render_to_response(self.get_context_data(**kwargs))
        return str(page.rendered_content)
