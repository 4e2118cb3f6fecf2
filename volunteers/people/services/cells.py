"""Grid cells: who leads one, who works in it, and who helps there."""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.communities.services import roles
from backend.registries.leaving import Leaving
from backend.sql import constraint_of
from volunteers.people.errors import CellMemberAlready, CellPlaceTaken
from volunteers.people.models import CellMember


@transaction.atomic
def name_member(
    *, community: Community, estate: Community, user_id: UUID, function: str, named_by: User | None
) -> CellMember:
    """Name a volunteer of the community to a function in the grid of an estate.

    ``named_by`` is None for a command. Idempotent. Raises NotAVolunteerHere, CellPlaceTaken if the
    cell has a leader or worker already, CellMemberAlready if they have another function there.
    """
    membership = roles.require_volunteer(user_id=user_id, community_id=community.pk)
    theirs = CellMember.objects.filter(
        community=community, estate=estate, user=user_id, ended_at__isnull=True
    ).first()
    if theirs is not None:
        if theirs.function != function:
            raise CellMemberAlready(function=theirs.function)
        return theirs
    try:
        with transaction.atomic():
            member = CellMember.objects.create(
                community=community,
                estate=estate,
                user=membership.user,
                function=function,
                named_by=named_by,
            )
    except IntegrityError as error:
        if constraint_of(error) == "cell_has_one_leader_and_worker":
            raise CellPlaceTaken(function=function) from None
        raise
    _record("cell.name", member, named_by)
    return member


@transaction.atomic
def end_member(*, member: CellMember, ended_by: User) -> CellMember:
    """End a function in a cell now. Idempotent: keeps the first end."""
    member = member.locked("community", "estate", "user")
    if member.ended_at is None:
        member.save_with(ended_at=timezone.now(), ended_by=ended_by)
        _record("cell.end", member, ended_by)
    return member


def end_memberships(leaving: Leaving) -> None:
    """End the functions of somebody who leaves the community in its cells. Idempotent."""
    CellMember.objects.filter(
        community=leaving.community_id, user=leaving.user_id, ended_at__isnull=True
    ).update(ended_at=leaving.at)


def _record(action: str, member: CellMember, by: User | None) -> None:
    told = {"user": str(member.user_id), "function": member.function}
    trail.record(action, actor=by, target=member, after=told | {"estate": str(member.estate_id)})
