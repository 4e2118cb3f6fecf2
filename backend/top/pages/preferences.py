"""How somebody wants to read our pages: in which language, and how large."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from backend.api.throttling import PublicThrottle, throttled

LARGE = "linli_large"  # a cookie, "1" for large type 「适老化」
YEAR = int(timedelta(days=365).total_seconds())


def is_large(request: HttpRequest) -> bool:
    return request.COOKIES.get(LARGE) == "1"


@csrf_exempt  # a stranger's page could change the size of type, and nothing else
@throttled(PublicThrottle)
@require_POST
def prefer(request: HttpRequest) -> HttpResponse:
    """Keep ``language`` (zh-hans or en) and ``large`` (1 or 0) in cookies, and lead back."""
    back = request.POST.get("next", "")
    is_ours = back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    answer = HttpResponseRedirect(back if is_ours else "/")
    language, large = request.POST.get("language", ""), request.POST.get("large")
    secure = settings.SESSION_COOKIE_SECURE
    if language in dict(settings.LANGUAGES) and check_for_language(language):
        answer.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, language, YEAR, secure=secure, samesite="Lax"
        )
    if large in ("0", "1"):
        answer.set_cookie(LARGE, large, YEAR, secure=secure, samesite="Lax", httponly=True)
    return answer
