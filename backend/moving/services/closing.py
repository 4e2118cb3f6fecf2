"""Closing a community that moves, and opening it again if it was brought nowhere."""

from collections.abc import Iterator
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from backend.audit import services as trail
from backend.audit.models import AuditEntry
from backend.cluster.tables import places as places_on_a_cluster
from backend.communities import fence
from backend.communities.models import Community
from backend.communities.selectors import tenants
from backend.locks import locked
from backend.moving.errors import MoveRefused
from backend.payouts.models import Payout
from backend.verification.models import Verification

LEAVES, RETURNS, ARRIVES = "community.leave", "community.stay", "community.arrive"


def community_called(code: str) -> Community:
    """Return the community, also one that has moved. Raises MoveRefused."""
    if (community := tenants().filter(code=code).first()) is None:
        raise MoveRefused("community_unknown", f"There is no community with the code {code}.")
    return community


def refuse_cluster() -> None:
    """Raise MoveRefused if the database is a cluster's."""
    with connection.cursor() as cursor:
        if places_on_a_cluster(cursor):
            reason = "A community moves between installations that have one PostgreSQL each."
            raise MoveRefused("on_a_cluster", reason)


def places_of(community: Community) -> list[UUID]:
    """Return the ids of the community and its estates: all of them move together."""
    estates = Community.objects.filter(parent=community).order_by("pk")
    return [community.pk, *estates.values_list("pk", flat=True)]


def close(*, community: Community, to: str) -> UUID:
    """Close the community, which goes on at the address ``to``. Returns the id of the move.

    From then on the database refuses every write of it, and whatever was written before is
    committed. Idempotent: the move of one that is closed stays, as does its address. Raises
    MoveRefused on a cluster, and if something is under way that only this installation can end; it
    stays open then.
    """
    refuse_cluster()
    with transaction.atomic():
        community = locked(community)
        if community.moved_at is None:
            _refuse_what_is_under_way(community)
            trail.record(
                LEAVES, actor=None, target=community, community=community, after={"to": to}
            )
            _mark(community, moved_at=timezone.now(), moved_to=to)
    fence.build()
    try:
        _refuse_what_is_under_way(community)  # it may have begun until the last table was fenced
    except MoveRefused:
        stay(community=community)
        raise
    return move_of(community)


def stay(*, community: Community) -> None:
    """Open a closed community again. Nobody may have brought it elsewhere. Idempotent.

    The triggers go first, for the mark is a write as well; until it is gone nobody's sweep
    looks at the community.
    """
    places = places_of(community)
    fence.build(leave_out=places)
    with transaction.atomic():
        here = locked(community)
        if here.moved_at is not None:
            move = move_of(here)
            _mark(here, moved_at=None, moved_to="")
            after = {"move": str(move)}
            trail.record(RETURNS, actor=None, target=here, community=here, after=after)


def move_of(community: Community) -> UUID:
    """Return the id of the last move: that of the entry in the trail which records it."""
    left = AuditEntry.objects.filter(community=community, action=LEAVES).order_by("-id")
    return left.values_list("pk", flat=True)[0]


def _mark(community: Community, **mark: object) -> None:
    Community.objects.filter(pk__in=places_of(community)).update(**mark)


def _refuse_what_is_under_way(community: Community) -> None:
    if reasons := list(_under_way(community)):
        raise MoveRefused("community_busy", *reasons)


def _under_way(community: Community) -> Iterator[str]:
    """Yield what only this installation can end."""
    payouts = Payout.objects.filter(community=community, status__in=Payout.OPEN)
    for pk, status, subject in payouts.order_by("pk").values_list("pk", "status", "subject"):
        yield f"The payout {pk} of {subject} is {status}: let it end, or cancel it."
    running = Verification.objects.filter(
        community=community, status=Verification.Status.RUNNING, next_at__isnull=False
    )
    for pk in running.values_list("pk", flat=True):
        yield f"The verification {pk} is running: let it end, or stop it."
