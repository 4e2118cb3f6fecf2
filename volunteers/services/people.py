"""Enrolling volunteers, and their moving away."""

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services.people import locked, put_on_record
from backend.audit.services import trail
from backend.communities.models import Community, Membership, Role
from backend.communities.services import places, roles
from backend.names import of_thing
from volunteers import selectors
from volunteers.errors import VolunteerDiffers, VolunteerLeft
from volunteers.models import JoinRequest, Volunteer
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
    asked = JoinRequest.objects.filter(**theirs).select_related("estate").order_by("-id").first()
    thought_better = asked is not None and asked.status == JoinRequest.Status.WITHDRAWN
    if thought_better or user.erasure_requested_at is not None or not user.is_active:
        raise VolunteerLeft
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
    # Asked before a list enrolled them; staff who answer it now would take them back.
    JoinRequest.objects.filter(
        community_id=volunteer.community_id, user=user, status=JoinRequest.Status.PENDING
    ).update(status=JoinRequest.Status.WITHDRAWN, decided_at=volunteer.left_at)
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
