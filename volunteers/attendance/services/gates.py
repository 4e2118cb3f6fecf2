"""The door: check-in by the venue's code, with or without a sign-up, and the page that shows it."""

from datetime import datetime
from functools import partial

from django.db import transaction
from django.utils import timezone

from backend import clocks
from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.errors import NotAVolunteerHere
from backend.events.models import Status
from volunteers.activities.errors import ShiftCancelled
from volunteers.activities.models import Shift
from volunteers.attendance import codes, errors
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.models.gates import Gate
from volunteers.attendance.services import presence, sign_ups
from volunteers.attendance.services.presence import Evidence


def arrive(
    *,
    volunteer: User,
    evidence: Evidence,
    nonce: str | None = None,
    now: datetime | None = None,
) -> Attendance:
    """Check in at the shift whose code was scanned; signs up as well where walk-ins are allowed.

    Idempotent. Raises CodeForged, and whatever ``take_in`` and ``check_in`` raise.
    """
    # Whoever signed up needs no transaction around that of the check-in: a savepoint costs two
    # trips to the database, of nine in all.
    code = codes.read(codes.Kind.VENUE, evidence.code)
    whose = {"community_id": code.community_id, "shift_id": code.about, "volunteer": volunteer}
    come = partial(presence.check_in, nonce=nonce, now=now, evidence=evidence)
    try:
        return come(attendance=Attendance(**whose))
    except Attendance.DoesNotExist:
        pass
    except errors.AttendanceStatusWrong as wrong:
        if wrong.facts["current_status"] != Attendance.Status.CANCELLED:
            raise
    with transaction.atomic():
        return come(attendance=take_in(shift=shift_of(code), volunteer=volunteer, now=now))


def take_in(
    *,
    shift: Shift,
    volunteer: User,
    at: datetime | None = None,
    now: datetime | None = None,
) -> Attendance:
    """Sign up a volunteer who has come without: now, or ``at`` the time that a phone noted.

    Runs in the caller's transaction, who checks them in. Raises NotSignedUp unless the activity
    allows walk-ins, ShiftCancelled, NotAVolunteerHere if they joined later, and whatever
    ``sign_up`` raises.
    """
    moment = now or timezone.now()
    place = Attendance(community_id=shift.community_id, shift=shift, volunteer=volunteer)
    since_at = presence.held(place)  # before the locks of signing up
    if shift.status == Status.CANCELLED:
        raise ShiftCancelled
    if since_at is None or (at is not None and at < since_at - clocks.SKEW):
        raise NotAVolunteerHere
    if not shift.activity.walk_ins:
        raise errors.NotSignedUp
    place = sign_ups.sign_up(shift=shift, volunteer=volunteer, now=min(at or moment, moment))
    place.save_with(is_walk_in=True)
    return place


def shift_of(code: codes.Code) -> Shift:
    """Return the shift that a venue's code belongs to."""
    return Shift.objects.select_related("activity", "community").get(
        community=code.community_id, pk=code.about
    )


@transaction.atomic
def open_gate(*, shift: Shift, by: User) -> Gate:
    """Make the link of a page that shows the shift's code. Idempotent: returns the open one.

    Raises GateClosed if the shift is over or cancelled.
    """
    shift = shift.locked("community")
    if shift.status == Status.CANCELLED or shift.ends_at <= timezone.now():
        raise errors.GateClosed
    gate, is_new = Gate.objects.get_or_create(
        community_id=shift.community_id,
        shift=shift,
        closed_at=None,
        defaults={"opened_by": by},
    )
    if is_new:
        trail.record("gate.open", actor=by, community=shift.community, target=gate)
    return gate


@transaction.atomic
def close_gate(*, gate: Gate, by: User) -> Gate:
    """End the page's link, which may be in the wrong hands. Idempotent: keeps the first end."""
    gate = gate.locked("community")
    if gate.closed_at is None:
        gate.save_with(closed_at=timezone.now(), closed_by=by)
        trail.record("gate.close", actor=by, community=gate.community, target=gate)
    return gate
