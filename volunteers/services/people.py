"""Enrolling volunteers, and their moving away."""

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services.people import locked
from backend.audit.services import trail
from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from backend.leaving import Leaving
from volunteers import selectors
from volunteers.models import Attendance, Volunteer
from volunteers.services import activities, hours


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
    """Somebody moves away: their role ends, and all that runs with it. Repeating changes nothing.

    Shifts not begun yet go on without them, the one they are at ends for them now, and whoever
    hears of ``backend.leaving`` does the like. Hours, reports, points and what they were earned for
    stay theirs to see.
    """
    user = locked(volunteer.user_id)
    role = roles.volunteering(user_id=user.pk, community_id=volunteer.community_id)
    running = selectors.what_runs(Leaving(user.pk, volunteer.community_id, timezone.now()))
    to_come = running.filter(status=Attendance.Status.SIGNED_UP).count()
    if role is not None:
        roles.end(membership=role, ended_by=user)
    volunteer = Volunteer.objects.select_for_update(no_key=True, of=("self",)).get(pk=volunteer.pk)
    if volunteer.left_at is not None:
        return volunteer
    volunteer.left_at = role.ended_at if role else timezone.now()
    volunteer.save(update_fields=["left_at"])
    trail.record(
        "volunteer.leave",
        actor=user,
        community=volunteer.community,
        target=volunteer,
        after={"cancelled": to_come},
    )
    return volunteer


@transaction.atomic
def end_what_runs(leaving: Leaving) -> None:
    """Withdraw their sign-ups for shifts to come, and check them out of where they are.

    A second run finds nothing. A sign-up for a shift that has begun stays: a phone that was offline
    may tell yet that they were there before.
    """
    # All of them are locked before the first is ended.
    running = list(selectors.what_runs(leaving).select_for_update(no_key=True, of=("self",)))
    for attendance in running:
        if attendance.status == Attendance.Status.CHECKED_IN:
            hours.end(attendance=attendance, at=leaving.at)
        else:
            activities.cancel_sign_up(attendance=attendance)
