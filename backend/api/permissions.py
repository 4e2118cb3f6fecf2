"""Permissions that depend on the log-in, checked before any view."""

from typing import TYPE_CHECKING, Any, cast

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from backend.accounts.claims import SECOND_FACTOR
from backend.accounts.models import User
from backend.api.errors import SecondFactorRequired

if TYPE_CHECKING:  # REST framework imports us while it makes this one
    from rest_framework.views import APIView


class SecondFactorWhereDue(BasePermission):
    """Permission that requires a second factor of managers and auditors of any place.

    Costs no statement: the person's row says whether it is due. Raises SecondFactorRequired.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if isinstance(request.user, User) and request.user.second_factor_required:
            claims = cast(dict[str, Any], request.auth)
            if SECOND_FACTOR not in claims.get("methods", []):
                raise SecondFactorRequired
        return True


class SecondFactorToWrite(SecondFactorWhereDue):
    """Permission for what anybody may read without a log-in: reading needs no second factor."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return request.method in SAFE_METHODS or super().has_permission(request, view)
