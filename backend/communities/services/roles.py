"""Giving and withdrawing roles. Volunteers join and leave instead: volunteers/people/services."""

from collections.abc import Collection
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services.people import locked
from backend.api.errors import Suspended
from backend.audit import services as trail
from backend.communities.errors import NotAVolunteerHere, OwnRole, RoleConflict, RoleNotYours
from backend.communities.models import Community, Membership, Role
from backend.communities.selectors import (
    AUDITS,
    HANDLES,
    MANAGES,
    is_within,
    lineage,
    places_where,
)
from backend.registries.leaving import Leaving, tell
from backend.sql import constraint_of

OWES_SECOND_FACTOR = (Role.MANAGER, Role.AUDITOR)
# The constraint auditor_changes_nothing says so for one place, this for the whole tree.
EXCLUDES = dict.fromkeys(AUDITS, HANDLES) | dict.fromkeys(HANDLES, AUDITS)


@transaction.atomic
def grant(*, user: User, community: Community, role: Role, granted_by: User | None) -> Membership:
    """Give ``user`` a role in a place, by somebody who may (``require_right``).

    ``granted_by`` is None for a command, which may give any role. Idempotent. Raises OwnRole,
    RoleNotYours, RoleConflict.
    """
    if granted_by is not None:
        _require_right(granted_by, user=user, place=community, role=role)
    membership, is_new = give(user=user, community=community, role=role, granted_by=granted_by)
    if is_new:
        trail.record(
            "role.grant",
            actor=granted_by,
            community=community,
            target=membership,
            after={"role": membership.role, "user": str(user.pk)},
        )
    return membership


@transaction.atomic
def withdraw(*, membership: Membership, withdrawn_by: User | None, reason: str) -> Membership:
    """End a role now, by those who might grant it. The role stays on record.

    So a place loses its last manager only to a manager above. ``withdrawn_by`` is None for a
    command. Idempotent: keeps the first end. Raises OwnRole, RoleNotYours.
    """
    if withdrawn_by is not None:
        _require_right(
            withdrawn_by,
            user=membership.user,
            place=membership.community,
            role=Role(membership.role),
        )
    if end(membership=membership, ended_by=withdrawn_by, reason=reason):
        trail.record(
            "role.withdraw",
            actor=withdrawn_by,
            community=membership.community,
            target=membership,
            before={"role": membership.role, "user": str(membership.user_id)},
        )
    return membership


@transaction.atomic
def give(
    *, user: User, community: Community, role: Role, granted_by: User | None = None
) -> tuple[Membership, bool]:
    """Put the role on record without asking who may give it; ``False`` if it is held already.

    For ``grant``, joining, imports and scenarios. Managers and auditors owe a second factor from
    their next request on. Raises RoleConflict if the person would audit a place where they work,
    or one above or below it.
    """
    if excluded := EXCLUDES.get(role):
        locked(user.pk)  # two roles that exclude each other must queue here
        if _held_along(community).filter(user=user, role__in=excluded).exists():
            raise RoleConflict
    try:
        membership, is_new = Membership.objects.get_or_create(
            user=user,
            community=community,
            role=role,
            ended_at=None,
            defaults={"granted_by": granted_by},
        )
    except IntegrityError as error:
        if constraint_of(error) == "auditor_changes_nothing":
            raise RoleConflict from None
        raise
    if role in OWES_SECOND_FACTOR:
        _ask_for_second_factor_where_due(user)
    return membership, is_new


@transaction.atomic
def end(*, membership: Membership, ended_by: User | None, reason: str = "") -> bool:
    """End the role without asking who may; ``False`` if it has ended, and then nothing changes.

    For ``withdraw`` and leaving. The end of a volunteer's role is told to all that registered
    with ``backend.registries.leaving``.
    """
    locked(membership.user_id)  # who acts there waits
    membership.refresh_from_db(fields=["ended_at", "ended_by", "reason"])
    if membership.ended_at is not None:
        return False
    membership.ended_at = timezone.now()
    membership.ended_by = ended_by
    membership.reason = reason
    membership.save(update_fields=["ended_at", "ended_by", "reason"])
    if membership.role in OWES_SECOND_FACTOR:
        _ask_for_second_factor_where_due(membership.user)
    if membership.role == Role.VOLUNTEER:
        tell(Leaving(membership.user_id, membership.community_id, membership.ended_at))
    return True


@transaction.atomic
def end_of_list(
    *, community: Community, user_ids: Collection[UUID], ended_by: User, reason: str
) -> None:
    """End the roles of volunteers who did nothing since a list enrolled them: nothing runs then.

    Whoever leaves or is dismissed is told to all that registered (``end``). Idempotent.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT communities_lock_roles(%s, true)", [community.pk])
    Membership.objects.filter(
        community=community, user__in=user_ids, role=Role.VOLUNTEER, ended_at__isnull=True
    ).update(ended_at=timezone.now(), ended_by=ended_by, reason=reason)


def volunteering(
    *, user_id: UUID, community_id: UUID, person: User | None = None
) -> Membership | None:
    """Lock the person until the transaction ends; return their role as a volunteer there, if any.

    Leaving waits for this lock, or has taken it before. It comes before the locks on everything
    else of theirs: attendances, vouchers, wishes, the wallet. The role says whether they
    ``is_suspended`` there, and when it began; what else its row has is read when needed.
    ``person`` is told when they were born and until when they are suspended, as of now.
    """
    assert connection.in_atomic_block, "the lock would end at once"
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM communities_volunteering(%s, %s)", [user_id, community_id])
        role_id, since_at, is_suspended, born_on, suspended_until = cursor.fetchone()
    if person is not None:
        person.born_on, person.suspended_until = born_on, suspended_until
    if role_id is None:
        return None
    known = {
        "id": role_id,
        "community_id": community_id,
        "user_id": user_id,
        "role": Role.VOLUNTEER,
        "since_at": since_at,
        "ended_at": None,
    }
    membership: Membership = Membership.from_db(connection.alias, list(known), list(known.values()))
    membership.is_suspended = is_suspended
    return membership


def require_volunteer(*, user_id: UUID, community_id: UUID) -> Membership:
    """Lock the person as ``volunteering`` does. Raises NotAVolunteerHere, Suspended."""
    membership = volunteering(user_id=user_id, community_id=community_id)
    if membership is None:
        raise NotAVolunteerHere
    if membership.is_suspended:
        raise Suspended
    return membership


def hold(user_id: UUID) -> list[UUID]:
    """Lock the person, and return all communities where they ever were a volunteer.

    Registered with ``backend.registries.leaving``, for where they end in all at once.
    """
    locked(user_id)
    theirs = Membership.objects.filter(user_id=user_id, role=Role.VOLUNTEER)
    return list(theirs.values_list("community_id", flat=True).distinct())


def _require_right(by: User, *, user: User, place: Community, role: Role) -> None:
    """Raise OwnRole or RoleNotYours unless ``by`` may give and withdraw this role of ``user``."""
    if by.pk == user.pk:
        raise OwnRole
    require_right(by, place=place, role=role)


def require_right(by: User, *, place: Community, role: Role) -> None:
    """Raise RoleNotYours unless ``by`` may give somebody else this role in the place.

    Managers of the place or of one above give roles; a manager is appointed from above only, and
    of a street or a community by operators as well.
    """
    if role == Role.MANAGER and place.kind != Community.Kind.ESTATE and by.is_superuser:
        return
    from_above = role == Role.MANAGER  # a manager is appointed and removed from above
    if role == Role.VOLUNTEER or not manages(by, place, from_above=from_above):
        raise RoleNotYours


def manages(user: User, place: Community, *, from_above: bool = False) -> bool:
    """Tell whether ``user`` manages the place or one above it; ``from_above``: one above it.

    Who is suspended there manages nothing.
    """
    reached = place.parent_id if from_above else place.pk
    return places_where(user, MANAGES).filter(pk=reached).exists()


def _held_along(place: Community) -> QuerySet[Membership]:
    """Return the roles held in the place, above it and below it."""
    return Membership.objects.filter(
        Q(community__in=lineage(place)) | is_within(place, "community"), ended_at__isnull=True
    )


def _ask_for_second_factor_where_due(user: User) -> None:
    """Store on the locked user whether their requests need a second factor."""
    user.second_factor_required = (
        user.is_superuser
        or Membership.objects.filter(
            user=user, role__in=OWES_SECOND_FACTOR, ended_at__isnull=True
        ).exists()
    )
    user.save(update_fields=["second_factor_required"])
