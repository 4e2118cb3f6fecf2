"""The right of a person to decide about another's record."""

from backend.accounts.models import User
from backend.communities.models import Community, Membership, Role
from backend.communities.selectors import HANDLES, places_of, places_where, roles_along
from backend.communities.services import roles
from backend.people.errors import BelongsElsewhere, OwnPerson, StandsAbove


def require_above(by: User, user: User, *, place: Community | None = None) -> None:
    """Refuse ``by`` unless they might withdraw each role that ``user`` was given.

    With ``place``, the roles along its tree count; else nobody in a place is above an operator of
    the installation. Raises OwnPerson, StandsAbove.
    """
    if by.pk == user.pk:
        raise OwnPerson
    if place is None:
        require_no_operator(user)
    for held in roles_along(user, place):
        from_above = held.role == Role.MANAGER
        if not roles.manages(by, held.community, from_above=from_above):
            raise StandsAbove


def require_no_operator(user: User) -> None:
    """Refuse to decide how an operator of the installation logs in. Raises StandsAbove."""
    if user.is_superuser:
        raise StandsAbove


def require_belonging(by: User, user: User) -> None:
    """Refuse staff of a place that ``user`` has left to decide about somebody who is elsewhere now.

    Raises BelongsElsewhere.
    """
    theirs = Membership.objects.filter(user=user, ended_at=None).values("community")
    now = Community.objects.filter(pk__in=theirs)
    if now.exists() and not now.filter(pk__in=places_where(by, HANDLES).values("pk")).exists():
        raise BelongsElsewhere


def require_reach(by: User, user: User, among: tuple[Role, ...]) -> None:
    """Refuse ``by`` unless a role of theirs reaches all places of ``user``.

    Raises BelongsElsewhere.
    """
    if places_of(user).exclude(pk__in=places_where(by, among).values("pk")).exists():
        raise BelongsElsewhere
