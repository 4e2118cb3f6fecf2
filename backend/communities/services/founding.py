"""Founding a place together with the invitation of who will manage it."""

from typing import Any

from django.db import transaction

from backend.accounts.models import User
from backend.communities.models import Community, Role
from backend.communities.services import invitations, places


@transaction.atomic
def found(*, founded_by: User, kind: Community.Kind, **facts: Any) -> Community:
    """Found a place and, if it is a street or community, invite its first manager.

    Raises what ``places.found`` raises.
    """
    place = places.found(kind=Community.Kind(kind), founded_by=founded_by, **facts)
    if place.kind != Community.Kind.ESTATE:
        invitations.invite(place=place, role=Role.MANAGER, invited_by=founded_by)
    return place
