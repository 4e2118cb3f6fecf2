"""Teams: founded and dissolved by staff, joined by volunteers, led by some of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.audit import services as trail
from backend.communities.models import Community
from backend.communities.services import places, roles
from backend.names import of_thing
from backend.notices import services as notices
from backend.registries.leaving import Leaving
from backend.sql import constraint_of
from volunteers.teams import selectors
from volunteers.teams.errors import (
    LeaderStays,
    OwnTeamPlace,
    TeamDiffers,
    TeamDissolved,
    TeamMemberLeft,
    TeamMemberStatusWrong,
    TeamNameTaken,
)
from volunteers.teams.models import Team, TeamMember

Status = TeamMember.Status


# --- teams ------------------------------------------------------------------------------------
@transaction.atomic
def found(*, place: Community, founded_by: User | None, name: str, **facts: Any) -> Team:
    """Found a team of a community or an estate; ``founded_by`` is None for a command.

    ``facts`` are other columns of the team. Raises TeamNameTaken.
    """
    with _name_is_free():
        team = Team.objects.create(**place.whose, name=name, **facts)
    trail.record("team.found", actor=founded_by, target=team, after=_told(team))
    return team


@transaction.atomic
def change(*, team: Team, changed_by: User, changes: dict[str, Any]) -> Team:
    """Change name, kind, description or ``is_open`` of a team. Idempotent.

    Raises TeamDissolved, TeamNameTaken.
    """
    team = team.locked("community", "estate")
    _require_running(team)
    before = _told(team)
    with _name_is_free():
        team.save_with(**changes, name_compared="")  # made on saving
    if any(before[name] != after for name, after in _told(team).items()):
        trail.record("team.change", actor=changed_by, target=team, before=before, after=_told(team))
    return team


@transaction.atomic
def dissolve(*, team: Team, dissolved_by: User, reason: str) -> Team:
    """Dissolve a team: its members leave, requests to join end, and all are told why. Idempotent.

    Its activities stay; the staff handle them.
    """
    team = team.locked("community", "estate")
    if team.dissolved_at is not None:
        return team
    now = timezone.now()
    counting = TeamMember.objects.filter(
        community=team.community_id, team=team, status__in=TeamMember.COUNTS
    )
    members = list(counting.select_for_update(no_key=True).order_by("pk"))
    counting.update(status=Status.LEFT, is_leader=False, left_at=now)
    team.save_with(dissolved_at=now)
    trail.record("team.dissolve", actor=dissolved_by, target=team, after={"members": len(members)})
    notices.owe_many(
        community=team.community,
        kind="team_dissolved",
        owed=(
            notices.Owed(
                key=f"team-dissolved:{member.pk}",
                recipient_id=member.volunteer_id,
                facts={"team": team.name, "reason": reason},
                target_id=team.pk,
            )
            for member in members
        ),
        due_at=now,
    )
    return team


# --- joining and leaving ----------------------------------------------------------------------
@transaction.atomic
def join(*, team: Team, volunteer: User) -> tuple[TeamMember, bool]:
    """Take a volunteer into an open team at once; else ask its leaders and the staff.

    Idempotent: a second call returns the first place and ``False``. Raises NotAVolunteerHere,
    GuardianConsentRequired, TeamDissolved.
    """
    roles.require_volunteer(user_id=volunteer.pk, community_id=team.community_id)
    guardians.require_guardian(volunteer)
    team = team.locked("community")
    if mine := _place(team, volunteer):
        return mine, False
    _require_running(team)
    joined = {"status": Status.MEMBER, "joined_at": timezone.now()} if team.is_open else {}
    return TeamMember.objects.create(
        community=team.community, team=team, volunteer=volunteer, **joined
    ), True


@transaction.atomic
def leave(*, member: TeamMember) -> TeamMember:
    """End a member's own place, or withdraw their request. Idempotent."""
    member = _locked(member)
    if member.status in TeamMember.COUNTS:
        _end(member, Status.LEFT)
    return member


@transaction.atomic
def accept(*, member: TeamMember, decided_by: User) -> TeamMember:
    """Take somebody in who asked, and tell them.

    Raises OwnTeamPlace, TeamMemberStatusWrong, NotAVolunteerHere.
    """
    roles.require_volunteer(user_id=member.volunteer_id, community_id=member.community_id)
    member = _for_decision(member, decided_by, Status.ASKED)
    member.save_with(status=Status.MEMBER, joined_at=timezone.now(), decided_by=decided_by)
    _record("team_member.accept", member, decided_by, before=Status.ASKED)
    _tell("team_accepted", member)
    return member


@transaction.atomic
def reject(*, member: TeamMember, decided_by: User, reason: str) -> TeamMember:
    """Reject somebody who asked, and tell them why. Raises OwnTeamPlace, TeamMemberStatusWrong."""
    member = _for_decision(member, decided_by, Status.ASKED)
    _end(member, Status.REJECTED, decided_by=decided_by, reason=reason)
    _record("team_member.reject", member, decided_by, before=Status.ASKED)
    _tell("team_rejected", member)
    return member


@transaction.atomic
def remove(*, member: TeamMember, removed_by: User, reason: str) -> TeamMember:
    """Remove a member who does not lead the team, and tell them why.

    Raises OwnTeamPlace, TeamMemberStatusWrong, LeaderStays.
    """
    member = _for_decision(member, removed_by, Status.MEMBER)
    if member.is_leader:
        raise LeaderStays
    _end(member, Status.LEFT, decided_by=removed_by, reason=reason)
    _record("team_member.remove", member, removed_by, before=Status.MEMBER)
    _tell("team_removed", member)
    return member


# --- leading ----------------------------------------------------------------------------------
@transaction.atomic
def appoint(*, member: TeamMember, appointed_by: User | None) -> TeamMember:
    """Make a member lead the team; ``appointed_by`` is None for a command. Idempotent.

    Raises OwnTeamPlace, TeamMemberStatusWrong.
    """
    return _lead(member, appointed_by, leads=True)


@transaction.atomic
def dismiss(*, member: TeamMember, dismissed_by: User) -> TeamMember:
    """End a member's leading of the team, of which they stay a member. Idempotent.

    Raises OwnTeamPlace, TeamMemberStatusWrong.
    """
    return _lead(member, dismissed_by, leads=False)


def _lead(member: TeamMember, by: User | None, *, leads: bool) -> TeamMember:
    member = _for_decision(member, by, Status.MEMBER)
    if member.is_leader != leads:
        member.save_with(is_leader=leads)
        trail.record(
            "team_member.appoint" if leads else "team_member.dismiss",
            actor=by,
            target=member,
            after={"is_leader": leads},
        )
    return member


# --- lists and leaving the community ----------------------------------------------------------
@dataclass(frozen=True)
class Listed:
    """A place that a list gave: what it was before, and the team if the list founded it.

    ``was`` is None if the list said nothing new, and empty if there was no place.
    """

    member: TeamMember
    was: str | None
    founded: Team | None = None


@transaction.atomic
def add_from_list(
    *,
    community: Community,
    name: str,
    kind: str,
    estate_name: str = "",
    volunteer: User,
    is_leader: bool = False,
    added_by: User | None = None,
) -> Listed:
    """Put a volunteer on a team by the community's list; ``added_by`` is None for a command.

    The team is founded if there is none of that name. A list adds people, and never undoes what
    they did themselves. Raises NotAVolunteerHere, TeamDiffers, TeamMemberLeft, and OwnTeamPlace if
    ``added_by`` would put themselves on it, or make themselves lead it.
    """
    roles.require_volunteer(user_id=volunteer.pk, community_id=community.pk)
    if added_by == volunteer:
        raise OwnTeamPlace
    team = selectors.team_named(community.pk, of_thing(name))
    place = places.estate_named(community=community, name=estate_name) if estate_name else community
    founded = None
    if team is None:
        founded = team = found(place=place, founded_by=added_by, name=name, kind=kind)
    elif team.kind != kind or (estate_name and team.estate_id != place.pk):
        raise TeamDiffers
    team = team.locked("community")
    member = _place(team, volunteer)
    if member is None:
        if selectors.members_of(team).filter(volunteer=volunteer).exists():
            raise TeamMemberLeft
        member = TeamMember(community=community, team=team, volunteer=volunteer)
    was = None
    if member.status != Status.MEMBER:
        was = (
            Status.ASKED.value if member.status == Status.ASKED and not member._state.adding else ""
        )
        member.status, member.joined_at = Status.MEMBER, timezone.now()
        member.decided_by = added_by
        member.save()
    if is_leader and not member.is_leader:
        member = appoint(member=member, appointed_by=added_by)
        was = Status.MEMBER.value if was is None else was
    return Listed(member, was, founded)


@transaction.atomic
def take_off_list(*, community: Community, members: Mapping[UUID, str]) -> None:
    """Undo ``add_from_list``: ``members`` tells of each place what it was before.

    A new place is deleted, one that was asked for waits again, and who was a member stays one and
    leads no more.
    """
    for was in set(members.values()):
        theirs = [pk for pk, before in members.items() if before == was]
        rows = TeamMember.objects.filter(community=community, pk__in=theirs)
        if was == Status.MEMBER:
            rows.update(is_leader=False)
        elif was == Status.ASKED:
            rows.update(status=Status.ASKED, is_leader=False, joined_at=None, decided_by=None)
        else:
            rows._raw_delete(rows.db)


@transaction.atomic
def end_memberships(leaving: Leaving) -> None:
    """End the places of somebody who leaves the community in its teams. Idempotent."""
    TeamMember.objects.filter(**leaving.whose, status__in=TeamMember.COUNTS).update(
        status=Status.LEFT, is_leader=False, left_at=leaving.at
    )


@contextmanager
def _name_is_free() -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if constraint_of(error) == "team_name_once":
            raise TeamNameTaken from None
        raise


def _require_running(team: Team) -> None:
    if team.dissolved_at is not None:
        raise TeamDissolved


def _place(team: Team, volunteer: User) -> TeamMember | None:
    """Return the person's place in the team, which they have or asked for."""
    counting = selectors.members_of(team).filter(status__in=TeamMember.COUNTS)
    return counting.filter(volunteer=volunteer).first()


def _for_decision(member: TeamMember, by: User | None, *allowed: Status) -> TeamMember:
    """Lock a member for a decision of somebody else. Raises OwnTeamPlace, TeamMemberStatusWrong."""
    if by is not None and by.pk == member.volunteer_id:
        raise OwnTeamPlace
    member = _locked(member)
    if member.status not in allowed:
        raise TeamMemberStatusWrong(current_status=member.status)
    return member


def _locked(member: TeamMember) -> TeamMember:
    return member.locked("community", "team", "volunteer", "decided_by")


def _end(member: TeamMember, status: Status, **how: Any) -> None:
    member.save_with(status=status, is_leader=False, left_at=timezone.now(), **how)


def _record(action: str, member: TeamMember, by: User, *, before: Status) -> None:
    trail.record(
        action,
        actor=by,
        target=member,
        before={"status": before},
        after={"status": member.status},
    )


def _tell(kind: str, member: TeamMember) -> None:
    notices.owe(
        community=member.community,
        key=f"{kind}:{member.pk}",
        recipient=member.volunteer,
        kind=kind,
        facts={"team": member.team.name, "reason": member.reason},
        target_id=member.team_id,
        due_at=timezone.now(),
    )


def _told(team: Team) -> dict[str, Any]:
    """Return what the trail tells of a team: nothing personal."""
    return trail.facts_of(team, "name", "kind", "description", "is_open")
