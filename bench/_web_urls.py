"""Every address, and ``/open``: ``me`` told beforehand who is asking."""

from functools import cache

from django.urls import path
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from backend.accounts.models import User
from backend.communities.api.views import MeView
from backend.urls import urlpatterns as every_address
from bench.auth import USERNAME


@cache
def _somebody() -> User:
    return User.objects.get(username=USERNAME)


class Told(BaseAuthentication):
    """Reads neither a token nor a row."""

    def authenticate(self, request: Request) -> tuple[User, None]:
        return _somebody(), None


urlpatterns = [
    *every_address,
    path("open", MeView.as_view(authentication_classes=[Told])),
]
