"""The communities, and the roles of the caller.

Logging in is django-allauth's: ``POST /_allauth/app/v1/auth/login``.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request

from backend.accounts.api.serializers import ProfileSerializer
from backend.accounts.models import User
from backend.accounts.services import profile
from backend.api.views import ListView, OpenView, myself, writes
from backend.communities import selectors
from backend.communities.api.serializers import CommunitySerializer, MeSerializer
from backend.communities.models import Community


class MeView(OpenView[User]):
    """Show who I am and which roles I hold: ``/api/v1/me``.

    Also for those who still owe a second factor: ``second_factor_required`` says so.
    """

    serializer_class = MeSerializer
    finds = myself

    def get_permissions(self) -> Sequence[Any]:
        return [IsAuthenticated()] if self.request.method == "GET" else super().get_permissions()

    @writes(MeSerializer, body=ProfileSerializer, edits=True, while_suspended=True)
    def patch(self, user: User, **facts: Any) -> User:
        """Change my name and, once, my birthday: ``PATCH /api/v1/me``.

        ``born_on_is_final`` if I told another birthday before.
        """
        return profile.change(user=user, **facts)


def communities(request: Request, **names: Any) -> QuerySet[Community]:
    """Find all communities, for everybody."""
    return selectors.tenants()


class CommunityListView(ListView[Community]):
    """List the communities and the point where each is: ``GET /api/v1/communities``. Public."""

    permission_classes = (AllowAny,)
    serializer_class = CommunitySerializer
    finds = communities
