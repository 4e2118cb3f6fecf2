"""Files at the root of our domain by which WeChat sees that it is ours."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.generic import View


class DomainFileView(View):
    """A file that WeChat asks for: ``/{name}.txt``; 404 unless the operator named it."""

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        content = settings.WECHAT_DOMAIN_FILES.get(f"{name}.txt")
        if content is None:
            raise Http404
        return HttpResponse(content, content_type="text/plain; charset=utf-8")
