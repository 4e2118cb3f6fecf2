"""Check-in and check-out: who was there, how it was shown, and how long."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.utils import timezone
from django.utils.crypto import salted_hmac

from backend import clocks
from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.api.errors import Suspended
from backend.audit import services as trail
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Role
from backend.communities.selectors import is_suspended_since
from backend.communities.services import roles
from backend.errors import Refusal
from backend.events.models import Status as Plan
from backend.sql import constraint_of
from volunteers.activities.errors import ShiftCancelled
from volunteers.activities.models import Activity, CheckInMode, Shift
from volunteers.attendance import codes, errors
from volunteers.attendance.models.attendances import Attendance, RefusedClaim
from volunteers.attendance.positions import Position, judged
from volunteers.attendance.services import limits, telling
from volunteers.people import selectors

Status = Attendance.Status
Proof = Attendance.Proof
OFFLINE_FOR = timedelta(hours=72)  # a phone may tell so long afterwards
# Claims refused with these are kept for staff. The final ones stay refused, so reporting them
# again is refused alike.
_FINAL: dict[str, type[Refusal]] = {
    refusal.code: refusal for refusal in (errors.CheckInTooLate, errors.CheckedOutBeforeIn)
}
_KEPT: tuple[type[Refusal], ...] = (
    *_FINAL.values(),
    errors.AlreadyElsewhere,
    errors.AttendanceStatusWrong,
    errors.CheckInByLeader,
    errors.CodeForged,
    errors.CodeOfAnotherShift,
    errors.PresenceCodeExpired,
    NotAVolunteerHere,
    ShiftCancelled,
    Suspended,
)
REFUSED_BY: dict[str, type[Refusal]] = {
    "nobody_in_two_places": errors.AlreadyElsewhere,
    "check_in_nonce_once": errors.NonceReused,
}


# Written out, because in the rush hour Django would take longer to put them together than
# PostgreSQL to answer.
_ELSEWHERE = """
    SELECT other.check_in_nonce
    FROM volunteers_attendance AS other
    WHERE other.community_id = ANY(%(communities)s) AND other.volunteer_id = %(volunteer)s
        AND (
            other.check_in_nonce = %(nonce)s
            OR other.checked_in_at IS NOT NULL AND NOT (other.status = ANY(%(gone)s))
                AND tstzrange(other.checked_in_at, other.checked_out_at)
                    && tstzrange(%(since)s, %(until)s)
        )
"""


# Columns of what ``locked`` reads; those that Django would have to convert are read when needed.
_READ: dict[str, tuple[type[Model], list[str]]] = {
    name: (
        model,
        [one.attname for one in model._meta.concrete_fields if not hasattr(one, "from_db_value")],
    )
    for name, model in (
        ("place", Attendance),
        ("shift", Shift),
        ("activity", Activity),
    )
}
_COLUMNS = ", ".join(f"{name}.{field}" for name, (_, fields) in _READ.items() for field in fields)
_LOCK = f"""
    SELECT {_COLUMNS}, ARRAY(
            SELECT community_id FROM communities_membership AS role
            WHERE role.user_id = place.volunteer_id AND role.role = %s
                AND role.community_id <> place.community_id
        )
    FROM volunteers_attendance AS place
    JOIN volunteers_shift AS shift
        ON shift.community_id = place.community_id AND shift.id = place.shift_id
    JOIN volunteers_activity AS activity
        ON activity.community_id = shift.community_id AND activity.id = shift.activity_id
    WHERE place.community_id = %s AND place.shift_id = %s AND place.volunteer_id = %s
    FOR NO KEY UPDATE OF place
"""  # noqa: S608  # of constants


@dataclass(frozen=True)
class Evidence:
    """Evidence that somebody is there: a code, a position, the phone, or ``by`` whom else.

    ``code`` is the venue's, or with ``by`` the volunteer's own, scanned by whoever leads the shift.
    """

    code: str = ""
    position: Position | None = None
    device: str = ""  # an id that the phone made up, of which a digest is kept
    by: User | None = None

    @property
    def proof(self) -> Proof:
        if self.code:
            return Proof.OWN_CODE if self.by else Proof.VENUE_CODE
        return Proof.LEADER if self.by else Proof.OWN_WORD


NOTHING = Evidence()


def check_in(
    *,
    attendance: Attendance,
    nonce: str | None = None,
    at: datetime | None = None,
    now: datetime | None = None,
    evidence: Evidence = NOTHING,
    is_replayed: bool = False,
) -> Attendance:
    """Check the volunteer in: now, or ``at`` the time that a phone noted while it was offline.

    ``now`` is given to replay the past, and is otherwise the present time. Check-in is open from 30
    minutes before the shift until its end, and a phone may report it up to 72 hours later.
    ``backend.clocks`` bounds ``at`` by the sign-up, the opening, the making of the scanned code and
    now. A volunteer who has left meanwhile may report a time before that, and is checked out when
    they left; for one who came back, the time away is excluded. A refused time is kept for staff
    (RefusedClaim). A position that does not show the venue refuses nothing and is marked.
    Idempotent: while checked in, or with the same ``nonce``, it answers with the first check-in; a
    refusal is repeated under its nonce. ``is_replayed`` lets a person be in several communities at
    once, in each of which one year is played. Raises NotAVolunteerHere, GuardianConsentRequired,
    Suspended, AttendanceStatusWrong, CheckInByLeader, ShiftCancelled, CheckInTooEarly,
    CheckInTooLate, NonceReused, AlreadyElsewhere, CodeForged, CodeOfAnotherShift,
    PresenceCodeExpired.
    """
    moment = now or timezone.now()
    with (
        _kept_for_staff(attendance, RefusedClaim.Act.CHECK_IN, at, moment, evidence, nonce or ""),
        _refused_by_constraint(),
        transaction.atomic(),
    ):
        since_at = held(attendance)
        attendance, elsewhere = _locked(attendance)
        shift, activity = attendance.shift, attendance.shift.activity
        guardians.require_guardian(attendance.volunteer, at=at)
        if is_suspended_since(at or moment, attendance.volunteer, attendance.community_id):
            raise Suspended
        if attendance.status == Status.CHECKED_IN or (
            nonce is not None and attendance.check_in_nonce == nonce
        ):
            return attendance
        if shift.status == Plan.CANCELLED:
            raise ShiftCancelled
        require(attendance, Status.SIGNED_UP, Status.NO_SHOW)
        if activity.check_in_mode == CheckInMode.LEADER and evidence.by is None:
            raise errors.CheckInByLeader
        left_at = None
        if since_at is None:
            left_at = selectors.left_at(attendance.volunteer_id, attendance.community_id)
            if left_at is None or at is None or at > left_at + clocks.SKEW:
                raise NotAVolunteerHere
        if moment < shift.check_in_opens_at:
            raise errors.CheckInTooEarly
        arrived = _taken(
            at,
            code=_scanned(evidence, attendance),
            earliest=max(
                shift.check_in_opens_at, attendance.signed_up_at, _back_since(attendance, since_at)
            ),
            latest=min(moment, left_at or moment),
            now=moment,
        )
        if arrived.at >= shift.ends_at:
            raise errors.CheckInTooLate
        if not is_replayed:
            _require_not_in(elsewhere, attendance, arrived.at, shift.ends_at, nonce=nonce)
        facts: dict[str, Any] = {
            "checked_in_at": arrived.at,
            "check_in_claimed_at": at,
            "check_in_mark": arrived.mark,
            "check_in_nonce": nonce,
            "was_offline": at is not None,
            "proof": evidence.proof,
            "checked_in_by": evidence.by,
            "device_digest": _digest(evidence.device),
            **judged(evidence.position, activity),
        }
        if left_at is not None:
            _left(attendance, left_at, **facts)
        elif moment >= shift.ends_at and activity.check_in_mode != CheckInMode.IN_OUT:
            _left(attendance, shift.ends_at, **facts)
        else:
            attendance.save_with(status=Status.CHECKED_IN, **facts)
        _record("attendance.check_in", attendance, evidence.by)
        return attendance


def mark(
    *,
    attendance: Attendance,
    by: User,
    since: datetime | None = None,
    until: datetime | None = None,
    now: datetime | None = None,
) -> Attendance:
    """Mark, as whoever leads the shift, that somebody was there: all of it unless shortened.

    Until the shift is over, who is marked counts as checked in. Idempotent: whoever is checked in
    or out stays so. Raises NotAVolunteerHere, GuardianConsentRequired, AttendanceStatusWrong,
    ShiftCancelled, CheckInTooEarly, CheckInTooLate if told more than 72 hours after the shift,
    CheckedOutBeforeIn, TimeInTheFuture, AlreadyElsewhere.
    """
    moment = now or timezone.now()
    with _refused_by_constraint(), transaction.atomic():
        since_at = held(attendance)
        attendance, elsewhere = _locked(attendance)
        shift = attendance.shift
        guardians.require_guardian(attendance.volunteer, at=shift.starts_at)
        if attendance.status in (Status.CHECKED_IN, Status.CHECKED_OUT):
            return attendance
        if shift.status == Plan.CANCELLED:
            raise ShiftCancelled
        require(attendance, Status.SIGNED_UP, Status.NO_SHOW)
        if since_at is None:
            raise NotAVolunteerHere
        if moment < shift.check_in_opens_at:
            raise errors.CheckInTooEarly
        if moment > shift.ends_at + OFFLINE_FOR:
            raise errors.CheckInTooLate
        arrived = max(since or shift.starts_at, shift.starts_at)
        left = min(until or shift.ends_at, shift.ends_at)
        if until is not None and left > moment + clocks.SKEW:
            raise errors.TimeInTheFuture
        if arrived >= left:
            raise errors.CheckedOutBeforeIn
        is_over = until is not None or moment >= shift.ends_at
        _require_not_in(elsewhere, attendance, arrived, left)
        facts = {"checked_in_at": arrived, "proof": Proof.LEADER, "checked_in_by": by}
        if is_over:
            leave(attendance, left, checked_out_by=by, **facts)
        else:
            attendance.save_with(status=Status.CHECKED_IN, **facts)
        _record("attendance.mark", attendance, by)
        return attendance


def check_out(
    *,
    attendance: Attendance,
    at: datetime | None = None,
    now: datetime | None = None,
    nonce: str = "",
    evidence: Evidence = NOTHING,
) -> Attendance:
    """Check the volunteer out: now, or ``at`` the time that a phone noted while it was offline.

    Counts whole minutes, as far as no limit cuts them. ``backend.clocks`` bounds ``at`` by the
    check-in, the making of a scanned code and now. A refused time is kept for staff (RefusedClaim).
    Idempotent. Raises AttendanceStatusWrong, CheckInTooLate if reported more than 72 hours later,
    CheckedOutBeforeIn if earlier than the check-in by more than clocks differ, CodeForged,
    CodeOfAnotherShift, PresenceCodeExpired.
    """
    moment = now or timezone.now()
    with (
        _kept_for_staff(attendance, RefusedClaim.Act.CHECK_OUT, at, moment, evidence, nonce),
        transaction.atomic(),
    ):
        attendance = locked(attendance)
        # A phone that was offline may report a check-out that was closed as forgotten meanwhile.
        is_late_news = attendance.check_out_was_forgotten and at is not None
        is_late_news = is_late_news and attendance.corrected_by_id is None
        if attendance.status == Status.CHECKED_OUT and not is_late_news:
            return attendance
        require(attendance, Status.CHECKED_IN, Status.CHECKED_OUT)
        assert attendance.checked_in_at is not None
        left = _taken(
            at,
            code=_scanned(evidence, attendance),
            earliest=attendance.checked_in_at,
            latest=moment,
            now=moment,
        )
        if left.mark == clocks.TOO_EARLY:
            raise errors.CheckedOutBeforeIn
        leave(
            attendance,
            left.at,
            check_out_was_forgotten=False,
            was_offline=attendance.was_offline or at is not None,
            check_out_claimed_at=at,
            check_out_mark=left.mark,
            checked_out_by=evidence.by,
        )
        _record("attendance.check_out", attendance, evidence.by)
        return attendance


@transaction.atomic
def close_forgotten(*, attendance: Attendance) -> Attendance:
    """Check out at the shift's end whoever is still there. Idempotent.

    Where volunteers check out themselves, they forgot to, which is marked, and they are told.
    """
    attendance = locked(attendance)
    if attendance.status != Status.CHECKED_IN:
        return attendance
    _left(attendance, attendance.shift.ends_at)
    if attendance.check_out_was_forgotten:
        key = f"check-out-forgotten:{attendance.pk}"
        telling.tell_of_past("check_out_forgotten", attendance, key)
    return attendance


@transaction.atomic
def end(*, attendance: Attendance, at: datetime) -> Attendance:
    """Check out at ``at`` a volunteer who leaves the community. Idempotent.

    If the shift was over by then, the check-out counts as forgotten.
    """
    attendance = locked(attendance)
    if attendance.status != Status.CHECKED_IN:
        return attendance
    return _left(attendance, at)


def held(attendance: Attendance) -> datetime | None:
    """Lock the person, and return since when they are a volunteer there.

    ``None`` if they are none. Check-ins of one person queue here, in whatever communities: nobody
    is in two places. How old the attendance's volunteer is, which decides about guardians, is read
    anew, and whether they are suspended.
    """
    role = roles.volunteering(
        user_id=attendance.volunteer_id,
        community_id=attendance.community_id,
        person=attendance.volunteer,
    )
    return role.since_at if role else None


def require(attendance: Attendance, *allowed: Status) -> None:
    """Raise AttendanceStatusWrong unless the attendance is in one of the ``allowed`` states."""
    if attendance.status not in allowed:
        raise errors.AttendanceStatusWrong(current_status=attendance.status)


@contextmanager
def _kept_for_staff(
    attendance: Attendance,
    act: RefusedClaim.Act,
    at: datetime | None,
    told_at: datetime,
    evidence: Evidence,
    nonce: str,
) -> Iterator[None]:
    """Keep a refused claim for staff. Raises a final refusal again under its nonce."""
    claim: dict[str, Any] = {
        "community_id": attendance.community_id,
        "attendance": attendance,
        "told_by_id": evidence.by.pk if evidence.by else attendance.volunteer_id,
        "act": act,
        "nonce": nonce,
    }
    if nonce and at is not None:
        before = RefusedClaim.objects.filter(**claim, refused_as__in=_FINAL).first()
        if before is not None:
            raise _FINAL[before.refused_as]
    try:
        yield
    except _KEPT as refusal:
        if at is not None:
            about = {"shift_id": attendance.shift_id, "volunteer_id": attendance.volunteer_id}
            keep(refusal, about=about, told_at=told_at, **claim, claimed_at=at)
        raise


def keep(
    refusal: Refusal, *, about: dict[str, Any], told_at: datetime, **claim: Any
) -> RefusedClaim:
    """Keep a refused claim for staff. Idempotent: the first telling stays."""
    first = {"refused_as": refusal.code, "told_at": told_at} | about
    kept, _ = RefusedClaim.objects.get_or_create(**claim, defaults=first)
    return kept


@contextmanager
def _refused_by_constraint() -> Iterator[None]:
    """Raise the refusal that a constraint stands for, once its transaction is undone."""
    try:
        yield
    except IntegrityError as error:
        if refusal := REFUSED_BY.get(constraint_of(error) or ""):
            raise refusal from None
        raise


def _require_not_in(
    communities: list[UUID],
    attendance: Attendance,
    since: datetime,
    until: datetime,
    *,
    nonce: str | None = None,
) -> None:
    """Raise AlreadyElsewhere if the held person is in one of these ``communities`` meanwhile.

    Raises NonceReused if a check-in of theirs there has the nonce. Within the attendance's own
    community two constraints see to both.
    """
    if not communities:
        return
    asked: dict[str, Any] = {
        "communities": communities,
        "volunteer": attendance.volunteer_id,
        "nonce": nonce,
        "since": since,
        "until": until,
        "gone": list(Attendance.DOES_NOT_COUNT),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ELSEWHERE, asked)
        nonces = [row[0] for row in cursor.fetchall()]
    if nonce is not None and nonce in nonces:
        raise errors.NonceReused
    if nonces:
        raise errors.AlreadyElsewhere


def _back_since(attendance: Attendance, since_at: datetime | None) -> datetime:
    """Return when the volunteer last joined or signed up, whichever is later."""
    if since_at is None or since_at <= attendance.signed_up_at:
        return attendance.signed_up_at
    left_between = selectors.has_left_since(
        attendance.volunteer_id, attendance.community_id, attendance.signed_up_at
    )
    return since_at if left_between else attendance.signed_up_at


def locked(attendance: Attendance) -> Attendance:
    """Lock and return a volunteer's attendance, with its shift and activity.

    Has the community and the person that the given one has, and reads them when needed if not.
    """
    place, _ = _locked(attendance)
    return place


def _locked(attendance: Attendance) -> tuple[Attendance, list[UUID]]:
    """Lock the attendance; return it, and the other communities that ever had its volunteer."""
    of = [attendance.community_id, attendance.shift_id, attendance.volunteer_id]
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [Role.VOLUNTEER, *of])
        if (row := cursor.fetchone()) is None:
            raise Attendance.DoesNotExist
    values = iter(row)
    found: dict[str, Any] = {
        name: model.from_db(connection.alias, fields, list(islice(values, len(fields))))
        for name, (model, fields) in _READ.items()
    }
    place: Attendance = found["place"]
    place.shift, place.shift.activity = found["shift"], found["activity"]
    for name in ("community", "volunteer"):
        if getattr(Attendance, name).is_cached(attendance):
            setattr(place, name, getattr(attendance, name))
    return place, next(values)


def _scanned(evidence: Evidence, attendance: Attendance) -> codes.Code | None:
    """Return the code that was scanned, if any. Raises CodeForged, CodeOfAnotherShift."""
    if not evidence.code:
        return None
    if evidence.by:  # whose it is was read to find the attendance
        return codes.read(codes.Kind.OWN, evidence.code)
    code = codes.read(codes.Kind.VENUE, evidence.code)
    if code.about != attendance.shift_id:
        raise errors.CodeOfAnotherShift
    return code


def _taken(
    at: datetime | None,
    *,
    code: codes.Code | None,
    earliest: datetime,
    latest: datetime,
    now: datetime,
) -> clocks.Taken:
    """Return the moment that counts, with its mark: now, or what ``at`` is taken for.

    A scanned code is good for a step before and after its own, by our clock, and for as much more
    as a phone's clock may differ. Raises CheckInTooLate, PresenceCodeExpired.
    """
    if at is None:
        if code and not code.is_good_at(now):
            raise errors.PresenceCodeExpired
        return clocks.Taken(now, "")
    if code:
        if at > code.good_until + clocks.SKEW:
            raise errors.PresenceCodeExpired
        earliest, latest = max(earliest, code.made_at), min(latest, code.good_until)
    told = clocks.taken(at, earliest=earliest, latest=latest)
    if told.at < now - OFFLINE_FOR:
        raise errors.CheckInTooLate
    return told


def _left(attendance: Attendance, at: datetime, **told: Any) -> Attendance:
    """Check out at ``at``; at or after the shift's end, whoever is to check out forgot to."""
    attendance.checked_in_at = told.get("checked_in_at", attendance.checked_in_at)
    assert attendance.checked_in_at is not None
    if at < attendance.shift.ends_at:
        return leave(attendance, max(at, attendance.checked_in_at), **told)
    is_forgotten = (
        attendance.shift.activity.check_in_mode == CheckInMode.IN_OUT
        and attendance.proof != Proof.LEADER
    )
    return leave(attendance, attendance.shift.ends_at, check_out_was_forgotten=is_forgotten, **told)


def leave(attendance: Attendance, moment: datetime, **told: Any) -> Attendance:
    attendance.checked_in_at = told.get("checked_in_at", attendance.checked_in_at)
    assert attendance.checked_in_at is not None
    # Staying checked in after the shift earns nothing.
    attendance.checked_out_at = min(moment, attendance.shift.ends_at)
    if attendance.checked_out_at < attendance.checked_in_at:
        raise errors.CheckedOutBeforeIn
    attendance.save_with(
        status=Status.CHECKED_OUT,
        signals=None,  # the sweep looks for them anew
        checked_out_at=attendance.checked_out_at,
        **limits.counted(attendance),
        **told,
    )
    return attendance


def _record(action: str, attendance: Attendance, by: User | None) -> None:
    """Record what somebody else did for the volunteer."""
    if by is not None:
        trail.record(
            action,
            actor=by,
            community=attendance.community,
            target=attendance,
            after={"status": attendance.status, "proof": attendance.proof},
        )


def _digest(device: str) -> str:
    if not device:
        return ""
    digest = salted_hmac("volunteers.attendance.device", device, algorithm="sha256")
    return digest.hexdigest()
