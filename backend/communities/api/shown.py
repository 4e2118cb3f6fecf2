"""Finders of the place that an address calls ``code``, and of what is in it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.idempotency import Finds
from backend.api.views import below
from backend.communities import selectors
from backend.communities.models import Community, Role


def _among(
    reached: Callable[[User, tuple[Role, ...]], QuerySet[Community]], roles: tuple[Role, ...]
) -> Callable[..., Community]:
    def find(request: Request, **names: Any) -> Community:
        # Of a request that asks for many addresses at once; see Caller.may.
        found: dict[Any, Community] = getattr(request, "places_found", {})
        asked = reached, roles, names["code"]
        if asked not in found:
            found[asked] = selectors.community_among(
                reached(signed_in(request), roles), names["code"]
            )
        return found[asked]

    return find


def community(roles: tuple[Role, ...]) -> Callable[..., Community]:
    """Find the community that the address names, for those who are ``roles``."""
    return _among(selectors.communities_where, roles)


def in_community(
    roles: tuple[Role, ...], selector: Callable[[Community], QuerySet[Any]], named: str = ""
) -> Finds:
    """Find rows of the community that the address names, for those who are ``roles``.

    With ``named``, the one row whose id the address calls so.
    """
    return below(community(roles), selector, named)


def tenant(request: Request, **names: Any) -> Community:
    """Find the community that the address calls ``code``, for everybody."""
    return selectors.community_among(selectors.tenants(), names["code"])


def where_known(request: Request, **names: Any) -> tuple[str, UUID]:
    """List the communities that the caller is or was a volunteer of, for ``within``."""
    return "communities_known_to", signed_in(request).pk


def reached_place(roles: tuple[Role, ...]) -> Callable[..., Community]:
    """Find the community or estate that the address names, for those who are ``roles``."""
    return _among(selectors.working_places_where, roles)


def place(roles: tuple[Role, ...]) -> Callable[..., Community]:
    """Find the place of any kind that the address names, for those who are ``roles``."""
    return _among(selectors.places_where, roles)


def kept_place(request: Request, **names: Any) -> Community:
    """Find the place of any kind that the address names, for those who keep it."""
    return selectors.community_among(selectors.places_kept_by(signed_in(request)), names["code"])


def wide_place(roles: tuple[Role, ...]) -> Callable[..., Community]:
    """Find the street or community that the address names, for those who are ``roles``."""
    return _among(selectors.wide_places_where, roles)


managed_community = community(selectors.MANAGES)
managed_place = place(selectors.MANAGES)
