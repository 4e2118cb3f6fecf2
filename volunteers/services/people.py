"""Enrolling volunteers, and their moving away."""

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services.people import locked
from backend.audit.services import trail
from backend.communities.models import Community, Membership, Role
from backend.communities.services import places, roles
from volunteers import selectors
from volunteers.models import Volunteer
from volunteers.services import activities


@transaction.atomic
def enrol(
    *,
    user: User,
    community: Community,
    kind: Volunteer.Kind,
    estate_name: str = "",
    estate: Community | None = None,
    granted_by: User | None = None,
) -> tuple[Volunteer, bool]:
    """Make ``user`` a volunteer there; ``False`` if they are one, and then nothing changes.

    Who had left is taken back, as what they are now. ``estate`` is where they live or ride, or
    ``estate_name``, founded under the community if it is new.
    """
    if estate_name:
        estate = places.estate_named(community=community, name=estate_name)
    volunteer, is_new = Volunteer.objects.get_or_create(
        community=community, user=user, defaults={"kind": kind, "estate": estate}
    )
    if volunteer.left_at is not None:
        volunteer.kind, volunteer.estate, volunteer.left_at = kind, estate, None
        volunteer.save(update_fields=["kind", "estate", "left_at"])
        is_new = True
    roles.give(user=user, community=community, role=Role.VOLUNTEER, granted_by=granted_by)
    return volunteer, is_new


@transaction.atomic
def leave(*, volunteer: Volunteer) -> Volunteer:
    """Somebody moves away: shifts not begun yet go on without them. Repeating changes nothing.

    Hours, reports, points and what they were earned for stay theirs to see.
    """
    user = locked(volunteer.user_id)
    # Locked, so that none of them is checked in to meanwhile; a check-in locks in this order too.
    to_come = list(
        selectors.sign_ups_to_come(volunteer).select_for_update(no_key=True, of=("self",))
    )
    volunteer = Volunteer.objects.select_for_update(no_key=True, of=("self",)).get(pk=volunteer.pk)
    if volunteer.left_at is not None:
        return volunteer
    volunteer.left_at = timezone.now()
    volunteer.save(update_fields=["left_at"])
    for membership in Membership.objects.filter(
        community_id=volunteer.community_id, user=user, role=Role.VOLUNTEER, ended_at__isnull=True
    ):
        roles.end(membership=membership, ended_by=user)
    for attendance in to_come:
        activities.cancel_sign_up(attendance=attendance)
    trail.record(
        "volunteer.leave",
        actor=user,
        community=volunteer.community,
        target=volunteer,
        after={"cancelled": len(to_come)},
    )
    return volunteer
