"""Pages with many readers."""

from typing import Any, ClassVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language
from django.views.generic import TemplateView

from backend import replica
from backend.api.policies import Need, content_security_policy, permissions_policy
from backend.top.pages.preferences import is_large


class KeptPage(TemplateView):
    """A page with many readers, which each process makes anew after ``PAGE_SECONDS``.

    What it is made of may come from the replica, and be older by ``REPLICA_MAX_LAG_SECONDS``.
    ``parameters`` are those of the query that it minds, ``asked`` what they are; of others it knows
    nothing. ``clock`` is the zone of its moments.
    """

    parameters: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[frozenset[Need]] = frozenset()
    asked: dict[str, str]
    clock: ZoneInfo | None = None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        given = ((name, request.GET.get(name, "")) for name in self.parameters)
        self.asked = {name: value for name, value in given if value}
        key = f"{self.address}:{get_language()}:{is_large(request)}"
        content = caches["pages"].get(key)
        if content is None:
            content = replica.read(lambda: self._rendered(**kwargs), is_exact=False)
            caches["pages"].set(key, content, settings.PAGE_SECONDS)
        answer = HttpResponse(content)
        patch_vary_headers(answer, ["Cookie"])
        if settings.PAGE_SECONDS:
            answer["Cache-Control"] = f"public, max-age={settings.PAGE_SECONDS}"
        answer["Content-Security-Policy"] = content_security_policy(self.needs)
        answer["Permissions-Policy"] = permissions_policy(self.needs)
        return answer

    @property
    def address(self) -> str:
        """The page's own address, with the host and the parameters that it minds."""
        query = f"?{urlencode(self.asked)}" if self.asked else ""
        return self.request.build_absolute_uri(f"{self.request.path}{query}")

    def _rendered(self, **kwargs: Any) -> str:
        here = self.address.removeprefix(self.request.build_absolute_uri("/")[:-1])
        page: Any = self.render_to_response(self.get_context_data(**kwargs) | {"here": here})
        with timezone.override(self.clock):
            return str(page.rendered_content)
