"""What somebody may see in a community today; see backend/api/idempotency.py."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request

from backend.api.callers import signed_in
from backend.api.idempotency import Finds, below
from backend.communities import selectors
from backend.communities.models import Community, Role


def in_community(
    roles: tuple[Role, ...], selector: Callable[[Community], QuerySet[Any]], named: str = ""
) -> Finds:
    """What is in the community that the address calls ``code``, for those who are ``roles`` there.

    Of it the one whose id the address calls ``named``.
    """

    def community(request: Request, **names: Any) -> Community:
        reached = selectors.communities_where(signed_in(request), roles)
        return selectors.community_among(reached, names["code"])

    return below(community, selector, named)


def managed_community(request: Request, **names: Any) -> Community:
    """The community ``code``, for who manages it; streets and estates are not joined."""
    managed = selectors.communities_where(signed_in(request), selectors.MANAGES)
    return selectors.community_among(managed, names["code"])


def managed_place(request: Request, **names: Any) -> Community:
    """The street, community or estate ``code``, for who manages it or a place above."""
    managed = selectors.places_managed_by(signed_in(request))
    return selectors.community_among(managed, names["code"])
