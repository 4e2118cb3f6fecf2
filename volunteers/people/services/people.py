"""Enrolling volunteers, and their moving away."""

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services.people import locked, put_on_record
from backend.audit import services as trail
from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from backend.names import of_thing
from backend.registries.leaving import Leaving
from volunteers.activities import services as activities
from volunteers.attendance.models import Attendance
from volunteers.attendance.selectors import what_runs
from volunteers.attendance.services import hours
from volunteers.people import selectors
from volunteers.people.errors import VolunteerDiffers, VolunteerLeft
from volunteers.people.models import JoinRequest, Volunteer


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
def enrol_from_list(
    *, community: Community, name: str, phone: str, kind: Volunteer.Kind, estate_name: str = ""
) -> tuple[Volunteer, bool]:
    """Somebody who stands on a list of the community's; ``False`` if they are enrolled already.

    A list adds people and undoes nothing that they did. Raises PhoneBelongsToAnother,
    PhoneWithdrawn, VolunteerLeft (also who took their request to join back, or asked to be erased),
    VolunteerDiffers (from how they are enrolled, or asked to be).
    """
    user = put_on_record(name=name, phone=phone)
    theirs = {"community": community, "user": user}
    known = Volunteer.objects.filter(**theirs).select_related("estate").first()
    if known is not None:
        if known.left_at is not None:
            raise VolunteerLeft
        _check_agrees(known, kind, estate_name)
        return known, False
    if selectors.stays_away(user, community):
        raise VolunteerLeft
    asked = selectors.last_asked(user, community)
    if asked is not None and asked.status == JoinRequest.Status.PENDING:
        _check_agrees(asked, kind, estate_name)
    return enrol(user=user, community=community, kind=kind, estate_name=estate_name)


def _check_agrees(told: Volunteer | JoinRequest, kind: Volunteer.Kind, estate_name: str) -> None:
    """Where one of the two says no estate, they agree about it. Raises VolunteerDiffers."""
    estates = {of_thing(told.estate.name if told.estate else ""), of_thing(estate_name)} - {""}
    if told.kind != kind or len(estates) > 1:
        raise VolunteerDiffers


@transaction.atomic
def leave(*, volunteer: Volunteer) -> Volunteer:
    """Somebody moves away: their role ends, and all that runs with it. Repeating changes nothing.

    Shifts not begun yet go on without them, the one they are at ends for them now, and whoever
    hears of it (``registries/leaving.py``) does the like. Hours, reports, points and what they were
    earned for stay theirs to see.
    """
    user = locked(volunteer.user_id)
    role = roles.volunteering(user_id=user.pk, community_id=volunteer.community_id)
    running = what_runs(Leaving(user.pk, volunteer.community_id, timezone.now()))
    to_come = running.filter(status=Attendance.Status.SIGNED_UP).count()
    if role is not None:
        roles.end(membership=role, ended_by=user)
    volunteer = Volunteer.objects.select_for_update(no_key=True, of=("self",)).get(pk=volunteer.pk)
    if volunteer.left_at is not None:
        return volunteer
    volunteer.left_at = role.ended_at if role else timezone.now()
    volunteer.save(update_fields=["left_at"])
    # Asked before a list enrolled them; staff who answer it now would take them back.
    JoinRequest.objects.filter(
        community_id=volunteer.community_id, user=user, status=JoinRequest.Status.PENDING
    ).update(status=JoinRequest.Status.WITHDRAWN, decided_at=volunteer.left_at)
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
    running = list(what_runs(leaving).select_for_update(no_key=True, of=("self",)))
    for attendance in running:
        if attendance.status == Attendance.Status.CHECKED_IN:
            hours.end(attendance=attendance, at=leaving.at)
        else:
            activities.cancel_sign_up(attendance=attendance)
