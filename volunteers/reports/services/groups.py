"""Groups of reporters: managers make them, and say who belongs to which."""

from datetime import date
from typing import Any

from django.db import IntegrityError, transaction

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Community
from backend.sql import constraint_of
from volunteers.people.models import Volunteer
from volunteers.reports import errors
from volunteers.reports.models.groups import ReporterGroup, ReporterGroupMember


@transaction.atomic
def make(*, community: Community, code: str, name: str, made_by: User) -> ReporterGroup:
    """Make a group that rules may name by its ``code``.

    Idempotent: returns the group of that code. Raises GroupCodeTaken if that has another name, or
    if the code is that of a kind of volunteers.
    """
    if code in Volunteer.Kind.values:
        raise errors.GroupCodeTaken
    group, is_new = ReporterGroup.objects.get_or_create(
        community=community, code=code, defaults={"name": name}
    )
    if group.name != name:
        raise errors.GroupCodeTaken
    if is_new:
        trail.record(
            "reporter_group.make",
            actor=made_by,
            community=community,
            target=group,
            after={"code": code},
        )
    return group


@transaction.atomic
def add(
    *,
    group: ReporterGroup,
    person: User,
    added_by: User,
    since: date | None = None,
    until: date | None = None,
) -> ReporterGroupMember:
    """Put a volunteer into the group from ``since``, today if not given, to the end of ``until``.

    Reports of those days that are closed from now on are rewarded by the group's rates. Idempotent
    by person and days. Raises NotAVolunteerHere, GroupDaysWrong, InAnotherGroup.
    """
    community = group.community
    since = since or community.today
    if until is not None and until < since:
        raise errors.GroupDaysWrong
    if not Volunteer.objects.filter(community=community, user=person).exists():
        raise NotAVolunteerHere
    days: dict[str, Any] = {"since": since, "until": until}
    member = ReporterGroupMember(community=community, group=group, person=person, **days)
    known = group.members.filter(community=community, person=person, since=since).first()
    if known and known.until == until:
        return known
    try:
        with transaction.atomic():
            member.save(force_insert=True)
    except IntegrityError as error:
        if constraint_of(error) != "reporter_in_one_group":
            raise
        raise errors.InAnotherGroup from error
    after = trail.facts_of(member, "since", "until") | {"person": str(person.pk)}
    trail.record(
        "reporter_group.add", actor=added_by, community=community, target=group, after=after
    )
    return member


@transaction.atomic
def remove(
    *, member: ReporterGroupMember, removed_by: User, until: date | None = None
) -> ReporterGroupMember:
    """End a membership with the day ``until``, today if not given. Idempotent: keeps the first end.

    Raises GroupDaysWrong if that is before its first day.
    """
    member = member.locked("community", "group")
    if member.until is not None:
        return member
    until = until or member.community.today
    if until < member.since:
        raise errors.GroupDaysWrong
    member.save_with(until=until)
    trail.record(
        "reporter_group.remove",
        actor=removed_by,
        community=member.community,
        target=member.group,
        after={"person": str(member.person_id), "until": until.isoformat()},
    )
    return member
