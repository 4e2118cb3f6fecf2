"""Founding places and giving roles."""

from django.db import transaction

from backend.accounts.models import User
from backend.communities.errors import RoleConflict
from backend.communities.models import Community, Membership, Role

OWES_SECOND_FACTOR = (Role.MANAGER, Role.AUDITOR)
WORKS, AUDITS = (
    (Role.STAFF, Role.MANAGER),
    (Role.AUDITOR,),
)  # the constraint auditor_changes_nothing


@transaction.atomic
def found(
    *,
    code: str,
    name: str,
    kind: Community.Kind = Community.Kind.COMMUNITY,
    parent: Community | None = None,
    timezone: str = "Asia/Shanghai",
) -> Community:
    """A new place. IntegrityError if the code, or the name under that parent, is taken."""
    place: Community = Community.objects.create(
        code=code, name=name, kind=kind, parent=parent, timezone=timezone
    )
    return place


@transaction.atomic
def estate_named(*, community: Community, name: str) -> Community:
    """The estate 小区 of that name under ``community``, founded if it is new."""
    estate: Community
    estate, _ = Community.objects.get_or_create(
        parent=community,
        name=name,
        defaults={
            "kind": Community.Kind.ESTATE,
            "code": f"{community.code[:27]}-{Community().pk.hex[-12:]}",
            "timezone": community.timezone,
        },
    )
    return estate


@transaction.atomic
def grant(*, user: User, community: Community, role: Role) -> Membership:
    """Give ``user`` the role there; holding it already is fine.

    Managers and auditors owe a second factor from their next request on.
    Raises RoleConflict: nobody audits where they work.
    """
    others = WORKS if role == Role.AUDITOR else AUDITS if role in WORKS else ()
    if Membership.objects.filter(
        user=user, community=community, role__in=others, ended_at=None
    ).exists():
        raise RoleConflict
    membership, _ = Membership.objects.get_or_create(
        user=user, community=community, role=role, ended_at=None
    )
    if role in OWES_SECOND_FACTOR and not user.second_factor_required:
        user.second_factor_required = True
        user.save(update_fields=["second_factor_required"])
    return membership
