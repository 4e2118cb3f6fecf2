"""The person who asks."""

from django.http import HttpRequest
from rest_framework.request import Request

from backend.accounts.models import User


def signed_in(request: Request | HttpRequest) -> User:
    """The person who sent ``request``; for views that ask for a log-in, which is the default."""
    user = request.user
    if not isinstance(user, User):
        raise TypeError("This view lets strangers in, yet asks who they are.")
    return user
