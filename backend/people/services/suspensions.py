"""Suspending people: from a place and what is below it, or from their whole account."""

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import sessions
from backend.accounts.services.people import locked
from backend.audit import services as trail
from backend.communities.models import Community, Suspension
from backend.communities.selectors import MANAGES, suspensions_in_force, tenants
from backend.communities.services import roles
from backend.notices import personal
from backend.people.errors import AlreadySuspended, OwnPerson, SuspensionOver
from backend.people.services.standing import require_above, require_reach
from backend.registries.leaving import Leaving, tell

NO_END = datetime(9999, 1, 1, tzinfo=UTC)  # of a person's row, for what is to be lifted


@transaction.atomic
def suspend(
    *,
    place: Community,
    user: User,
    by: User | None,
    reason: str,
    ends_at: datetime | None = None,
    is_everywhere: bool = False,
) -> Suspension:
    """Suspend ``user`` from a place and all below it until ``ends_at``, or until it is lifted.

    Their roles count for nothing there meanwhile; what they have under way there ends as if they
    left, so that nothing is left for somebody to redeem or attend. With ``is_everywhere`` that is
    so wherever they are, and their log-ins end: they may log in again to read, export and leave.
    ``by`` is None for the operator. Raises OwnPerson, StandsAbove, BelongsElsewhere (a whole person
    is suspended by who manages all places of theirs), SuspensionOver, AlreadySuspended.
    """
    user = locked(user.pk)
    if by is not None:
        require_above(by, user, place=None if is_everywhere else place)
        if is_everywhere:
            require_reach(by, user, MANAGES)
    if ends_at is not None and ends_at <= timezone.now():
        raise SuspensionOver
    known = suspensions_in_force(user.pk).filter(community=place, is_everywhere=is_everywhere)
    if known.exists():
        raise AlreadySuspended
    suspension = Suspension.objects.create(
        community=place,
        user=user,
        is_everywhere=is_everywhere,
        reason=reason,
        ends_at=ends_at,
        suspended_by=by,
    )
    _note(user)
    _end_what_runs(user, place, is_everywhere=is_everywhere)
    if is_everywhere:
        sessions.end(user=user)
    _record("person.suspend", suspension, by)
    personal.tell(
        "suspended_until" if ends_at else "suspended",
        person=user,
        about=suspension.pk,
        facts={"place": place.name, "reason": reason},
        moments={"until": ends_at} if ends_at else {},
    )
    return suspension


@transaction.atomic
def lift(*, suspension: Suspension, by: User | None) -> Suspension:
    """Lift a suspension now. Idempotent, also once it has ended by itself. Raises OwnPerson.

    ``by`` is None for the operator.
    """
    user = locked(suspension.user_id)
    if by is not None and by.pk == user.pk:
        raise OwnPerson
    anew = Suspension.objects.select_related("community", "user", "suspended_by", "lifted_by")
    suspension = anew.get(pk=suspension.pk)
    if not suspension.is_in_force:
        return suspension
    suspension.save_with(lifted_at=timezone.now(), lifted_by=by)
    _note(user)
    _record("person.lift_suspension", suspension, by)
    personal.tell(
        "suspension_lifted",
        person=user,
        about=suspension.pk,
        facts={"place": suspension.community.name},
        moments={},
    )
    return suspension


def _note(user: User) -> None:
    """Write on the locked person's row until when they are suspended somewhere."""
    latest = suspensions_in_force(user.pk).order_by(F("ends_at").desc(nulls_first=True)).first()
    user.suspended_until = None if latest is None else latest.ends_at or NO_END
    user.save(update_fields=["suspended_until"])


def _end_what_runs(user: User, place: Community, *, is_everywhere: bool) -> None:
    """Cancel shifts to come, vouchers, wishes and places in teams in the communities concerned."""
    now, known = timezone.now(), roles.hold(user.pk)
    concerned = tenants().filter(pk__in=known, moved_at__isnull=True)
    if not is_everywhere:
        concerned = concerned.filter(Q(pk=place.pk) | Q(parent=place))
    for community_id in concerned.order_by("pk").values_list("pk", flat=True):
        tell(Leaving(user.pk, community_id, now))


def _record(action: str, suspension: Suspension, by: User | None) -> None:
    facts = trail.facts_of(suspension, "is_everywhere", "ends_at")
    trail.record(
        action,
        actor=by,
        community=suspension.community,
        target=suspension.user,
        after=facts | {"suspension": str(suspension.pk)},
    )
