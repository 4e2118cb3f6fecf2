"""Giving roles and taking them away. Volunteers join and leave instead: volunteers/services."""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services.people import locked
from backend.audit import services as trail
from backend.communities.errors import NotAVolunteerHere, OwnRole, RoleConflict, RoleNotYours
from backend.communities.models import Community, Membership, Role
from backend.communities.selectors import AUDITS, HANDLES, lineage
from backend.registries.leaving import Leaving, tell

OWES_SECOND_FACTOR = (Role.MANAGER, Role.AUDITOR)
# As the constraint auditor_changes_nothing has it, and across the tree as well.
EXCLUDES = dict.fromkeys(AUDITS, HANDLES) | dict.fromkeys(HANDLES, AUDITS)


@transaction.atomic
def grant(*, user: User, community: Community, role: Role, granted_by: User | None) -> Membership:
    """Somebody who manages that place or one above gives ``user`` a role there; again, it is had.

    A manager is made by who manages a place above. ``granted_by`` is None for a command, which
    may give any role. Raises OwnRole, RoleNotYours, RoleConflict.
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
def withdraw(*, membership: Membership, withdrawn_by: User | None, because: str) -> Membership:
    """The role ends now and stays on record; of one that has ended, that is its first end.

    By whoever might grant it, so nobody loses a place its last manager but from above.
    ``withdrawn_by`` is None for a command. Raises OwnRole, RoleNotYours.
    """
    if withdrawn_by is not None:
        _require_right(
            withdrawn_by,
            user=membership.user,
            place=membership.community,
            role=Role(membership.role),
        )
    if end(membership=membership, ended_by=withdrawn_by, because=because):
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
    """Put the role on record, whoever may give it; ``False`` if it is held already.

    For ``grant``, joining, imports and scenarios. Managers and auditors owe a second factor from
    their next request on. Raises RoleConflict: nobody audits where they work, there or in a
    place above or below.
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
        if "auditor_changes_nothing" in str(error):
            raise RoleConflict from None
        raise
    if role in OWES_SECOND_FACTOR:
        _ask_for_second_factor_where_due(user)
    return membership, is_new


@transaction.atomic
def end(*, membership: Membership, ended_by: User | None, because: str = "") -> bool:
    """End the role, whoever may; ``False`` if it has ended, and then nothing changes.

    For ``withdraw`` and leaving. Of a volunteer's role everybody hears whose business with them
    ends there as well: ``backend.registries.leaving``.
    """
    locked(membership.user_id)
    Membership.objects.select_for_update(no_key=True).get(pk=membership.pk)  # who acts there waits
    membership.refresh_from_db(fields=["ended_at", "ended_by", "ended_because"])
    if membership.ended_at is not None:
        return False
    membership.ended_at = timezone.now()
    membership.ended_by = ended_by
    membership.ended_because = because
    membership.save(update_fields=["ended_at", "ended_by", "ended_because"])
    if membership.role in OWES_SECOND_FACTOR:
        _ask_for_second_factor_where_due(membership.user)
    if membership.role == Role.VOLUNTEER:
        tell(Leaving(membership.user_id, membership.community_id, membership.ended_at))
    return True


def volunteering(*, user_id: UUID, community_id: UUID) -> Membership | None:
    """The role of a volunteer there, held until the transaction ends.

    Whoever is leaving waits for what is being done, or has left. It is locked before all else that
    is theirs in that community: attendances, vouchers, wishes, the wallet.
    """
    return (
        Membership.objects.select_for_update(no_key=True)
        .filter(
            community_id=community_id, user_id=user_id, role=Role.VOLUNTEER, ended_at__isnull=True
        )
        .first()
    )


def require_volunteer(*, user_id: UUID, community_id: UUID) -> Membership:
    """Go on as ``volunteering`` says. Raises NotAVolunteerHere."""
    membership = volunteering(user_id=user_id, community_id=community_id)
    if membership is None:
        raise NotAVolunteerHere
    return membership


def hold(leaving: Leaving) -> None:
    """Lock the volunteer's roles for whatever ends everywhere though no role does.

    Registered before all that is done about it.
    """
    if leaving.community_id is None:
        theirs = Membership.objects.filter(
            user_id=leaving.user_id, role=Role.VOLUNTEER, ended_at__isnull=True
        )
        list(theirs.select_for_update(no_key=True).order_by("pk"))


def _require_right(by: User, *, user: User, place: Community, role: Role) -> None:
    """Whether ``by`` may give ``user`` that role there, and take it away."""
    if by.pk == user.pk:
        raise OwnRole
    managed_from = lineage(place)
    if role == Role.MANAGER:
        managed_from = managed_from[1:]  # nobody makes their own equal, nor unmakes them
    is_manager = Membership.objects.filter(
        community__in=managed_from, user=by, role=Role.MANAGER, ended_at__isnull=True
    ).exists()
    if role == Role.VOLUNTEER or not is_manager:
        raise RoleNotYours


def _held_along(place: Community) -> QuerySet[Membership]:
    """Roles held there, in the places above and in those below."""
    return Membership.objects.filter(
        Q(community__in=lineage(place))
        | Q(community__parent=place)
        | Q(community__parent__parent=place),
        ended_at__isnull=True,
    )


def _ask_for_second_factor_where_due(user: User) -> None:
    """Keep what every request asks of ``user``; their row is locked."""
    user.second_factor_required = Membership.objects.filter(
        user=user, role__in=OWES_SECOND_FACTOR, ended_at__isnull=True
    ).exists()
    user.save(update_fields=["second_factor_required"])
