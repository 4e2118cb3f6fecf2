"""The person who sends a request."""

from django.http import HttpRequest
from rest_framework.request import Request

from backend.accounts.models import User


def signed_in(request: Request | HttpRequest) -> User:
    """Return the person who sent ``request``; for views that require a log-in, the default."""
    user = request.user
    if not isinstance(user, User):
        raise TypeError("This view lets strangers in, yet asks who they are.")
    return user
