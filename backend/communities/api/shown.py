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
from backend.communities.errors import CommunityUnknown
from backend.communities.models import Community, Role


def place_among(
    request: Request, code: str, reached: Callable[..., QuerySet[Community]], *facts: Any
) -> Community:
    """Return the one called ``code`` of the places that ``reached`` returns for ``facts``.

    A request that asks for many addresses at once (``Caller.may``) looks for it once. Raises
    CommunityUnknown.
    """
    found: dict[Any, Community | None] = getattr(request, "places_found", {})
    asked = code, reached, *facts
    if asked not in found:
        try:
            found[asked] = selectors.community_among(reached(*facts), code)
        except CommunityUnknown:
            found[asked] = None
    if (one := found[asked]) is None:
        raise CommunityUnknown
    return one


def _among(
    reached: Callable[[User, tuple[Role, ...]], QuerySet[Community]], roles: tuple[Role, ...]
) -> Callable[..., Community]:
    def find(request: Request, **names: Any) -> Community:
        return place_among(request, names["code"], reached, signed_in(request), roles)

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
    return place_among(request, names["code"], selectors.tenants)


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
    return place_among(request, names["code"], selectors.places_kept_by, signed_in(request))


def wide_place(roles: tuple[Role, ...]) -> Callable[..., Community]:
    """Find the street or community that the address names, for those who are ``roles``."""
    return _among(selectors.wide_places_where, roles)


managed_community = community(selectors.MANAGES)
managed_place = place(selectors.MANAGES)
