"""Enrolling volunteers, and leaving."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.accounts.services.people import locked, put_on_record
from backend.audit import services as trail
from backend.communities.errors import OwnRole
from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from backend.names import of_thing
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
    """Make ``user`` a volunteer there. Idempotent: returns ``False`` if they are one already.

    A former volunteer is enrolled again with the new kind and estate. ``estate`` is where they live
    or ride; an estate named ``estate_name`` is created if the community has none.
    """
    if estate_name:
        estate = places.estate_named(community=community, name=estate_name)
    volunteer, is_new = Volunteer.objects.get_or_create(
        community=community, user=user, defaults={"kind": kind, "estate": estate}
    )
    if volunteer.left_at is not None:
        volunteer.save_with(kind=kind, estate=estate, left_at=None)
        is_new = True
    roles.give(user=user, community=community, role=Role.VOLUNTEER, granted_by=granted_by)
    return volunteer, is_new


@transaction.atomic
def enrol_from_list(
    *,
    community: Community,
    name: str,
    phone: str,
    kind: Volunteer.Kind,
    estate_name: str = "",
    enrolled_by: User | None = None,
) -> tuple[Volunteer, bool]:
    """Enrol a person on the community's list; ``False`` if they are enrolled already.

    ``enrolled_by`` is None for a command. A list adds people, and never undoes their own acts.
    Raises OwnRole, PhoneBelongsToAnother, PhoneWithdrawn, VolunteerLeft (also if they withdrew
    their request or asked to be erased), VolunteerDiffers if they are enrolled, or asked to be,
    with another kind or estate.
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
    if enrolled_by == user:
        raise OwnRole
    return enrol(
        user=user,
        community=community,
        kind=kind,
        estate_name=estate_name,
        granted_by=enrolled_by,
    )


def _check_agrees(told: Volunteer | JoinRequest, kind: Volunteer.Kind, estate_name: str) -> None:
    """Raise VolunteerDiffers unless kind and estate agree; a missing estate agrees with any."""
    estates = {of_thing(told.estate.name if told.estate else ""), of_thing(estate_name)} - {""}
    if told.kind != kind or len(estates) > 1:
        raise VolunteerDiffers


@transaction.atomic
def take_off_list(
    *, community: Community, volunteer_ids: Collection[UUID], taken_off_by: User
) -> None:
    """Undo ``enrol_from_list`` for people who did nothing here since; they may be enrolled again.

    Their roles end, and stay on record as roles do; so do their names and numbers. Whatever refers
    to them since, the caller has looked for.
    """
    volunteers = Volunteer.objects.filter(community=community, pk__in=volunteer_ids)
    roles.end_of_list(
        community=community,
        user_ids=list(volunteers.values_list("user", flat=True)),
        ended_by=taken_off_by,
        reason=_("The list was taken back."),
    )
    volunteers._raw_delete(volunteers.db)


@transaction.atomic
def set_skills(*, volunteer: Volunteer, skills: list[str], changed_by: User) -> Volunteer:
    """Set what the volunteer can help with, each skill once. Idempotent."""
    volunteer = volunteer.locked("community", "user")
    skills = list(dict.fromkeys(skills))
    if skills != volunteer.skills:
        before, after = ({"skills": len(some)} for some in (volunteer.skills, skills))
        volunteer.save_with(skills=skills)
        trail.record(
            "volunteer.change", actor=changed_by, target=volunteer, before=before, after=after
        )
    return volunteer


@transaction.atomic
def leave(*, volunteer: Volunteer) -> Volunteer:
    """End a volunteer's part in a community: their role, and everything that runs with it.

    Listeners of ``backend.registries.leaving`` end what they run. The person still sees their
    hours, reports and points. Idempotent.
    """
    user = locked(volunteer.user_id)
    role = roles.volunteering(user_id=user.pk, community_id=volunteer.community_id)
    if role is not None:
        roles.end(membership=role, ended_by=user)
    volunteer = volunteer.locked()
    if volunteer.left_at is not None:
        return volunteer
    volunteer.save_with(left_at=role.ended_at if role else timezone.now())
    # A request older than the list that enrolled them: approving it would take them back.
    JoinRequest.objects.filter(
        community_id=volunteer.community_id, user=user, status=JoinRequest.Status.PENDING
    ).update(status=JoinRequest.Status.WITHDRAWN, decided_at=volunteer.left_at)
    trail.record("volunteer.leave", actor=user, community=volunteer.community, target=volunteer)
    return volunteer
