"""Every address, and those that benches measure them against."""

from functools import cache
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.communities.api.views import MeView
from backend.urls import urlpatterns as every_address
from bench.auth import USERNAME
from merchants.models import Partnership, ScanAttempt


@cache
def _somebody() -> User:
    return User.objects.get(username=USERNAME)


class Told(BaseAuthentication):
    """Authentication that reads neither a token nor a row."""

    def authenticate(self, request: Request) -> tuple[User, None]:
        return _somebody(), None


@cache
def _partnership() -> Partnership:
    return Partnership.objects.get()


class FloorView(APIView):
    """View that knows who asks and inserts a row, the only trace of a scan that it leaves."""

    def post(self, request: Request) -> Response:
        return Response({"id": _inserted(signed_in(request))}, status=201)


@csrf_exempt
def bare(request: HttpRequest) -> JsonResponse:
    """View of Django alone that inserts the same row, as whoever it is."""
    return JsonResponse({"id": _inserted(_somebody())}, status=201)


def _inserted(clerk: User) -> UUID:
    partnership = _partnership()
    attempt = ScanAttempt.objects.create(
        community_id=partnership.community_id,
        merchant_id=partnership.merchant_id,
        clerk=clerk,
        code="FLOOR",
        outcome="redeemed",
    )
    return attempt.pk


urlpatterns = [
    # First: looking addresses through is no part of a floor.
    path("floor", FloorView.as_view()),
    path("bare", bare),
    *every_address,
    path("open", MeView.as_view(authentication_classes=[Told])),
]
