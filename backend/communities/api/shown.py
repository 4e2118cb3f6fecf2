"""Finders for backend/api/idempotency.py: the place that an address names, and what is in it."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request

from backend.api.callers import signed_in
from backend.api.idempotency import Finds
from backend.api.views import below
from backend.communities import selectors
from backend.communities.models import Community, Role


def in_community(
    roles: tuple[Role, ...], selector: Callable[[Community], QuerySet[Any]], named: str = ""
) -> Finds:
    """Find rows of the community that the address calls ``code``, for those who are ``roles``.

    With ``named``, the one row whose id the address calls so.
    """

    def community(request: Request, **names: Any) -> Community:
        reached = selectors.communities_where(signed_in(request), roles)
        return selectors.community_among(reached, names["code"])

    return below(community, selector, named)


def tenant(request: Request, **names: Any) -> Community:
    """Find the community that the address calls ``code``, for everybody."""
    return selectors.community_among(selectors.tenants(), names["code"])


def reached_place(roles: tuple[Role, ...]) -> Callable[..., Community]:
    """Find the community or estate that the address calls ``code``, for those who are ``roles``."""

    def place(request: Request, **names: Any) -> Community:
        reached = selectors.working_places_where(signed_in(request), roles)
        return selectors.community_among(reached, names["code"])

    return place


def managed_community(request: Request, **names: Any) -> Community:
    """Find the community ``code``, for its managers; streets and estates are not joined."""
    managed = selectors.communities_where(signed_in(request), selectors.MANAGES)
    return selectors.community_among(managed, names["code"])


def managed_place(request: Request, **names: Any) -> Community:
    """Find the street, community or estate ``code``, for managers of it or of a place above."""
    managed = selectors.places_managed_by(signed_in(request))
    return selectors.community_among(managed, names["code"])
